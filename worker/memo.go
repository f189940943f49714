package worker

import (
	"github.com/dice-engine/dice/internal/words"
	"github.com/dice-engine/dice/reduce"
)

// memo remembers answers by content, within bounds: when a generation is full it becomes the old one, and what was in
// the old one and not asked for since is forgotten. Keys are compared in full, so an answer is never another's.
type memo[V any] struct {
	young, old generation[V]
	limit      int // octets of a generation
}

// generation holds answers by the numbers of their keys.
type generation[V any] struct {
	keys    words.List
	answers []remembered[V]
	size    int // octets of keys and answers
}

// remembered is an answer that takes size octets beside its key.
type remembered[V any] struct {
	answer V
	size   int
}

func newMemo[V any](limit int) *memo[V] { return &memo[V]{limit: limit} }

// entryOverhead is what an entry costs beside its octets, roughly.
const entryOverhead = 96

// get returns the answer to key, if it is remembered.
func (m *memo[V]) get(key words.Hashed) (answer V, known bool) {
	if n, known := m.young.keys.Find(key); known {
		return m.young.answers[n].answer, true
	}
	n, known := m.old.keys.Find(key)
	if !known {
		return answer, false
	}
	r := m.old.answers[n]
	m.put(key, r.answer, r.size)
	return r.answer, true
}

// put remembers an answer that takes size octets beside its key. Of two answers to one key the first one stays.
func (m *memo[V]) put(key words.Hashed, answer V, size int) {
	cost := key.Len() + size + entryOverhead
	if m.young.size+cost > m.limit {
		m.young, m.old = m.old, m.young
		m.young.reset(m.limit)
	}
	if n := m.young.keys.NumberHashed(key); int(n) == len(m.young.answers) {
		m.young.answers = append(m.young.answers, remembered[V]{answer, size})
		m.young.size += cost
	}
}

// reset forgets the generation. Of its keys' buffer no more than keep octets are kept.
func (g *generation[V]) reset(keep int) {
	clear(g.answers)
	g.keys.Reset(keep)
	g.answers, g.size = g.answers[:0], 0
}

// memoBytes bounds what a slot remembers of one protocol's records, and of its certificates, per generation.
const memoBytes = 4 << 20

// answer is what a signature said of a record.
type answer struct {
	kept        bool
	fingerprint []byte
	labels      string

	fingerprintAt, labelsAt reduce.Place
}

// answerOverhead is what an answer costs beside its texts, roughly.
const answerOverhead = 96

// memos are what a slot keeps from task to task: answers by protocol.
type memos struct {
	job          *job
	answers      []*memo[*answer]
	certificates []*memo[*certificate]
}

// forJob returns the memos, emptied when they were another job's.
func (m *memos) forJob(j *job) *memos {
	if m.job == j {
		return m
	}
	*m = memos{job: j}
	for range j.protocols {
		m.answers = append(m.answers, newMemo[*answer](memoBytes))
		m.certificates = append(m.certificates, newMemo[*certificate](memoBytes))
	}
	return m
}
