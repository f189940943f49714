package worker

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"testing"

	"github.com/dice-engine/dice/internal/record"
	"github.com/dice-engine/dice/internal/run"
	"github.com/dice-engine/dice/internal/store"
	"github.com/dice-engine/dice/shard"
)

// nowhere takes what is written and keeps it.
type nowhere struct {
	bytes.Buffer
	after int // octets, it fails
}

var errFull = errors.New("full")

func (n *nowhere) Write(p []byte) (int, error) {
	if n.after > 0 && n.Len() >= n.after {
		return 0, errFull
	}
	return n.Buffer.Write(p)
}

func (*nowhere) Commit() (store.Info, error) { return store.Info{}, nil }
func (*nowhere) Abort() error                { return nil }

// written writes a text in pieces of all sizes.
func written(t *testing.T, text []byte, to *nowhere, limit int64) (*textWriter, error) {
	t.Helper()
	w := newTextWriter(t.Context(), &workFile{Writer: to, attempt: &attempt{moved: &movement{}}}, limit)
	r := rand.New(rand.NewPCG(1, 2))
	var failed error
	for len(text) > 0 && failed == nil {
		n := min(len(text), 1+r.IntN(3*shard.BlockText))
		_, failed = w.Write(text[:n])
		text = text[n:]
	}
	return w, errors.Join(failed, w.close())
}

func someText(size int) []byte {
	text := make([]byte, size)
	_, _ = rand.NewChaCha8([32]byte{3}).Read(text)
	for i := range text {
		text[i] = "abcdefgh\n"[text[i]%9]
	}
	return text
}

// fileOf is a file with that content.
func fileOf(t *testing.T, content []byte) *store.File {
	t.Helper()
	out, err := store.Dial(t.Context(), store.Location{Scheme: store.SchemeFile, Path: t.TempDir()}, store.Config{})
	if err == nil {
		err = out.Create(t.Context(), "text", content)
	}
	if err != nil {
		t.Fatal(err)
	}
	return store.Open(t.Context(), out, store.Info{Key: "text", Size: int64(len(content))})
}

// TestText: a text can be read anywhere as it was written.
func TestText(t *testing.T) {
	for _, size := range []int{1, shard.BlockText - 1, shard.BlockText, shard.BlockText + 1, 5*shard.BlockText + 17} {
		text, to := someText(size), &nowhere{}
		w, err := written(t, text, to, int64(size))
		if err != nil || w.size != int64(size) {
			t.Fatalf("%d octets of %d, %v", w.size, size, err)
		}
		reader := newTextReader(fileOf(t, to.Bytes()), w.blocks)
		r := rand.New(rand.NewPCG(3, 4))
		for range 300 {
			off := r.IntN(size)
			p := make([]byte, 1+r.IntN(3*shard.BlockText))
			n, err := reader.ReadAt(p, int64(off))
			want := text[off:min(size, off+len(p))]
			if !bytes.Equal(p[:n], want) || (n < len(p)) != (err == io.EOF) || err != nil && err != io.EOF {
				t.Fatalf("text of %d: read %d of %d octets at %d, %v", size, n, len(p), off, err)
			}
		}
	}
}

func TestTextFails(t *testing.T) {
	text := someText(4 * shard.BlockText)
	if _, err := written(t, text, &nowhere{}, int64(len(text))-1); !errors.Is(err, record.ErrNoStream) {
		t.Errorf("a text over the limit: got %v", err)
	}
	if _, err := written(t, text, &nowhere{after: 1000}, 1<<40); !errors.Is(err, errFull) || errors.Is(err, record.ErrNoStream) {
		t.Errorf("a store that is full: got %v", err)
	}
}

// TestTextOfAnEndedAttempt: when the attempt has ended, the text is written whole, or its end is told to be missing.
func TestTextOfAnEndedAttempt(t *testing.T) {
	for range 100 {
		ctx, end := context.WithCancel(t.Context())
		w := newTextWriter(ctx, &workFile{Writer: &nowhere{}, attempt: &attempt{moved: &movement{}}}, 1<<40)
		if _, err := w.Write(someText(100)); err != nil {
			t.Fatal(err)
		}
		end()
		if err := w.close(); err == nil && len(w.blocks) == 0 {
			t.Fatal("a text without its end was taken for whole")
		}
	}
}

// TestTextOfShortBlocks: a block that lacks text is noticed, wherever it stands.
func TestTextOfShortBlocks(t *testing.T) {
	one := run.Pack(nil, someText(100))
	size := int64(len(one))
	reader := newTextReader(fileOf(t, append(bytes.Clone(one), one...)), []int64{size, size})
	if _, err := reader.ReadAt(make([]byte, 10), 0); !errors.Is(err, run.ErrCorrupt) {
		t.Errorf("got %v", err)
	}
}
