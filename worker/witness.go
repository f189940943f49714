package worker

import (
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"strings"
	"sync"

	"github.com/dice-engine/dice/internal/store"
)

// witness remembers what was read of an input, so that it can be read again: S3 sends no checksum with a range, so
// octets that were changed on their way look like bad data. It is safe for concurrent use.
type witness struct {
	io.ReaderAt
	mu    sync.Mutex
	reads []reading
}

// reading is a range that was read, and what it held.
type reading struct {
	off, end int64
	sum      uint32
}

const (
	maxReadings = 1 << 16
	verifyBytes = 1 << 20 // read at a time
)

var (
	// errCorrupted: octets of an input changed on their way here. Another attempt reads them again. What changes in the
	// same way twice cannot be told from bad data.
	errCorrupted = errors.New("input was corrupted on its way: a second reading gives other octets")
	errScattered = fmt.Errorf("input was read in more than %d pieces, which cannot be read again: use a smaller --shard-size", maxReadings)
)

// watchOver returns what is to be read in the place of an input's file, and its witness. Where the octets come from a
// disk there is none, as they do not travel.
func watchOver(place string, file *store.File) (io.ReaderAt, *witness) {
	if !strings.HasPrefix(place, store.SchemeS3+"://") {
		return file, nil
	}
	w := &witness{ReaderAt: file}
	return w, w
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// ReadAt implements io.ReaderAt.
func (w *witness) ReadAt(p []byte, off int64) (int, error) {
	n, err := w.ReaderAt.ReadAt(p, off)
	w.mu.Lock()
	defer w.mu.Unlock()
	if last := len(w.reads) - 1; last >= 0 && w.reads[last].end == off { // lines are read from front to end
		r := &w.reads[last]
		r.end, r.sum = off+int64(n), crc32.Update(r.sum, castagnoli, p[:n])
	} else if len(w.reads) <= maxReadings {
		w.reads = append(w.reads, reading{off, off + int64(n), crc32.Checksum(p[:n], castagnoli)})
	}
	return n, err
}

// verify reads everything again, and returns errCorrupted unless it is the same. A nil witness has nothing to say.
func (w *witness) verify(ctx context.Context, moved *movement) error {
	if w == nil {
		return nil
	}
	w.mu.Lock()
	reads := w.reads
	w.mu.Unlock()
	if len(reads) > maxReadings {
		return errScattered
	}
	buffer := make([]byte, verifyBytes)
	for _, r := range reads {
		sum := uint32(0)
		for off := r.off; off < r.end; {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			p := buffer[:min(verifyBytes, r.end-off)]
			if n, err := w.ReaderAt.ReadAt(p, off); n < len(p) {
				return fmt.Errorf("read again at %d: %w", off, err)
			}
			moved.bytes.Add(int64(len(p)))
			sum = crc32.Update(sum, castagnoli, p)
			off += int64(len(p))
		}
		if sum != r.sum {
			return fmt.Errorf("%w, between %d and %d", errCorrupted, r.off, r.end)
		}
	}
	return nil
}
