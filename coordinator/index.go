package coordinator

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/dice-engine/dice/internal/store"
	"github.com/dice-engine/dice/internal/telemetry"
	"github.com/dice-engine/dice/shard"
)

// index writes the index of a finished stage, or reads the one that another coordinator wrote. Of the tasks that were
// done before this run, it forgives those that were given up: again says that these are to be done once more.
func (c *Coordinator) index(ctx context.Context, stage shard.Stage, before []int) (again bool, err error) {
	var tally *shard.StageTally
	var made *shard.IndexWriter
	var skipped []int
	for settled := false; !settled; { // another coordinator may have a task done again meanwhile
		tally, made, err = c.gather(ctx, stage, skipped)
		if errors.Is(err, store.ErrNotFound) {
			return true, nil // it has removed a commit record just now
		}
		if err != nil {
			return false, err
		}
		if again, err = c.forgive(ctx, stage, tally.Failures, before); again || err != nil {
			return again, err
		}
		inputs, err := c.leaveOut(tally.Failures)
		if err != nil {
			return false, err
		}
		inputs = append(inputs, c.unfit...)
		settled, skipped = slices.Equal(inputs, skipped), inputs
	}
	for _, f := range tally.Failures {
		c.deps.Log.Warn("publish without an object", telemetry.KeyObject, f.Object, telemetry.KeyError, f.String())
	}
	end, err := tally.End()
	if err != nil {
		return true, c.readAgain(ctx, stage, err)
	}
	body, err := made.End(end)
	if err != nil {
		return false, err
	}
	err = c.deps.Out.Create(ctx, c.key.IndexKey(stage), body)
	if errors.Is(err, store.ErrExists) {
		return false, c.readIndex(ctx, stage)
	}
	c.tallies[stage] = tally
	return false, err
}

// gather reads the commit records of a stage into its index and adds them up, without the inputs that are to be skipped.
func (c *Coordinator) gather(ctx context.Context, stage shard.Stage, skipped []int) (*shard.StageTally, *shard.IndexWriter, error) {
	tally, made := c.newTally(skipped), shard.NewIndexWriter()
	tasks := c.tasks(stage)
	for from := 0; from < tasks; from += atOnce {
		commits, err := c.readCommits(ctx, stage, from, min(from+atOnce, tasks))
		if err != nil {
			return nil, nil, err
		}
		for i := range commits {
			err := tally.Add(&commits[i])
			if err == nil {
				err = made.Add(&commits[i])
			}
			if err != nil {
				return nil, nil, fmt.Errorf("stage %s: %w", stage, err)
			}
		}
	}
	return tally, made, nil
}

func (c *Coordinator) newTally(skipped []int) *shard.StageTally {
	return shard.NewStageTally(c.plan, c.tallies[shard.Map], skipped)
}

// forgive removes the commit records of what was given up before this run: of objects, unless they are to be left out,
// and of everything else. The records of the failures go after them.
func (c *Coordinator) forgive(ctx context.Context, stage shard.Stage, failures []shard.Failure, before []int) (again bool, err error) {
	unforgiven := map[int]bool{}
	for _, f := range failures {
		if f.Input < 0 || !c.cfg.SkipBad {
			unforgiven[f.Task] = true
		}
	}
	for _, task := range before {
		if !unforgiven[task] {
			continue
		}
		again = true
		if err := c.deps.Out.Remove(ctx, c.key.CommitKey(stage, task)); err != nil {
			return true, err
		}
		_, err := removeBelow(ctx, c.deps.Out, c.key.TaskFailurePrefix(stage, task), everything, nil)
		if err != nil {
			return true, err
		}
	}
	return again, nil
}

// readAgain removes the commit records of an input whose slices do not fit together, once: octets that changed on their
// way here may be the reason. After that the input is one that cannot be processed.
func (c *Coordinator) readAgain(ctx context.Context, stage shard.Stage, cause error) error {
	var misfit *shard.Misfit
	if !errors.As(cause, &misfit) || slices.Contains(c.unfit, misfit.Input) {
		return fmt.Errorf("%w: %w", ErrFailed, cause)
	}
	url := c.plan.Inputs[misfit.Input].URL
	if c.reread[misfit.Input] {
		if !c.cfg.SkipBad {
			return fmt.Errorf("%w: %w", ErrFailed, cause)
		}
		c.unfit = append(c.unfit, misfit.Input)
		c.deps.Log.Warn("publish without an object", telemetry.KeyObject, url, telemetry.KeyError, cause)
		return nil
	}
	c.reread[misfit.Input] = true
	c.deps.Log.Warn("read an object again", telemetry.KeyObject, url, telemetry.KeyError, cause)
	var keys []string
	for task, s := range c.plan.Shards {
		if slices.ContainsFunc(s.Slices, func(s shard.Slice) bool { return s.Input == misfit.Input }) {
			keys = append(keys, c.key.CommitKey(stage, task))
		}
	}
	return c.deps.Out.Remove(ctx, keys...)
}

// readIndex reads the index of a stage that is finished already, or returns store.ErrNotFound.
func (c *Coordinator) readIndex(ctx context.Context, stage shard.Stage) error {
	body, err := c.deps.Out.Get(ctx, c.key.IndexKey(stage), maxState)
	if err != nil {
		return err
	}
	tally := c.newTally(nil)
	end, err := shard.ScanIndex(body, tally.Add)
	if err != nil {
		return fmt.Errorf("stage %s: %w", stage, err)
	}
	tally.IndexEnd = end
	c.tallies[stage] = tally
	return nil
}

// leaveOut returns the objects that workers gave up, if these are to be left out; else they fail the job, each with its
// cause.
func (c *Coordinator) leaveOut(failures []shard.Failure) (inputs []int, err error) {
	var faults []error
	for _, f := range failures {
		if f.Input < 0 || !c.cfg.SkipBad {
			faults = append(faults, fmt.Errorf("%w: %s", ErrFailed, f))
			continue
		}
		inputs = append(inputs, f.Input)
	}
	return inputs, errors.Join(faults...)
}
