package worker

import (
	"context"
	"errors"
	"sync"

	"golang.org/x/sync/singleflight"

	"github.com/dice-engine/dice/internal/queue"
	"github.com/dice-engine/dice/internal/store"
)

// maxJobs bounds the jobs whose plans a worker keeps.
const maxJobs = 4

// errOver: the job was published or cancelled, and its plan is gone.
var errOver = errors.New("job is over")

// jobs are those that a worker has read the plans of. It is safe for concurrent use.
type jobs struct {
	places  *Places
	opening singleflight.Group

	mu    sync.Mutex
	known map[string]*job
}

func newJobs(places *Places) *jobs { return &jobs{places: places, known: map[string]*job{}} }

// get returns the job of a task, reading its plan the first time: once for all that ask for it meanwhile, and without
// keeping those waiting that ask for another one.
func (s *jobs) get(ctx context.Context, task queue.Task) (*job, error) {
	s.mu.Lock()
	j := s.known[task.Job]
	s.mu.Unlock()
	if j != nil {
		return j, nil
	}
	opened := s.opening.DoChan(task.Job, func() (any, error) { return s.open(context.WithoutCancel(ctx), task) })
	select {
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	case r := <-opened:
		j, _ := r.Val.(*job)
		return j, r.Err
	}
}

// open reads a job's plan and keeps the job.
func (s *jobs) open(ctx context.Context, task queue.Task) (*job, error) {
	out, err := s.places.Bucket(ctx, task.Output)
	if err != nil {
		return nil, err
	}
	j, err := openJob(ctx, out, s.places, task.Job)
	if errors.Is(err, store.ErrNotFound) {
		return nil, missing(ctx, out, task.Job)
	}
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.known) >= maxJobs {
		clear(s.known)
	}
	s.known[task.Job] = j
	return j, nil
}
