package run

import (
	"errors"
	"fmt"
	"io"
	"slices"
)

// minBudget is the least memory a Sorter or a merge works with, whatever it was given.
const minBudget = 64 << 10

// Sorter sorts records. It is used by one goroutine: Add, then Sorted once, then Close.
type Sorter struct {
	budget  int
	scratch string
	arena   arena
	index   []entry
	file    *spill // nil until memory was full for the first time
	runs    []opener
	merged  Iterator
}

// NewSorter returns a Sorter that uses about budget octets of memory, at least 64 KiB or one record, and a file in the
// folder scratch (empty: the system's) for what does not fit.
func NewSorter(budget int, scratch string) *Sorter {
	budget = max(budget, minBudget)
	return &Sorter{budget: budget, scratch: scratch, arena: arena{size: min(budget/32, 1<<20)}}
}

// Add copies a record into the sorter.
func (s *Sorter) Add(rec []byte) error {
	if len(rec) > MaxRecord {
		return fmt.Errorf("sort record of %d octets: %w", len(rec), ErrTooLarge)
	}
	if len(s.index) > 0 && s.full(len(rec)) {
		if err := s.spill(); err != nil {
			return err
		}
	}
	if len(s.index) == cap(s.index) {
		s.index = slices.Grow(s.index, s.growth())
	}
	s.index = append(s.index, s.arena.add(rec))
	return nil
}

// growth is the number of entries by which the index grows.
func (s *Sorter) growth() int { return max(256, cap(s.index)) }

// full tells whether one more record would take more than the budget, or than an arena can hold. While the index grows there are two of them.
func (s *Sorter) full(n int) bool {
	if s.arena.isFull(n) {
		return true
	}
	need := s.arena.held + s.arena.grows(n) + cap(s.index)*entrySize
	if len(s.index) == cap(s.index) {
		need += (cap(s.index) + s.growth()) * entrySize
	}
	return need > s.budget
}

// blockFor is the size of spilled blocks: small enough to have a useful number of runs open within the budget.
func blockFor(budget int) int { return min(blockSize, budget/32) }

// spill writes the records in memory out as a sorted run.
func (s *Sorter) spill() error {
	if s.file == nil {
		f, err := newSpill(s.scratch)
		if err != nil {
			return err
		}
		s.file = f
	}
	s.arena.sort(s.index)
	open, err := s.file.write(blockFor(s.budget), s.dump)
	if err != nil {
		return err
	}
	s.runs = append(s.runs, open)
	s.index = s.index[:0]
	s.arena.reset()
	return nil
}

func (s *Sorter) dump(w *Writer) error {
	in := memory{sorter: s}
	for {
		rec, err := in.Next()
		if err == io.EOF {
			return nil
		}
		if err == nil {
			err = w.Append(rec)
		}
		if err != nil {
			return err
		}
	}
}

// Sorted ends the adding and returns all records in order. The iterator is valid until Close.
func (s *Sorter) Sorted() (Iterator, error) {
	if s.file == nil {
		s.arena.sort(s.index)
		return &memory{sorter: s}, nil
	}
	if err := s.spill(); err != nil {
		return nil, err
	}
	s.arena, s.index = arena{size: s.arena.size}, nil
	it, err := merge(s.runs, mergeConfig{s.budget, blockFor(s.budget), s.scratch})
	if err != nil {
		return nil, err
	}
	s.merged = it
	return it, nil
}

// Close frees memory and files. It may be called at any time, and twice.
func (s *Sorter) Close() error {
	var err error
	if s.merged != nil {
		err = s.merged.Close()
	}
	if s.file != nil {
		err = errors.Join(err, s.file.Close())
	}
	*s = Sorter{budget: s.budget, scratch: s.scratch, arena: arena{size: s.arena.size}}
	return err
}

// memory yields what a Sorter holds in memory.
type memory struct {
	sorter *Sorter
	next   int
	warm   byte
}

// warmed is how many records are touched at once.
const warmed = 64

func (m *memory) Next() ([]byte, error) {
	if m.next >= len(m.sorter.index) {
		return nil, io.EOF
	}
	if m.next%warmed == 0 {
		m.warmUp(m.sorter.index[m.next:min(m.next+warmed, len(m.sorter.index))])
	}
	e := m.sorter.index[m.next]
	m.next++
	return m.sorter.arena.record(e), nil
}

// warmUp touches records that come next. In order, they lie anywhere in memory: to wait for all of them at once is faster than
// for one after the other.
func (m *memory) warmUp(next []entry) {
	for _, e := range next {
		if rec := m.sorter.arena.record(e); len(rec) > 0 {
			m.warm ^= rec[0] ^ rec[len(rec)-1]
		}
	}
}

func (m *memory) Close() error { return nil }
