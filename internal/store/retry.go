package store

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"time"
)

// ErrBusy: the store asked for fewer requests (503 SlowDown, 429). Calls that met it were retried already, with fewer
// of them at once.
var ErrBusy = errors.New("store asked to slow down")

// Policy bounds how a failed call is repeated. Zero fields have defaults.
type Policy struct {
	Budget      time.Duration // from the first failure on; default two minutes, negative: no retries
	Base        time.Duration // the first pause is at most this, the next twice as much, …; default 100 ms
	Max         time.Duration // the longest pause; default 10 s
	Timeout     time.Duration // of one request, to which a second is added for each 64 KiB that it moves; default 30 s
	Concurrency int           // most requests at once; lowered while the store is busy; default 64
	Logger      *slog.Logger  // hears about each retry at level Warn; nil: nobody
}

func (p Policy) withDefaults() Policy {
	if p.Budget == 0 {
		p.Budget = 2 * time.Minute
	}
	if p.Base <= 0 {
		p.Base = 100 * time.Millisecond
	}
	if p.Max <= 0 {
		p.Max = 10 * time.Second
	}
	if p.Timeout <= 0 {
		p.Timeout = 30 * time.Second
	}
	if p.Concurrency <= 0 {
		p.Concurrency = 64
	}
	return p
}

// pause is the longest wait before retry n = 0, 1, ….
func (p Policy) pause(n int) time.Duration {
	if n > 30 || p.Base<<n > p.Max {
		return p.Max
	}
	return p.Base << n
}

// retrier repeats calls that failed for reasons that pass.
type retrier struct {
	policy Policy
	gate   *gate
}

func newRetrier(p Policy) *retrier {
	p = p.withDefaults()
	return &retrier{policy: p, gate: newGate(p.Concurrency)}
}

// do calls f until it succeeds, fails for good, or the budget is spent. Calls count against the gate.
func (r *retrier) do(ctx context.Context, op string, f func(context.Context) error) error {
	return r.loop(ctx, op, func() (bool, error) { return false, r.once(ctx, f) })
}

// once calls f when the gate has a place for it.
func (r *retrier) once(ctx context.Context, f func(context.Context) error) error {
	if err := r.gate.enter(ctx); err != nil {
		return err
	}
	err := f(ctx)
	r.gate.leave(errors.Is(err, ErrBusy))
	return err
}

// loop calls f, which tells whether it made progress, until it succeeds, fails for good, or has failed without
// progress for longer than the budget. Pauses are drawn uniformly between zero and the policy's ("full jitter").
func (r *retrier) loop(ctx context.Context, op string, f func() (progress bool, err error)) error {
	var deadline time.Time
	for n := 0; ; n++ {
		progress, err := f()
		if err == nil || !retryable(ctx, err) || r.policy.Budget < 0 {
			return err
		}
		if progress {
			n, deadline = 0, time.Time{}
		}
		now := time.Now()
		if deadline.IsZero() {
			deadline = now.Add(r.policy.Budget)
		}
		pause := rand.N(r.policy.pause(n) + 1)
		if now.Add(pause).After(deadline) {
			return fmt.Errorf("gave up after %d tries: %w", n+1, err)
		}
		r.note(ctx, op, n, pause, err)
		if cause := sleep(ctx, pause); cause != nil {
			return fmt.Errorf("%w; the last of %d tries: %w", cause, n+1, err)
		}
	}
}

// retryMessage is what the log says of a retry.
const retryMessage = "retry store call"

func (r *retrier) note(ctx context.Context, op string, n int, pause time.Duration, err error) {
	if r.policy.Logger != nil {
		r.policy.Logger.WarnContext(ctx, retryMessage, "op", op, "try", n+1, "pause", pause, "error", err)
	}
}

// retryable tells whether a repetition may help: not for the answers that callers decide on, nor for what is marked
// as final, nor when the caller has left.
func retryable(ctx context.Context, err error) bool {
	if ctx.Err() != nil {
		return false
	}
	for _, known := range []error{ErrNotFound, ErrExists, ErrChanged, ErrDenied, ErrNoBucket} {
		if errors.Is(err, known) {
			return false
		}
	}
	var f finalError
	return !errors.As(err, &f)
}

// sleep waits, or returns the cause of the context's end.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
