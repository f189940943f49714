package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

var errPassing = errors.New("connection reset")

// faulty is a bucket of which every method fails with the errors of a script, and then succeeds.
type faulty struct {
	Bucket
	script []error
	calls  int
}

func (f *faulty) next() error {
	f.calls++
	if len(f.script) == 0 {
		return nil
	}
	err := f.script[0]
	f.script = f.script[1:]
	return err
}

func (f *faulty) Stat(context.Context, string) (Info, error) { return Info{Key: "k"}, f.next() }

func (f *faulty) Create(context.Context, string, []byte) error { return f.next() }

// List lists a, b, c, …, and fails after as many as the script says.
func (f *faulty) List(_ context.Context, _ string, each func(Info) error) error {
	err := f.next()
	for i := range 5 {
		if err != nil && i == 2*f.calls-1 {
			return err
		}
		if err := each(Info{Key: string(rune('a' + i))}); err != nil {
			return err
		}
	}
	return nil
}

func TestRetryUntilSuccess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &faulty{script: []error{errPassing, io.ErrUnexpectedEOF, ErrBusy, context.DeadlineExceeded, errConflict}}
		noted := 0
		b := WithRetry(f, Policy{Logger: Listener(func(string, error) { noted++ }).Logger()})
		start := time.Now()
		info, err := b.Stat(t.Context(), "k")
		if err != nil || info.Key != "k" || f.calls != 6 || noted != 5 {
			t.Errorf("got %v, %v after %d calls and %d notes", info, err, f.calls, noted)
		}
		if took, most := time.Since(start), 3100*time.Millisecond; took > most { // 0.1 + 0.2 + … + 1.6
			t.Errorf("took %v, want at most %v", took, most)
		}
	})
}

func TestRetryGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &faulty{}
		for range 10_000 {
			f.script = append(f.script, errPassing)
		}
		start := time.Now()
		err := WithRetry(f, Policy{Budget: time.Minute}).Create(t.Context(), "k", nil)
		took := time.Since(start)
		if !errors.Is(err, errPassing) || took > time.Minute || took < 40*time.Second || f.calls < 12 || f.calls > 100 {
			t.Errorf("got %v after %v and %d calls", err, took, f.calls)
		}
		f.calls = 0
		if err := WithRetry(f, Policy{Budget: -1}).Create(t.Context(), "k", nil); err == nil || f.calls != 1 {
			t.Errorf("without a budget: got %v after %d calls, want one", err, f.calls)
		}
	})
}

func TestNoRetry(t *testing.T) {
	for _, answer := range []error{ErrNotFound, ErrExists, ErrChanged, ErrDenied, ErrNoBucket, final(io.ErrUnexpectedEOF)} {
		f := &faulty{script: []error{fmt.Errorf("stat k: %w", answer)}}
		_, err := WithRetry(f, Policy{}).Stat(t.Context(), "k")
		if !errors.Is(err, answer) || f.calls != 1 {
			t.Errorf("got %v after %d calls, want %v at once", err, f.calls, answer)
		}
	}
}

func TestRetryEndsWithContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &faulty{}
		for range 1000 {
			f.script = append(f.script, errPassing)
		}
		cause := errors.New("drained")
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(5*time.Second, func() { cancel(cause) })
		start := time.Now()
		err := WithRetry(f, Policy{}).Create(ctx, "k", nil)
		if time.Since(start) != 5*time.Second || !errors.Is(err, cause) || !errors.Is(err, errPassing) {
			t.Errorf("got %v after %v", err, time.Since(start))
		}
	})
}

func TestListGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &faulty{script: []error{errPassing, errPassing}}
		var got string
		err := WithRetry(f, Policy{}).List(t.Context(), "", func(i Info) error {
			got += i.Key
			return nil
		})
		if err != nil || got != "abcde" || f.calls != 3 {
			t.Errorf("got %q, %v after %d calls, want each key once", got, err, f.calls)
		}
		stop := errors.New("enough") // looks as if it could be retried
		f = &faulty{}
		err = WithRetry(f, Policy{}).List(t.Context(), "", func(Info) error { return stop })
		if err != stop || f.calls != 1 {
			t.Errorf("got %v after %d calls, want the callback's error at once", err, f.calls)
		}
	})
}

func TestGate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate(8)
		var inside, most atomic.Int64
		call := func(busy bool) {
			if err := g.enter(t.Context()); err != nil {
				t.Error(err)
			}
			n := inside.Add(1)
			for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
			}
			time.Sleep(time.Second)
			inside.Add(-1)
			g.leave(busy)
		}
		round := func(n int, busy bool) int64 {
			most.Store(0)
			for range n {
				go call(busy)
			}
			time.Sleep(time.Hour)
			return most.Load()
		}
		if got := round(100, false); got != 8 {
			t.Errorf("most at once: got %d, want 8", got)
		}
		round(2, true) // 8 → 4 → 2
		if got := round(2, false); got > 2 {
			t.Errorf("most at once when busy: got %d, want 2", got)
		}
		round(20, true)
		g.mu.Lock()
		limit := g.limit
		g.mu.Unlock()
		if limit != 1 {
			t.Errorf("limit: got %v, want 1", limit)
		}
		round(100, false)
		if got := round(100, false); got != 8 {
			t.Errorf("most at once after recovery: got %d, want 8", got)
		}
	})
}

func TestGateCancelled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate(1)
		if err := g.enter(t.Context()); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := g.enter(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, want the context's error", err)
		}
		g.leave(false)
		if err := g.enter(t.Context()); err != nil || g.inside != 1 || len(g.queue) != 0 {
			t.Errorf("got %v with %d inside and %d waiting", err, g.inside, len(g.queue))
		}
	})
}
