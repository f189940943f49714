package worker

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"time"

	"github.com/dice-engine/dice/internal/record"
	"github.com/dice-engine/dice/internal/store"
	"github.com/dice-engine/dice/shard"
)

// outcome is what the queue is told of a task.
type outcome int

const (
	done     outcome = iota // committed, by this attempt or another
	retry                   // somebody's trouble that may pass
	fatal                   // the job cannot succeed; trying again shows it again
	giveBack                // this worker stops
	over                    // nobody waits for it any more
)

func (o outcome) String() string {
	return [...]string{"done", "retry", "fatal", "given back", "over"}[o]
}

// decide maps the error of a task to what happens next. It is the only place that does.
func decide(ctx context.Context, err error) outcome {
	switch {
	case err == nil:
		return done
	case errors.Is(err, errOver):
		return over
	case errors.Is(context.Cause(ctx), errHung):
		return retry
	case ctx.Err() != nil:
		return giveBack
	case errors.Is(err, store.ErrChanged), errors.Is(err, store.ErrDenied), errors.Is(err, store.ErrNoBucket),
		errors.Is(err, ErrVersion), errors.Is(err, ErrNonDeterministic):
		return fatal
	}
	return retry
}

// backoff is how long a task waits before its next attempt.
func backoff(attempt int) time.Duration {
	return min(200*time.Millisecond<<min(attempt, 10), 30*time.Second)
}

// newAttemptID returns a name that no other attempt has.
func newAttemptID() string {
	id := make([]byte, 8)
	rand.Read(id)
	return hex.EncodeToString(id)
}

// dataFault is a fault that lies in the data, so that trying again elsewhere may not help.
type dataFault struct{ cause error }

func (f *dataFault) Error() string { return "fault of the data: " + f.cause.Error() }
func (f *dataFault) Unwrap() error { return f.cause }

// giveUp records the fault. At the limit it commits the task as skipped, which excludes a later success.
func (a *attempt) giveUp(fault *dataFault, limit int) error {
	failure := shard.Failure{Stage: a.stage, Task: a.task, Cause: cut(fault.cause.Error(), maxCause)}
	if a.stage == shard.Map {
		failure.Object = a.plan.Inputs[a.plan.Shards[a.task].Slices[0].Input].URL
	}
	var bad *record.RowError
	if errors.As(fault.cause, &bad) {
		failure.Object, failure.Row = bad.Object, bad.Row
	}
	body, err := json.Marshal(failure)
	if err != nil {
		return err
	}
	err = a.out.Create(a.ctx, a.key.FailureKey(a.stage, a.task, a.id), body)
	if err != nil && !errors.Is(err, store.ErrExists) {
		return err
	}
	err = a.out.List(a.ctx, a.key.FailurePrefix(a.stage, a.task), func(store.Info) error {
		failure.Attempts++
		return nil
	})
	if err != nil || failure.Attempts < limit {
		return errors.Join(err, fault)
	}
	return a.commit(&shard.Commit{Skipped: &failure})
}

// maxCause bounds the text of a failure's cause.
const maxCause = 4 << 10
