package coordinator

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/dice-engine/dice/internal/queue"
	"github.com/dice-engine/dice/internal/store"
	"github.com/dice-engine/dice/internal/telemetry"
	"github.com/dice-engine/dice/shard"
)

// ErrFailed is in the chain of the error of every job that cannot succeed as it stands.
var ErrFailed = errors.New("job failed")

// tasks returns how many tasks a stage has.
func (c *Coordinator) tasks(stage shard.Stage) int {
	switch stage {
	case shard.Unpack:
		return len(c.plan.Streams)
	case shard.Map:
		return len(c.plan.Shards)
	case shard.Identity, shard.Reuse:
		return c.plan.KeyPartitions
	}
	return len(c.tallies[shard.Map].Partitions)
}

// stage sees a stage through: to its index, or to an error. What was given up before this run is tried once more.
func (c *Coordinator) stage(ctx context.Context, stage shard.Stage) error {
	c.forget(ctx, stage)
	for first := true; ; first = false {
		there, err := c.listing(ctx, stage)
		if err != nil {
			return err
		}
		var before []int
		if first {
			before = there.done
		}
		n := c.tasks(stage)
		c.deps.Progress.Phase(string(stage), int64(n), int64(len(there.done)))
		c.view.stage(string(stage), n, len(there.done), c.deps.Now())
		c.view.listed(c.pending)
		m := &machine{policy: policy{maxTrouble: c.cfg.MaxTrouble, patience: c.cfg.Patience}}
		if stage == shard.Unpack {
			m.patience *= unlike
		}
		if err := c.follow(ctx, m, began{listed: there, tasks: n, generation: c.generation}); err != nil {
			return err
		}
		c.generation = m.generation // the queue takes no task for another one of this stage done again
		again, err := c.index(ctx, stage, before)
		switch {
		case err != nil:
			return err
		case !again:
			c.deps.Progress.Done()
			return nil
		}
	}
}

// unlike is how many times as patient the coordinator is with tasks that differ in size: unpack's, whose objects were not
// cut.
const unlike = 30

// follow lets the machine have its way until every task of the stage is done.
func (c *Coordinator) follow(ctx context.Context, m *machine, e began) error {
	pending := m.handle(e)
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
			pending = []action{list{e.stage}}
		}
	}
}

// forget drops what is left in the queue of earlier stages: second offers of tasks that are done.
func (c *Coordinator) forget(ctx context.Context, stage shard.Stage) {
	for _, earlier := range c.plan.Stages() {
		if earlier == stage {
			return
		}
		if err := c.queue.Purge(ctx, string(earlier)); err != nil {
			// They cost a look each.
			c.deps.Log.Debug("drop tasks of an earlier stage", telemetry.KeyStage, earlier, telemetry.KeyError, err)
		}
	}
}

// perform does what the machine wants.
func (c *Coordinator) perform(ctx context.Context, m *machine, a action) (more []action, over bool, err error) {
	switch a := a.(type) {
	case publish:
		sent, err := c.publishTasks(ctx, a)
		if !sent && err == nil {
			more = m.handle(unsent{a})
		}
		return more, false, err
	case list:
		e, err := c.listing(ctx, a.stage)
		if err != nil {
			return nil, false, err
		}
		return c.see(m, e), false, nil
	case fail:
		return nil, true, fmt.Errorf("%w: %s%s", ErrFailed, a.cause, advice(a.cause))
	case finish:
		return nil, true, nil
	}
	return nil, false, nil
}

// advice says what to do about what ended a job, where the same command would meet it again.
func advice(cause string) string {
	if strings.Contains(cause, store.ErrChanged.Error()) { // workers send texts
		return ": inputs must not change while a job runs; dice cancel ends this one, and then the same command begins anew"
	}
	return ""
}

// see turns a listing into events.
func (c *Coordinator) see(m *machine, e listed) []action {
	c.view.listed(c.pending)
	actions := m.handle(e)
	c.count(m)
	return actions
}

// hear turns a worker's report into events.
func (c *Coordinator) hear(m *machine, p queue.Progress) []action {
	now := c.deps.Now()
	rows, bytes := c.view.hear(p, now)
	stage := shard.Stage(p.Stage)
	c.deps.Progress.Advance(p.Stage, rows, bytes, 0)
	switch {
	case p.Refused != "":
		c.deps.Log.Warn("a worker does not take part", telemetry.KeyWorker, p.Worker, telemetry.KeyError, p.Refused)
		return nil
	case p.Fatal != "":
		return m.handle(doomed{stage, p.Task, p.Fatal})
	case p.Error != "":
		others, idle := c.view.others(p.Worker, now)
		return m.handle(troubled{stage, p.Task, p.Worker, others, idle, p.Plain, p.Error})
	case p.Fault != "":
		c.deps.Log.Warn("an attempt failed for its data",
			telemetry.KeyStage, p.Stage, telemetry.KeyTask, p.Task, telemetry.KeyWorker, p.Worker, telemetry.KeyError, p.Fault)
		return nil
	case p.Unfit != "":
		c.deps.Log.Warn("a worker's machine is in trouble", telemetry.KeyWorker, p.Worker, telemetry.KeyError, p.Unfit)
		return nil
	case p.Left:
		return nil
	}
	c.suspect(p)
	actions := m.handle(heard{stage, p.Task, now})
	if p.Done {
		actions = append(actions, m.handle(reported{stage, p.Task, p.Worker, now})...)
		c.count(m)
	}
	return actions
}

