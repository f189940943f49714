package worker

import (
	"context"
	"errors"

	"github.com/dice-engine/dice/internal/queue"
	"github.com/dice-engine/dice/internal/store"
)

// maxJobs bounds the jobs whose plans a worker keeps.
const maxJobs = 4

// errOver: the job was published or cancelled, and its plan is gone.
var errOver = errors.New("job is over")

// jobs are those that a worker has read the plans of. It is safe for concurrent use.
type jobs struct {
	places *Places
	plans  shared[*job]
}

func newJobs(places *Places) *jobs { return &jobs{places: places, plans: shared[*job]{most: maxJobs}} }

// get returns the job of a task, reading its plan the first time.
func (s *jobs) get(ctx context.Context, task queue.Task) (*job, error) {
	return s.plans.get(ctx, task.Job, func(ctx context.Context) (*job, error) { return s.open(ctx, task) })
}

// open reads a job's plan.
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
	return j, nil
}
