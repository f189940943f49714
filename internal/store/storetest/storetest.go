// Package storetest holds the contract of store.Bucket as tests, to be run on every store and every wrapper of one.
package storetest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/dice-engine/dice/internal/store"
)

// Big is the size of objects that need several parts on S3.
const Big = 17<<20 + 12345

// Run runs the contract. open returns an empty bucket at each call.
func Run(t *testing.T, open func(t *testing.T) store.Bucket) {
	tests := []struct {
		name string
		test func(t *testing.T, b store.Bucket)
	}{
		{"create and read", createAndRead},
		{"absent objects", absent},
		{"keys that are refused", badKeys},
		{"changed ETag", changed},
		{"reads beyond the end", shortReads},
		{"Get over its maximum", getMaximum},
		{"empty objects", emptyObjects},
		{"writers of all sizes", writers},
		{"what is unfinished does not show", unfinished},
		{"abort", abort},
		{"16 writers race Create", raceCreate},
		{"writers race Commit", raceCommit},
		{"list odd names in order", listOdd},
		{"list 1,234 keys", listMany},
		{"list stops", listStops},
		{"remove", remove},
		{"cancelled", cancelled},
		{"probe", probe},
		{"exists", exists},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { tt.test(t, open(t)) })
	}
}

func createAndRead(t *testing.T, b store.Bucket) {
	ctx := t.Context()
	body := []byte("0123456789")
	check(t, b.Create(ctx, "a/b.txt", body))
	wantErr(t, b.Create(ctx, "a/b.txt", []byte("other")), store.ErrExists)
	got, err := b.Get(ctx, "a/b.txt", 100)
	check(t, err)
	wantBytes(t, got, body)
	info, err := b.Stat(ctx, "a/b.txt")
	check(t, err)
	if info.Key != "a/b.txt" || info.Size != 10 || info.ETag == "" {
		t.Errorf("Stat: got %+v, want a/b.txt of 10 octets with an ETag", info)
	}
	p := make([]byte, 4)
	check(t, b.ReadAt(ctx, "a/b.txt", info.ETag, p, 3))
	wantBytes(t, p, body[3:7])
	check(t, b.ReadAt(ctx, "a/b.txt", "", p, 6))
	wantBytes(t, p, body[6:])
	all, err := io.ReadAll(io.NewSectionReader(store.Open(ctx, b, info), 0, 100))
	check(t, err)
	wantBytes(t, all, body)
	if listed := list(t, b, ""); !slices.Equal(listed, []store.Info{info}) {
		t.Errorf("List: got %+v, want %+v", listed, info)
	}
}

func absent(t *testing.T, b store.Bucket) {
	ctx := t.Context()
	_, err := b.Stat(ctx, "no/such")
	wantErr(t, err, store.ErrNotFound)
	_, err = b.Get(ctx, "no/such", 10)
	wantErr(t, err, store.ErrNotFound)
	wantErr(t, b.ReadAt(ctx, "no/such", "", make([]byte, 1), 0), store.ErrNotFound)
	wantErr(t, b.ReadAt(ctx, "no/such", `"etag"`, make([]byte, 1), 0), store.ErrNotFound)
	check(t, b.Create(ctx, "dir/file", nil))
	_, err = b.Stat(ctx, "dir")
	wantErr(t, err, store.ErrNotFound)
	if err == nil || !strings.Contains(err.Error(), "stat") || !strings.Contains(err.Error(), "dir") {
		t.Errorf("the error names not action and object: %v", err)
	}
}

func badKeys(t *testing.T, b store.Bucket) {
	for _, key := range []string{"", ".", "..", "/a", "a/", "a//b", "../a", "a/../b", "a/./b", "a\x00b", "a\xffb",
		strings.Repeat("long/", 300)} {
		if err := b.Create(t.Context(), key, nil); err == nil {
			t.Errorf("Create(%q): got no error", key)
		}
		if w, err := b.NewWriter(t.Context(), key); err == nil {
			t.Errorf("NewWriter(%q): got no error", key)
			check(t, w.Abort())
		}
	}
}

func changed(t *testing.T, b store.Bucket) {
	ctx := t.Context()
	check(t, b.Create(ctx, "input", []byte("first")))
	old, err := b.Stat(ctx, "input")
	check(t, err)
	check(t, b.Remove(ctx, "input"))
	time.Sleep(20 * time.Millisecond) // the clock of a file system is coarse
	check(t, b.Create(ctx, "input", []byte("secnd")))
	p := make([]byte, 5)
	wantErr(t, b.ReadAt(ctx, "input", old.ETag, p, 0), store.ErrChanged)
	check(t, b.ReadAt(ctx, "input", "", p, 0))
	wantBytes(t, p, []byte("secnd"))
}

