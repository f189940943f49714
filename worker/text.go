package worker

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/dice-engine/dice/internal/record"
	"github.com/dice-engine/dice/internal/run"
	"github.com/dice-engine/dice/internal/store"
	"github.com/dice-engine/dice/shard"
)

// textWriter writes a text in blocks. It packs one while the next is being made.
type textWriter struct {
	to     *workFile
	limit  int64 // of the text
	size   int64 // of the text
	blocks []int64

	text    []byte
	full    chan []byte // to be packed
	free    chan []byte // to be filled
	packing *errgroup.Group
	failed  <-chan struct{} // closed when packing has failed, or the attempt has ended
}

func newTextWriter(ctx context.Context, to *workFile, limit int64) *textWriter {
	packing, ctx := errgroup.WithContext(ctx)
	w := &textWriter{
		to: to, limit: limit, text: make([]byte, 0, shard.BlockText),
		full: make(chan []byte), free: make(chan []byte, 2), packing: packing, failed: ctx.Done(),
	}
	w.free <- make([]byte, 0, shard.BlockText)
	packing.Go(w.pack)
	return w
}

// errStopped: no more text is taken, because packing has failed, which close tells, or because the attempt has ended.
var errStopped = errors.New("text is not written any more")

// Write implements io.Writer.
func (w *textWriter) Write(p []byte) (int, error) {
	written := len(p)
	if w.size += int64(written); w.size > w.limit {
		return 0, fmt.Errorf("%w: its text has more than %d octets", record.ErrNoStream, w.limit)
	}
	for len(p) > 0 {
		n := min(len(p), shard.BlockText-len(w.text))
		w.text, p = append(w.text, p[:n]...), p[n:]
		if len(w.text) < shard.BlockText {
			break
		}
		select {
		case w.full <- w.text:
			w.text = (<-w.free)[:0]
		case <-w.failed:
			return 0, errStopped
		}
	}
	return written, nil
}

// close writes what is left and waits until all of it is written. Where some of it is not, that is an error.
func (w *textWriter) close() error {
	var stopped error
	if len(w.text) > 0 {
		select {
		case w.full <- w.text:
		case <-w.failed:
			stopped = errStopped
		}
	}
	close(w.full)
	return cmp.Or(w.packing.Wait(), stopped)
}

// pack packs and writes blocks until there are no more, or one cannot be written.
func (w *textWriter) pack() error {
	var packed []byte
	for text := range w.full {
		packed = run.Pack(packed[:0], text)
		if _, err := w.to.Write(packed); err != nil {
			return err
		}
		w.blocks = append(w.blocks, int64(len(packed)))
		w.free <- text
	}
	return nil
}

// textReader reads an unpacked text. It is for one goroutine at a time.
type textReader struct {
	file   *store.File
	starts []int64 // of the blocks in the file, and the end of the last
	packed []byte
	text   []byte // of the block that is held
	held   int    // its number, or -1
}

// newTextReader reads a text whose blocks have these sizes.
func newTextReader(file *store.File, blocks []int64) *textReader {
	r := &textReader{file: file, starts: make([]int64, len(blocks)+1), held: -1}
	for i, size := range blocks {
		r.starts[i+1] = r.starts[i] + size
	}
	return r
}

// ReadAt implements io.ReaderAt.
func (r *textReader) ReadAt(p []byte, off int64) (n int, err error) {
	first, last := int(off/shard.BlockText), int((off+int64(len(p))-1)/shard.BlockText)
	last = min(last, len(r.starts)-2)
	fetch := first
	if r.held == first {
		fetch++
	}
	if fetch <= last {
		r.packed = slices.Grow(r.packed[:0], int(r.starts[last+1]-r.starts[fetch]))[:r.starts[last+1]-r.starts[fetch]]
		if got, err := r.file.ReadAt(r.packed, r.starts[fetch]); got < len(r.packed) {
			return 0, err
		}
	}
	for block := first; block <= last; block++ {
		if err := r.load(block, fetch); err != nil {
			return n, fmt.Errorf("read %s: %w", r.file.Info.Key, err)
		}
		within := off + int64(n) - int64(block)*shard.BlockText
		n += copy(p[n:], r.text[min(within, int64(len(r.text))):])
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// load makes a block the one that is held; what was fetched begins with the block fetch.
func (r *textReader) load(block, fetch int) (err error) {
	if r.held == block {
		return nil
	}
	r.held = -1
	at := r.starts[block] - r.starts[fetch]
	r.text, err = run.Unpack(r.text[:0], r.packed[at:at+r.starts[block+1]-r.starts[block]], shard.BlockText)
	if err == nil && len(r.text) < shard.BlockText && block < len(r.starts)-2 {
		err = fmt.Errorf("block %d of %d octets: %w", block, len(r.text), run.ErrCorrupt)
	}
	if err == nil {
		r.held = block
	}
	return err
}
