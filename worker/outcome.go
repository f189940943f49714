package worker

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	mathrand "math/rand/v2"
	"syscall"
	"time"

	"github.com/dice-engine/dice/internal/store"
)

// outcome is what the queue is told of a task.
type outcome int

const (
	done     outcome = iota // committed, by this attempt or another
	retry                   // the store's trouble, or the network's, that may pass, or that others may not have
	unfit                   // this machine has no room for it; another one may
	faulty                  // its data brought it down
	fatal                   // the job cannot succeed; trying again shows it again
	giveBack                // this worker leaves
	over                    // nobody waits for it any more
)

func (o outcome) String() string {
	return [...]string{"done", "retry", "unfit", "faulty", "fatal", "given back", "over"}[o]
}

// decide maps the error of a task to what happens next. It is the only place that does.
func decide(ctx context.Context, err error) outcome {
	switch {
	case err == nil:
		return done
	case errors.Is(err, errOver), errors.Is(context.Cause(ctx), errOver):
		return over
	case errors.Is(context.Cause(ctx), errHung), errors.Is(context.Cause(ctx), errBlind):
		return retry
	case ctx.Err() != nil:
		return giveBack
	case errors.Is(err, ErrNonDeterministic):
		return fatal
	case isUnfit(err):
		return unfit
	}
	var fault *dataFault
	if errors.As(err, &fault) {
		return faulty
	}
	return retry
}

// isPlain tells an answer that the same worker would get again from trouble that may pass.
func isPlain(err error) bool {
	for _, answer := range []error{store.ErrDenied, store.ErrNoBucket, store.ErrNotFound, store.ErrChanged, ErrVersion, errBlind} {
		if errors.Is(err, answer) {
			return true
		}
	}
	return false
}

// errScratch: there is no place for what does not fit into memory.
var errScratch = errors.New("scratch folder cannot be used (see --scratch)")

// isUnfit tells the trouble of this machine from that of others.
func isUnfit(err error) bool {
	for _, own := range []error{errScratch, syscall.ENOSPC, syscall.EDQUOT, syscall.EFBIG, syscall.EROFS, syscall.EMFILE, syscall.ENFILE} {
		if errors.Is(err, own) {
			return true
		}
	}
	return false
}

// backoff is how long a task waits before its next attempt: about so long, lest tasks come back in step, each to the
// worker that failed at it before.
func backoff(attempt int) time.Duration {
	d := min(200*time.Millisecond<<min(attempt, 10), 30*time.Second)
	return d/2 + mathrand.N(d)
}

// newAttemptID returns a name that no other attempt has.
func newAttemptID() string {
	id := make([]byte, 8)
	rand.Read(id)
	return hex.EncodeToString(id)
}
