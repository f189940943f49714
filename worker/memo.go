package worker

import "github.com/dice-engine/dice/reduce"

// memo remembers answers by content, within bounds: when a generation is full it becomes the old one, and what was in
// the old one and not asked for since is forgotten. Keys are compared in full, so an answer is never another's.
type memo[V any] struct {
	young, old map[string]remembered[V]
	size       int // octets of keys and answers in young
	limit      int
}

// remembered is an answer that takes size octets beside its key.
type remembered[V any] struct {
	answer V
	size   int
}

func newMemo[V any](limit int) *memo[V] {
	return &memo[V]{young: map[string]remembered[V]{}, limit: limit}
}

// entryOverhead is what a map entry costs beside its octets, roughly.
const entryOverhead = 96

// get returns the answer to key, if it is remembered.
func (m *memo[V]) get(key []byte) (V, bool) {
	if r, ok := m.young[string(key)]; ok {
		return r.answer, true
	}
	r, ok := m.old[string(key)]
	if ok {
		m.put(key, r.answer, r.size)
	}
	return r.answer, ok
}

// put remembers an answer that takes size octets beside its key.
func (m *memo[V]) put(key []byte, answer V, size int) {
	m.size += len(key) + size + entryOverhead
	if m.size > m.limit {
		m.old, m.young = m.young, make(map[string]remembered[V], len(m.young))
		m.size = len(key) + size + entryOverhead
	}
	m.young[string(key)] = remembered[V]{answer, size}
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