// count shows people how many tasks of the stage are done: each once, however many workers say so, and as the last listing
// has it.
func (c *Coordinator) count(m *machine) {
	done := len(m.done) - m.missing
	c.view.count(done)
	c.deps.Progress.Set(string(m.stage), int64(done))
}

// manyAttempts is how often a task may be handed out before people are told: drains and lost leases are nobody's fault,
// but so many of them may have a cause in the task.
const manyAttempts = 10

func (c *Coordinator) suspect(p queue.Progress) {
	if p.Attempt >= manyAttempts && p.Attempt%manyAttempts == 0 && !p.Done && p.Rows == 0 && p.Bytes == 0 {
		c.deps.Log.Warn("a task was handed out many times: does it bring its workers down?",
			telemetry.KeyStage, p.Stage, telemetry.KeyTask, p.Task, "times", p.Attempt)
	}
}

// publishTasks hands tasks out and says whether the queue took them all. What a queue in trouble does not take is handed out
// again later, when it is missed.
func (c *Coordinator) publishTasks(ctx context.Context, p publish) (sent bool, err error) {
	tasks := make([]queue.Task, len(p.tasks))
	for i, id := range p.tasks {
		tasks[i] = queue.Task{
			Job: c.plan.Job, Output: c.cfg.Output, Stage: string(p.stage), ID: id, Generation: p.generation,
		}
	}
	if p.again {
		c.deps.Log.Info("offer slow tasks a second time", telemetry.KeyStage, p.stage, "tasks", p.tasks)
	}
	if err := c.queue.Publish(ctx, tasks); err != nil {
		if ctx.Err() != nil {
			return false, context.Cause(ctx)
		}
		c.deps.Log.Warn("hand out tasks", telemetry.KeyStage, p.stage, telemetry.KeyError, err)
		return false, nil
	}
	if p.again {
		c.view.again(len(tasks))
	}
	c.view.handedOut(len(tasks))
	return true, nil
}

// listing looks at what is there, and whether the output is still the job's and the plan still there. A queue that cannot be reached is waited for.
func (c *Coordinator) listing(ctx context.Context, stage shard.Stage) (listed, error) {
	if err := c.ours(ctx); err != nil {
		return listed{}, err
	}
	if _, err := c.deps.Out.Stat(ctx, c.key.PlanKey()); err != nil {
		return listed{}, fmt.Errorf("look for plan of job %s: %w", c.plan.Job, err)
	}
	e := listed{stage: stage, waiting: -1, at: c.deps.Now()}
	pending, err := c.queue.Pending(ctx)
	if ctx.Err() != nil {
		return listed{}, context.Cause(ctx)
	}
	if err != nil {
		c.deps.Log.Warn("look into queue", telemetry.KeyError, err)
	} else {
		c.pending, e.waiting, e.taken = pending, pending.Waiting, pending.Taken
		c.callForWorkers(e.at)
	}
	e.done, err = c.listDone(ctx, stage)
	return e, err
}

// How long tasks wait without a worker until people are told, and how often they are told.
const (
	maxLonely   = 15 * time.Second
	lonelyAgain = time.Minute
)

// callForWorkers tells people when there are tasks and nobody is there to do them. Tasks that were given back with a
// delay count as taken, so that it goes by who was heard of.
func (c *Coordinator) callForWorkers(now time.Time) {
	present, idle := c.view.others("", now)
	switch {
	case c.pending.All() == 0 || idle || len(present) > 0:
		c.lonely = time.Time{}
	case c.lonely.IsZero():
		c.lonely = now.Add(maxLonely)
	case now.After(c.lonely):
		c.lonely = now.Add(lonelyAgain)
		c.deps.Log.Warn("tasks wait, and there is no worker: start dice worker with the same queue", "tasks", c.pending.All())
	}
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

// Of the commit records, so many are read and held at a time, by so many readers.
const (
	atOnce  = 256
	readers = 16
)

// readCommits reads the commit records of the tasks [from, to).
func (c *Coordinator) readCommits(ctx context.Context, stage shard.Stage, from, to int) ([]shard.Commit, error) {
	commits := make([]shard.Commit, to-from)
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(readers)
	for i := range commits {
		group.Go(func() error { return readJSON(ctx, c.deps.Out, c.key.CommitKey(stage, from+i), &commits[i]) })
	}
	return commits, group.Wait()
}
