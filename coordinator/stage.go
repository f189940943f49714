package coordinator

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/dice-engine/dice/internal/queue"
	"github.com/dice-engine/dice/internal/store"
	"github.com/dice-engine/dice/shard"
)

// ErrFailed is in the chain of the error of every job that cannot succeed as it stands.
var ErrFailed = errors.New("job failed")

// tasks returns how many tasks a stage has.
func (c *Coordinator) tasks(stage shard.Stage) int {
	switch stage {
	case shard.Map:
		return len(c.plan.Shards)
	case shard.Identity, shard.Reuse:
		return c.plan.KeyPartitions
	}
	return len(c.indexes[shard.Map].Partitions)
}

// stage sees a stage through: to its index, or to an error.
func (c *Coordinator) stage(ctx context.Context, stage shard.Stage) error {
	n := c.tasks(stage)
	c.deps.Progress.Phase(string(stage), int64(n))
	there, err := c.listing(ctx, stage)
	if err != nil {
		return err
	}
	c.deps.Progress.Advance(string(stage), 0, 0, int64(len(there.done)))
	m := &machine{maxTrouble: c.cfg.MaxTrouble}
	pending := m.handle(began{stage, n, there.done, there.queued, c.generation})
	ticker := time.NewTicker(c.cfg.Poll)
	defer ticker.Stop()
	for {
		for len(pending) > 0 {
			more, over, err := c.perform(ctx, m, pending[0])
			if over || err != nil {
				return err
			}
			pending = append(pending[1:], more...)
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case p := <-c.events:
			pending = c.hear(m, p)
		case <-ticker.C:
			pending = []action{list{stage}}
		}
	}
}

// perform does what the machine wants.
func (c *Coordinator) perform(ctx context.Context, m *machine, a action) (more []action, over bool, err error) {
	switch a := a.(type) {
	case publish:
		return nil, false, c.publishTasks(ctx, a)
	case list:
		e, err := c.listing(ctx, a.stage)
		if err != nil {
			return nil, false, err
		}
		return m.handle(e), false, nil
	case fail:
		return nil, true, fmt.Errorf("%w: %s", ErrFailed, a.cause)
	case finish:
		return nil, true, c.index(ctx, a.stage)
	}
	return nil, false, nil
}

// hear turns a worker's report into an event.
func (c *Coordinator) hear(m *machine, p queue.Progress) []action {
	stage := shard.Stage(p.Stage)
	name := taskName{p.Stage, p.Task}
	last := c.moving[name]
	rows, bytes := p.Rows-last.Rows, p.Bytes-last.Bytes
	if rows < 0 || bytes < 0 {
		rows, bytes = 0, 0 // another attempt
	}
	c.moving[name] = p
	switch {
	case p.Fatal != "":
		return m.handle(doomed{p.Fatal})
	case p.Error != "":
		return m.handle(troubled{stage, p.Task, p.Error})
	case p.Done:
		delete(c.moving, name)
		c.deps.Progress.Advance(p.Stage, rows, bytes, 1)
		return m.handle(reported{stage, p.Task})
	}
	c.deps.Progress.Advance(p.Stage, rows, bytes, 0)
	return nil
}

func (c *Coordinator) publishTasks(ctx context.Context, p publish) error {
	tasks := make([]queue.Task, len(p.tasks))
	for i, id := range p.tasks {
		tasks[i] = queue.Task{
			Job: c.plan.Job, Output: c.cfg.Output, Stage: string(p.stage), ID: id, Generation: p.generation,
		}
	}
	if err := c.queue.Publish(ctx, tasks); err != nil {
		return fmt.Errorf("hand out tasks of stage %s: %w", p.stage, err)
	}
	return nil
}

// listing looks at what is there, and whether the plan still is.
func (c *Coordinator) listing(ctx context.Context, stage shard.Stage) (listed, error) {
	if _, err := c.deps.Out.Stat(ctx, c.key.PlanKey()); err != nil {
		return listed{}, fmt.Errorf("look for plan of job %s: %w", c.plan.Job, err)
	}
	queued, err := c.queue.Queued(ctx)
	if err != nil {
		return listed{}, err
	}
	done, err := c.listDone(ctx, stage)
	return listed{stage: stage, done: done, queued: queued}, err
}

// listDone returns the tasks of a stage that have commit records.
func (c *Coordinator) listDone(ctx context.Context, stage shard.Stage) ([]int, error) {
	var done []int
	err := c.deps.Out.List(ctx, c.key.CommitPrefix(stage), func(i store.Info) error {
		if task, ok := shard.ParseCommitKey(i.Key); ok {
			done = append(done, task)
		}
		return nil
	})
	return done, err
}

// readers is how many commit records are read at a time.
const readers = 16

// readCommits reads the commit records of a stage that are there.
func (c *Coordinator) readCommits(ctx context.Context, stage shard.Stage) (map[int]*shard.Commit, error) {
	done, err := c.listDone(ctx, stage)
	if err != nil {
		return nil, err
	}
	commits := make([]*shard.Commit, len(done))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(readers)
	for i, task := range done {
		group.Go(func() error {
			commits[i] = &shard.Commit{}
			return readJSON(ctx, c.deps.Out, c.key.CommitKey(stage, task), commits[i])
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	byTask := map[int]*shard.Commit{}
	for i, task := range done {
		byTask[task] = commits[i]
	}
	return byTask, nil
}

// index writes the index of a finished stage, or reads the one that another coordinator wrote.
func (c *Coordinator) index(ctx context.Context, stage shard.Stage) error {
	commits, err := c.readCommits(ctx, stage)
	if err != nil {
		return err
	}
	index := &shard.Index{Stage: stage, Commits: make([]shard.Commit, c.tasks(stage))}
	var skipped []error
	for task := range index.Commits {
		commit := commits[task]
		if commit == nil {
			return fmt.Errorf("commit record of task %d of stage %s is gone", task, stage)
		}
		if f := commit.Skipped; f != nil {
			skipped = append(skipped, fmt.Errorf("%w: task %d of stage %s failed %d times, last at %s row %d: %s",
				ErrFailed, task, stage, f.Attempts, f.Object, f.Row, f.Cause))
		}
		index.Commits[task] = *commit
	}
	if len(skipped) > 0 {
		return errors.Join(skipped...)
	}
	if stage == shard.Map {
		if err := shard.CheckSlices(c.plan, index.Commits); err != nil {
			return fmt.Errorf("%w: %w", ErrFailed, err)
		}
		options := c.plan.Command.Options
		index.Partitions = shard.Partitions(index.Commits, len(options.Signatures), options.PartitionRows)
	}
	err = createJSON(ctx, c.deps.Out, c.key.IndexKey(stage), index)
	if errors.Is(err, store.ErrExists) {
		err = readJSON(ctx, c.deps.Out, c.key.IndexKey(stage), index)
	}
	c.indexes[stage] = index
	return err
}
