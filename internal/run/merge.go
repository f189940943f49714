package run

import (
	"errors"
	"fmt"
	"io"

	"golang.org/x/sync/errgroup"
)

const (
	maxFan   = 64 // runs open at a time
	openings = 16 // of them opened at a time: each may be a request to a distant store
)

// Merge returns the records of sorted runs in order. Each input is opened when its turn comes and closed at its end.
// Where there are more inputs than the budget lets be open at a time (64 at most, 2 at least), groups of them are first
// merged into a file in the folder scratch. Inputs that are not sorted give no sorted output.
func Merge(inputs []func() (io.ReadCloser, error), budget int, scratch string) (Iterator, error) {
	return merge(inputs, mergeConfig{budget, blockSize, scratch})
}

// mergeConfig is what a merge works with.
type mergeConfig struct {
	budget  int
	block   int // size of the inputs' blocks
	scratch string
}

// fan is the number of runs that may be open at a time. Each holds a block as read and the same unpacked.
func (c mergeConfig) fan() int { return min(max(c.budget/(2*c.block), 2), maxFan) }

func merge(inputs []opener, c mergeConfig) (Iterator, error) {
	if len(inputs) <= c.fan() {
		return newMerger(inputs, nil)
	}
	file, err := newSpill(c.scratch)
	if err != nil {
		return nil, err
	}
	inputs, err = narrow(inputs, file, c)
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return newMerger(inputs, file)
}

// narrow merges groups of runs into file until few enough are left. The queue is served from its front, so no run is
// merged a second time before all were merged once, and no more than needed is merged at all.
func narrow(inputs []opener, file *spill, c mergeConfig) ([]opener, error) {
	fan := c.fan()
	for len(inputs) > fan {
		n := min(fan, len(inputs)-fan+1)
		m, err := newMerger(inputs[:n], nil)
		if err != nil {
			return nil, err
		}
		merged, err := file.write(c.block, func(w *Writer) error { return copyAll(w, m) })
		if err = errors.Join(err, m.Close()); err != nil {
			return nil, err
		}
		inputs = append(inputs[n:len(inputs):len(inputs)], merged)
	}
	return inputs, nil
}

func copyAll(w *Writer, it Iterator) error {
	for {
		rec, err := it.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if err := w.Append(rec); err != nil {
			return err
		}
	}
}

// source is one of the runs that are merged.
type source struct {
	*Reader
	closer io.Closer
	prefix uint64 // of rec, decides most comparisons
	rec    []byte
	ended  bool
}

func openSource(open opener) (*source, error) {
	r, err := open()
	if err != nil {
		return nil, fmt.Errorf("open run: %w", err)
	}
	return &source{Reader: NewReader(r), closer: r}, nil
}

// advance loads the source's next record, and closes it at its end.
func (s *source) advance() error {
	rec, err := s.Reader.Next()
	if err == io.EOF {
		s.ended, s.rec = true, nil
		s.Reader.frame, s.Reader.raw = nil, nil
		return s.close()
	}
	if err != nil {
		return err
	}
	s.rec, s.prefix = rec, load(rec, 0)
	return nil
}

func (s *source) close() error {
	if s.closer == nil {
		return nil
	}
	err := s.closer.Close()
	s.closer = nil
	if err != nil {
		return fmt.Errorf("close run: %w", err)
	}
	return nil
}

// openAll opens runs and loads their first blocks, some at a time.
func openAll(inputs []opener) ([]*source, error) {
	sources := make([]*source, len(inputs))
	var group errgroup.Group
	group.SetLimit(openings)
	for i, open := range inputs {
		group.Go(func() error {
			s, err := openSource(open)
			if err != nil {
				return err
			}
			sources[i] = s
			return s.advance()
		})
	}
	return sources, group.Wait()
}

func closeAll(sources []*source) error {
	var errs []error
	for _, s := range sources {
		if s != nil {
			errs = append(errs, s.close())
		}
	}
	return errors.Join(errs...)
}