func shortReads(t *testing.T, b store.Bucket) {
	ctx := t.Context()
	check(t, b.Create(ctx, "k", []byte("0123456789")))
	info, err := b.Stat(ctx, "k")
	check(t, err)
	for _, etag := range []string{"", info.ETag} {
		wantErr(t, b.ReadAt(ctx, "k", etag, make([]byte, 5), 6), io.ErrUnexpectedEOF)
		wantErr(t, b.ReadAt(ctx, "k", etag, make([]byte, 5), 10), io.ErrUnexpectedEOF)
		wantErr(t, b.ReadAt(ctx, "k", etag, make([]byte, 5), 100), io.ErrUnexpectedEOF)
		check(t, b.ReadAt(ctx, "k", etag, nil, 5))
	}
	p := make([]byte, 20)
	n, err := store.Open(ctx, b, info).ReadAt(p, 4)
	if n != 6 || err != io.EOF || string(p[:n]) != "456789" {
		t.Errorf("File.ReadAt: got %q, %v, want 456789 and io.EOF", p[:n], err)
	}
}

func getMaximum(t *testing.T, b store.Bucket) {
	check(t, b.Create(t.Context(), "k", make([]byte, 11)))
	if _, err := b.Get(t.Context(), "k", 10); err == nil {
		t.Error("Get of 11 octets with a maximum of 10: got no error")
	}
	got, err := b.Get(t.Context(), "k", 11)
	check(t, err)
	wantBytes(t, got, make([]byte, 11))
}

func emptyObjects(t *testing.T, b store.Bucket) {
	ctx := t.Context()
	check(t, b.Create(ctx, "put", nil))
	write(t, b, "written", nil)
	for _, key := range []string{"put", "written"} {
		info, err := b.Stat(ctx, key)
		check(t, err)
		if info.Size != 0 {
			t.Errorf("%s: got %d octets, want 0", key, info.Size)
		}
		got, err := b.Get(ctx, key, 0)
		check(t, err)
		wantBytes(t, got, nil)
		wantErr(t, b.Create(ctx, key, []byte("x")), store.ErrExists)
	}
}

func writers(t *testing.T, b store.Bucket) {
	for _, size := range []int{1, 5 << 20, 8 << 20, 8<<20 + 1, 16 << 20, Big} {
		key := fmt.Sprintf("size/%d", size)
		body := pattern(size)
		info := write(t, b, key, body)
		stat, err := b.Stat(t.Context(), key)
		check(t, err)
		if info != stat || info.Size != int64(size) {
			t.Errorf("%s: Commit says %+v, Stat %+v", key, info, stat)
		}
		got := make([]byte, size)
		check(t, b.ReadAt(t.Context(), key, info.ETag, got, 0))
		wantBytes(t, got, body)
		w, err := b.NewWriter(t.Context(), key)
		check(t, err)
		_, err = w.Write(body)
		check(t, err)
		_, err = w.Commit()
		wantErr(t, err, store.ErrExists)
		check(t, w.Abort())
	}
}

func unfinished(t *testing.T, b store.Bucket) {
	w, err := b.NewWriter(t.Context(), "part/big")
	check(t, err)
	_, err = w.Write(pattern(Big))
	check(t, err)
	if got := list(t, b, ""); len(got) != 0 {
		t.Errorf("List during writing: got %+v, want nothing", got)
	}
	_, err = b.Stat(t.Context(), "part/big")
	wantErr(t, err, store.ErrNotFound)
	_, err = w.Commit()
	check(t, err)
	if got := keys(list(t, b, "")); !slices.Equal(got, []string{"part/big"}) {
		t.Errorf("List after Commit: got %q", got)
	}
	check(t, w.Abort())
	_, err = b.Stat(t.Context(), "part/big")
	check(t, err)
}

func abort(t *testing.T, b store.Bucket) {
	for _, size := range []int{0, 10, Big} {
		ctx, cancel := context.WithCancel(t.Context())
		w, err := b.NewWriter(ctx, "dropped")
		check(t, err)
		_, err = w.Write(pattern(size))
		check(t, err)
		cancel() // cleaning up works all the same
		check(t, w.Abort())
		check(t, w.Abort())
		if _, err := w.Commit(); err == nil {
			t.Error("Commit after Abort: got no error")
		}
		if _, err := w.Write([]byte("x")); err == nil {
			t.Error("Write after Abort: got no error")
		}
	}
	if got := list(t, b, ""); len(got) != 0 {
		t.Errorf("List after Abort: got %+v, want nothing", got)
	}
}

