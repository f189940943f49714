package coordinator

import (
	"context"
	"errors"
	"fmt"

	"github.com/dice-engine/dice/internal/queue"
	"github.com/dice-engine/dice/internal/store"
	"github.com/dice-engine/dice/shard"
)

// Look tells how far the job of an output is, from what stands there: it needs neither a queue nor a coordinator. The
// manifest is nil unless the job is finished.
func Look(ctx context.Context, out store.Bucket) (job string, stages []queue.StageStatus, m *shard.Manifest, err error) {
	there, err := readClaim(ctx, out)
	if err != nil {
		return "", nil, nil, err
	}
	if there == nil {
		return lookAtResult(ctx, out)
	}
	m, err = published(ctx, out, there.Digest)
	if m != nil || err != nil {
		return there.Job, nil, m, err
	}
	c := &Coordinator{deps: Deps{Out: out}, key: shard.Job(there.Job), plan: &shard.Plan{}, tallies: map[shard.Stage]*shard.StageTally{}}
	if err := readJSON(ctx, out, c.key.PlanKey(), c.plan); errors.Is(err, store.ErrNotFound) {
		return there.Job, nil, nil, nil // it is being planned
	} else if err != nil {
		return there.Job, nil, nil, err
	}
	stages, err = c.stagesSoFar(ctx)
	return there.Job, stages, nil, err
}

// lookAtResult looks at an output without a claim: what was published stays a result where somebody has removed the work folder,
// or copied the rest. The name of its job is not known.
func lookAtResult(ctx context.Context, out store.Bucket) (string, []queue.StageStatus, *shard.Manifest, error) {
	m := &shard.Manifest{}
	err := readJSON(ctx, out, shard.ManifestKey, m)
	if errors.Is(err, store.ErrNotFound) || err == nil && m.Cancelled {
		return "", nil, nil, fmt.Errorf("%w in %s", ErrNoJob, out.URL())
	}
	if err != nil {
		return "", nil, nil, err
	}
	return "", nil, m, nil
}

func (c *Coordinator) stagesSoFar(ctx context.Context) ([]queue.StageStatus, error) {
	var stages []queue.StageStatus
	for _, name := range c.plan.Stages() {
		err := c.readIndex(ctx, name)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return nil, err
		}
		s := queue.StageStatus{Name: string(name), Tasks: c.tasks(name)}
		if err == nil {
			s.Done = s.Tasks
			stages = append(stages, s)
			continue
		}
		done, err := c.listDone(ctx, name)
		s.Done = len(done)
		return append(stages, s), err
	}
	return stages, nil
}
