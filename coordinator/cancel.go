package coordinator

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/dice-engine/dice/internal/store"
	"github.com/dice-engine/dice/shard"
)

// ErrNoJob: the output is no job's, or the job is finished.
var ErrNoJob = errors.New("no running job")

// Cancel stops the job of an output and removes everything that it has left there. Whoever works on it notices that its
// plan is gone. It can be repeated when it was interrupted, and two of them do no harm. It returns the name of the job,
// where there is one, and how many objects went.
func Cancel(ctx context.Context, out store.Bucket) (job string, removed int, err error) {
	there, err := readClaim(ctx, out)
	if err != nil {
		return "", 0, err
	}
	if there == nil {
		return finishCancel(ctx, out)
	}
	// The manifest is what a job is published by: whoever creates it first decides what becomes of the job.
	err = createJSON(ctx, out, shard.ManifestKey, shard.Manifest{Digest: there.Digest, Job: there.Job, Cancelled: true})
	if errors.Is(err, store.ErrExists) {
		if _, err = published(ctx, out, there.Digest); err == nil {
			return there.Job, 0, fmt.Errorf("%w in %s: job %s is finished; remove the output if it is not wanted", ErrNoJob, out.URL(), there.Job)
		}
		if errors.Is(err, ErrCancelled) {
			err = nil
		}
	}
	if err != nil {
		return there.Job, 0, err
	}
	removed, err = erase(ctx, out, shard.Job(there.Job))
	if errors.Is(err, errOthers) {
		err = nil // somebody else has cancelled the job meanwhile
	}
	return there.Job, removed, err
}

// finishCancel takes the last step of a cancelling that was interrupted before it.
func finishCancel(ctx context.Context, out store.Bucket) (job string, removed int, err error) {
	m := &shard.Manifest{}
	err = readJSON(ctx, out, shard.ManifestKey, m)
	switch {
	case errors.Is(err, store.ErrNotFound), err == nil && !m.Cancelled:
		return "", 0, fmt.Errorf("%w in %s", ErrNoJob, out.URL())
	case err != nil:
		return "", 0, err
	}
	return m.Job, 1, out.Remove(ctx, shard.ManifestKey)
}

var errOthers = errors.New("output is another job's")

// erase removes a job: its plan first, its claim and the sign that it was cancelled last. Nothing but its own work files
// is touched once the output is another job's.
func erase(ctx context.Context, out store.Bucket, job shard.Job) (removed int, err error) {
	if _, err := out.Stat(ctx, job.PlanKey()); err == nil {
		removed++
	}
	if err := out.Remove(ctx, job.PlanKey()); err != nil {
		return 0, err
	}
	n, err := removeBelow(ctx, out, job.Prefix(), everything, nil)
	removed += n
	if err != nil {
		return removed, err
	}
	ours := func() error {
		is, err := owns(ctx, out, string(job))
		if err == nil && !is {
			err = errOthers
		}
		return err
	}
	n, err = removeBelow(ctx, out, "", func(i store.Info) bool { return shard.IsResultKey(i.Key) }, ours)
	removed += n
	if err != nil {
		return removed, err
	}
	if err := ours(); err != nil {
		return removed, err
	}
	if _, err := abortUnfinished(ctx, out, time.Now(), job.Prefix()); err != nil && !errors.Is(err, store.ErrDenied) {
		return removed, err
	}
	if err := ours(); err != nil { // that took its time
		return removed, err
	}
	if err := out.Remove(ctx, shard.ClaimKey); err != nil {
		return removed, err
	}
	removed++
	m := &shard.Manifest{}
	err = readJSON(ctx, out, shard.ManifestKey, m)
	if errors.Is(err, store.ErrNotFound) || err == nil && (!m.Cancelled || m.Job != string(job)) {
		return removed, nil
	}
	return removed, errors.Join(err, out.Remove(ctx, shard.ManifestKey))
}