func raceCreate(t *testing.T, b store.Bucket) {
	for round := range 10 {
		key := fmt.Sprintf("commit/%03d.json", round)
		winners := race(t, 16, func(i int) error {
			return b.Create(t.Context(), key, fmt.Appendf(nil, "attempt %02d", i))
		})
		got, err := b.Get(t.Context(), key, 100)
		check(t, err)
		if want := fmt.Sprintf("attempt %02d", winners[0]); len(winners) != 1 || string(got) != want {
			t.Errorf("round %d: winners %v, content %q", round, winners, got)
		}
	}
}

func raceCommit(t *testing.T, b store.Bucket) {
	for _, size := range []int{100, 9 << 20} {
		key := fmt.Sprintf("out/part-%d", size)
		winners := race(t, 4, func(i int) error {
			w, err := b.NewWriter(t.Context(), key)
			if err != nil {
				return err
			}
			body := pattern(size)
			body[0], body[size-1] = byte(i), byte(i)
			if _, err := w.Write(body); err != nil {
				return errors.Join(err, w.Abort())
			}
			_, err = w.Commit()
			return err
		})
		first, last := make([]byte, 1), make([]byte, 1)
		check(t, b.ReadAt(t.Context(), key, "", first, 0))
		check(t, b.ReadAt(t.Context(), key, "", last, int64(size-1)))
		if len(winners) != 1 || int(first[0]) != winners[0] || first[0] != last[0] {
			t.Errorf("%d octets: winners %v, content of %d and %d", size, winners, first, last)
		}
	}
	if got := list(t, b, ""); len(got) != 2 {
		t.Errorf("List: got %+v, want the two winners", got)
	}
}

// race runs f n times at once and returns who succeeded. All others must report ErrExists.
func race(t *testing.T, n int, f func(i int) error) (winners []int) {
	t.Helper()
	start := make(chan struct{})
	errs := make([]error, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			<-start
			errs[i] = f(i)
		})
	}
	close(start)
	wg.Wait()
	for i, err := range errs {
		if err == nil {
			winners = append(winners, i)
		} else if !errors.Is(err, store.ErrExists) {
			t.Errorf("racer %d: got %v, want ErrExists", i, err)
		}
	}
	if len(winners) == 0 {
		t.Fatal("nobody won")
	}
	return winners
}

func remove(t *testing.T, b store.Bucket) {
	ctx := t.Context()
	check(t, b.Create(ctx, "x/y/one", nil))
	check(t, b.Create(ctx, "x/two", nil))
	check(t, b.Remove(ctx))
	check(t, b.Remove(ctx, "x/none"))
	check(t, b.Remove(ctx, "x/none", "x/y/one", "no/such/folder", "x/y/one/below"))
	check(t, b.Remove(ctx, "x/y/one"))
	if got := keys(list(t, b, "")); !slices.Equal(got, []string{"x/two"}) {
		t.Errorf("List: got %q, want x/two", got)
	}
	check(t, b.Create(ctx, "x/y", nil)) // where a folder was
}

func cancelled(t *testing.T, b store.Bucket) {
	check(t, b.Create(t.Context(), "k", []byte("x")))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	wantErr(t, b.Create(ctx, "new", nil), context.Canceled)
	_, err := b.Get(ctx, "k", 10)
	wantErr(t, err, context.Canceled)
	wantErr(t, b.ReadAt(ctx, "k", "", make([]byte, 1), 0), context.Canceled)
	wantErr(t, b.List(ctx, "", func(store.Info) error { return nil }), context.Canceled)
	if w, err := b.NewWriter(ctx, "new"); err == nil {
		_, _ = w.Write([]byte("x")) // may fail here or at Commit
		_, err = w.Commit()
		wantErr(t, err, context.Canceled)
	}
	if got := keys(list(t, b, "")); !slices.Equal(got, []string{"k"}) {
		t.Errorf("List: got %q, want k", got)
	}
}

func probe(t *testing.T, b store.Bucket) {
	check(t, store.Probe(t.Context(), b, "_dice/"))
	if got := list(t, b, ""); len(got) != 0 {
		t.Errorf("Probe left %q", keys(got))
	}
}

func exists(t *testing.T, b store.Bucket) {
	check(t, b.Create(t.Context(), "k", nil))
	check(t, store.Exists(t.Context(), b))
	if _, err := store.AbortStale(t.Context(), b, "", time.Now()); err != nil {
		t.Error(err)
	}
	if b.URL() == "" {
		t.Error("URL is empty")
	}
}
