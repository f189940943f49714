package store

import (
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/dice-engine/dice/internal/servertest"
	"github.com/dice-engine/dice/internal/servertest/faultproxy"
)

// TestGateFollowsTheStore: when the store says SlowDown, to whatever, fewer requests are sent at once; when it says so
// no more, as many as before.
func TestGateFollowsTheStore(t *testing.T) {
	const most = 16
	url, env, p := servertest.FaultyBucket(t)
	servertest.SetEnv(t, env)
	loc, err := Parse(url)
	if err != nil {
		t.Fatal(err)
	}
	b, err := Dial(t.Context(), loc, Config{Policy: Policy{
		Concurrency: most, Base: time.Millisecond, Max: 5 * time.Millisecond, Budget: time.Second,
	}})
	if err != nil {
		t.Fatal(err)
	}
	gate := b.(*retryBucket).r.gate
	limit := func() float64 {
		gate.mu.Lock()
		defer gate.mu.Unlock()
		return gate.limit
	}
	calls := map[string]func() error{
		"stat": func() error { _, err := b.Stat(t.Context(), "k"); return err },
		"list": func() error { return b.List(t.Context(), "", func(Info) error { return nil }) },
	}
	for name, call := range calls {
		p.Set(faultproxy.Rule{Fault: faultproxy.Unavailable, Rate: 1})
		if err := call(); !errors.Is(err, ErrBusy) || limit() != 1 {
			t.Errorf("%s of a busy store: got %v with %v at once, want ErrBusy and 1", name, err, limit())
		}
		p.Set()
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				for range 40 {
					if err := call(); err != nil && !errors.Is(err, ErrNotFound) {
						t.Errorf("%s: %v", name, err)
					}
				}
			})
		}
		wg.Wait()
		if limit() != most || gate.inside != 0 {
			t.Errorf("%s: %v at once after recovery, %d inside; want %d, 0", name, limit(), gate.inside, most)
		}
	}
}
