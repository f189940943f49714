package worker

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"testing"

	"github.com/dice-engine/dice/internal/store"
)

// within wraps an error as layers above do.
func within(err error) error { return fmt.Errorf("write part 3: %w", err) }

// TestDecide: what the queue is told of a task that ended with an error, under a context that ended for a cause.
func TestDecide(t *testing.T) {
	slow := errors.New("store is slow")
	for _, c := range []struct {
		what  string
		err   error
		cause error // nil: the context goes on
		want  outcome
	}{
		{"success", nil, nil, done},
		{"success at the last moment", nil, errLeaving, done},
		{"somebody was faster", within(errOver), nil, over},
		{"somebody was faster meanwhile", slow, errOver, over},
		{"a job that is over where the worker leaves", within(errOver), errLeaving, over},
		{"hung", errHung, errHung, retry},
		{"hung, and the error is of a call", slow, errHung, retry},
		{"the output was gone meanwhile", context.Canceled, errBlind, retry},
		{"the output is not there", within(errBlind), nil, retry},
		{"the worker leaves", context.Canceled, errLeaving, giveBack},
		{"the worker leaves with a full disk", within(syscall.ENOSPC), errLeaving, giveBack},
		{"the worker leaves with a fault of the data", within(&dataFault{}), errLeaving, giveBack},
		{"other octets than an earlier attempt", within(ErrNonDeterministic), nil, fatal},
		{"a full disk", within(syscall.ENOSPC), nil, unfit},
		{"a file over the limit of its size", within(syscall.EFBIG), nil, unfit},
		{"a full disk at a fault of the data", within(errors.Join(&dataFault{}, syscall.ENOSPC)), nil, unfit},
		{"a fault of the data", within(&dataFault{}), nil, faulty},
		{"a slow store", within(slow), nil, retry},
		{"a cancelled call of a task that goes on", context.Canceled, nil, retry},
		{"another version", within(ErrVersion), nil, retry},
		{"denied", within(store.ErrDenied), nil, retry},
	} {
		ctx, cancel := context.WithCancelCause(t.Context())
		if c.cause != nil {
			cancel(c.cause)
		}
		if got := decide(ctx, c.err); got != c.want {
			t.Errorf("%s: got %s, want %s", c.what, got, c.want)
		}
		cancel(nil)
	}
}

// TestWhoseTrouble tells answers that come again from trouble that passes, and a machine's own trouble from that of others.
func TestWhoseTrouble(t *testing.T) {
	for _, c := range []struct {
		err          error
		plain, unfit bool
	}{
		{store.ErrDenied, true, false},
		{store.ErrNoBucket, true, false},
		{store.ErrNotFound, true, false},
		{store.ErrChanged, true, false},
		{ErrVersion, true, false},
		{errBlind, true, false},
		{errScratch, false, true},
		{syscall.ENOSPC, false, true},
		{syscall.EDQUOT, false, true},
		{syscall.EROFS, false, true},
		{syscall.EMFILE, false, true},
		{syscall.ENFILE, false, true},
		{syscall.ECONNREFUSED, false, false},
		{errHung, false, false},
		{ErrNonDeterministic, false, false},
		{context.DeadlineExceeded, false, false},
	} {
		for _, err := range []error{c.err, within(c.err)} {
			if plain, unfit := isPlain(err), isUnfit(err); plain != c.plain || unfit != c.unfit {
				t.Errorf("%v: plain %t, unfit %t, want %t, %t", err, plain, unfit, c.plain, c.unfit)
			}
		}
	}
}
