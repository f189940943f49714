package main

import (
	"bufio"
	"container/heap"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
)

// sorterBytes is how much a sorter holds before it spills.
const sorterBytes = 128 << 20

// sorter sorts pairs of texts, bytewise by the first and then the second. What it cannot hold it spills into files.
type sorter struct {
	folder string // for spilled files; empty: the system's
	limit  int
	held   [][2]string
	size   int
	files  []*os.File
}

func newSorter(folder string, limit int) *sorter { return &sorter{folder: folder, limit: limit} }

func comparePairs(a, b [2]string) int {
	if order := strings.Compare(a[0], b[0]); order != 0 {
		return order
	}
	return strings.Compare(a[1], b[1])
}

// add takes a pair. The texts are kept.
func (s *sorter) add(first, second string) error {
	s.held = append(s.held, [2]string{first, second})
	s.size += len(first) + len(second) + 32
	if s.size < s.limit {
		return nil
	}
	return s.spill()
}

// spill writes what is held to a file of its own, which has no name from then on.
func (s *sorter) spill() error {
	file, err := os.CreateTemp(s.folder, "dice-export-*")
	if err != nil {
		return fmt.Errorf("spill labels: %w", err)
	}
	s.files = append(s.files, file)
	if err := os.Remove(file.Name()); err != nil {
		return fmt.Errorf("spill labels: %w", err)
	}
	slices.SortFunc(s.held, comparePairs)
	b := bufio.NewWriterSize(file, 1<<18)
	var number [binary.MaxVarintLen64]byte
	for _, pair := range s.held {
		for _, text := range pair {
			b.Write(number[:binary.PutUvarint(number[:], uint64(len(text)))])
			b.WriteString(text)
		}
	}
	s.held, s.size = s.held[:0], 0
	if err := b.Flush(); err != nil {
		return fmt.Errorf("spill labels: %w", err)
	}
	return nil
}

// each calls visit for every pair in order. Nothing can be added afterwards.
func (s *sorter) each(visit func(first, second string) error) error {
	slices.SortFunc(s.held, comparePairs)
	runs := runHeap{{rest: s.held}}
	for _, file := range s.files {
		if _, err := file.Seek(0, io.SeekStart); err != nil {
			return fmt.Errorf("read spilled labels: %w", err)
		}
		runs = append(runs, &sortedRun{file: bufio.NewReaderSize(file, 1<<16)})
	}
	open := runs[:0]
	for _, r := range runs {
		more, err := r.next()
		if err != nil {
			return err
		}
		if more {
			open = append(open, r)
		}
	}
	heap.Init(&open)
	for len(open) > 0 {
		if err := visit(open[0].pair[0], open[0].pair[1]); err != nil {
			return err
		}
		more, err := open[0].next()
		switch {
		case err != nil:
			return err
		case more:
			heap.Fix(&open, 0)
		default:
			heap.Pop(&open)
		}
	}
	return nil
}

// close drops the spilled files.
func (s *sorter) close() error {
	var errs []error
	for _, file := range s.files {
		errs = append(errs, file.Close())
	}
	return errors.Join(errs...)
}

// sortedRun is a sorted run of pairs, in a file or in memory, and the pair at its front.
type sortedRun struct {
	file *bufio.Reader
	rest [][2]string
	pair [2]string
}

// next moves to the next pair, if there is one.
func (r *sortedRun) next() (bool, error) {
	if r.file == nil {
		if len(r.rest) == 0 {
			return false, nil
		}
		r.pair, r.rest = r.rest[0], r.rest[1:]
		return true, nil
	}
	for i := range r.pair {
		size, err := binary.ReadUvarint(r.file)
		if err == io.EOF && i == 0 {
			return false, nil
		}
		if err != nil {
			return false, fmt.Errorf("read spilled labels: %w", err)
		}
		text := make([]byte, size)
		if _, err := io.ReadFull(r.file, text); err != nil {
			return false, fmt.Errorf("read spilled labels: %w", err)
		}
		r.pair[i] = string(text)
	}
	return true, nil
}

// runHeap keeps the run with the smallest pair in front.
type runHeap []*sortedRun

func (h runHeap) Len() int           { return len(h) }
func (h runHeap) Less(i, j int) bool { return comparePairs(h[i].pair, h[j].pair) < 0 }
func (h runHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *runHeap) Push(x any)        { *h = append(*h, x.(*sortedRun)) }
func (h *runHeap) Pop() any {
	last := (*h)[len(*h)-1]
	*h = (*h)[:len(*h)-1]
	return last
}
