package run

import (
	"bytes"
	"errors"
	"io"
)

// merger merges runs by a tree of losers: an inner node holds the source that lost there, the winner of all is at the
// root, and when it moves on only the nodes between its leaf and the root are played again.
type merger struct {
	sources []*source
	nodes   []int32 // [0] the winner, [1:] losers; the leaf of source i is below node (i+len)/2
	started bool    // the winner's record was handed out
	file    *spill  // to be removed at the end, or nil
	err     error
}

// newMerger opens the inputs. It owns file from then on, also when it fails.
func newMerger(inputs []opener, file *spill) (*merger, error) {
	m := &merger{file: file}
	var err error
	if m.sources, err = openAll(inputs); err != nil {
		return nil, errors.Join(err, m.Close())
	}
	m.build()
	return m, nil
}

// build plays all matches once, from the leaves up.
func (m *merger) build() {
	k := len(m.sources)
	m.nodes = make([]int32, max(k, 1))
	winners := make([]int32, 2*k)
	for i := range k {
		winners[k+i] = int32(i)
	}
	for n := k - 1; n > 0; n-- {
		winners[n], m.nodes[n] = m.play(winners[2*n], winners[2*n+1])
	}
	if k > 0 {
		m.nodes[0] = winners[min(1, k)]
	}
}

func (m *merger) play(a, b int32) (winner, loser int32) {
	if less(m.sources[b], m.sources[a]) {
		return b, a
	}
	return a, b
}

func less(a, b *source) bool {
	switch {
	case a.ended || b.ended:
		return b.ended && !a.ended
	case a.prefix != b.prefix:
		return a.prefix < b.prefix
	}
	return bytes.Compare(a.rec, b.rec) < 0
}

// Next implements Iterator.
func (m *merger) Next() ([]byte, error) {
	if m.err == nil {
		m.err = m.step()
	}
	if m.err != nil {
		return nil, m.err
	}
	return m.sources[m.nodes[0]].rec, nil
}

// step moves the last winner on and finds the next one.
func (m *merger) step() error {
	if len(m.sources) == 0 {
		return io.EOF
	}
	if m.started {
		if err := m.sources[m.nodes[0]].advance(); err != nil {
			return err
		}
		m.replay()
	}
	m.started = true
	if m.sources[m.nodes[0]].ended {
		return io.EOF
	}
	return nil
}

func (m *merger) replay() {
	winner := m.nodes[0]
	for n := (int(winner) + len(m.sources)) / 2; n > 0; n /= 2 {
		if less(m.sources[m.nodes[n]], m.sources[winner]) {
			winner, m.nodes[n] = m.nodes[n], winner
		}
	}
	m.nodes[0] = winner
}

// Close implements Iterator.
func (m *merger) Close() error {
	err := closeAll(m.sources)
	if m.file != nil {
		err = errors.Join(err, m.file.Close())
		m.file = nil
	}
	if m.err == nil {
		m.err = errors.New("merge is closed")
	}
	return err
}
