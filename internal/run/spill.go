package run

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// opener opens a sorted run for reading.
type opener = func() (io.ReadCloser, error)

// spill is a temporary file that holds runs, one after the other. Its name is removed at once where the system allows
// it, so that a killed process leaves nothing behind.
type spill struct {
	file *os.File
	end  int64
}

func newSpill(scratch string) (*spill, error) {
	f, err := os.CreateTemp(scratch, "run-*.spill")
	if err != nil {
		return nil, fmt.Errorf("create spill file: %w", err)
	}
	_ = os.Remove(f.Name()) // an open file cannot be removed everywhere; Close tries again
	return &spill{file: f}, nil
}

// write appends what fill writes as one run and returns how to read it.
func (s *spill) write(block int, fill func(*Writer) error) (opener, error) {
	w := newWriter(io.NewOffsetWriter(s.file, s.end), block)
	if err := fill(w); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("spill to %s: %w", s.file.Name(), err)
	}
	from, n := s.end, w.offset
	s.end += n
	return func() (io.ReadCloser, error) {
		return io.NopCloser(bufio.NewReaderSize(io.NewSectionReader(s.file, from, n), 4<<10)), nil
	}, nil
}

// Close frees the file's space.
func (s *spill) Close() error {
	err := s.file.Close()
	if gone := os.Remove(s.file.Name()); gone != nil && !errors.Is(gone, fs.ErrNotExist) {
		err = errors.Join(err, gone)
	}
	if err != nil {
		return fmt.Errorf("remove spill file: %w", err)
	}
	return nil
}
