// Package worker does the tasks of a job. A worker is stateless: it is told everything by the job's plan, which stands
// in the job's output, and whatever it leaves behind stands there too. Any worker can vanish at any moment, and any
// other one can do the same task again.
package worker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/dice-engine/dice/internal/queue"
	"github.com/dice-engine/dice/internal/store"
	"github.com/dice-engine/dice/internal/telemetry"
	"github.com/dice-engine/dice/shard"
)

// Config is what a worker process is told. Nothing in it changes a result.
type Config struct {
	Name    string        // for people: appears in logs and progress
	Slots   int           // tasks at a time, at the most; see Tasks
	Memory  int64         // octets for the whole process
	Scratch string        // folder for what does not fit into memory
	Grace   time.Duration // for which tasks in hand may go on when the worker leaves; 0: they are given back at once
	// MaxFailures is after how many attempts that failed for a fault of the data an object is given up.
	MaxFailures int
}

// Validate reports all faults of the configuration.
func (c Config) Validate() error {
	var faults []error
	if c.Slots < 1 {
		faults = append(faults, fmt.Errorf("slots: %d, want at least 1", c.Slots))
	}
	if c.Memory < minMemory {
		faults = append(faults, fmt.Errorf("memory: %d octets, want at least %d", c.Memory, minMemory))
	}
	if c.MaxFailures < 1 {
		faults = append(faults, fmt.Errorf("max failures: %d, want at least 1", c.MaxFailures))
	}
	return errors.Join(faults...)
}

// A slot needs memory for its readers, dictionaries and memos beside its sorters.
const (
	minMemory  = 64 << 20
	slotMemory = 96 << 20
)

// Tasks returns how many tasks run at a time: fewer than Slots where memory is short, but one at least.
func (c Config) Tasks() int { return max(1, min(c.Slots, int(c.Memory/slotMemory))) }

// sorterBudget is what one task's sorters may take together.
func (c Config) sorterBudget() int { return int(c.Memory / int64(c.Tasks()) / 4) }

// Worker does tasks until its context ends.
type Worker struct {
	cfg   Config
	taker *queue.Taker
	log   *slog.Logger
	hands *hands
	jobs  *jobs
	turns chan struct{}
}

// New returns a worker that takes tasks from taker, and opens inputs and outputs through places.
func New(cfg Config, taker *queue.Taker, places *Places, log *slog.Logger) (*Worker, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("configure worker: %w", err)
	}
	return &Worker{cfg: cfg, taker: taker, log: log, hands: newHands(), jobs: newJobs(places), turns: newTurns(cfg.Memory)}, nil
}

var errLeaving = errors.New("worker leaves")

// Run takes and does tasks until ctx ends. Tasks in hand may then go on for Config.Grace; those that are not done by
// then are given back. It returns an error when this machine turns out to be unfit for the work.
func (w *Worker) Run(ctx context.Context) error {
	taking, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	working, leave := context.WithCancelCause(context.WithoutCancel(ctx))
	defer leave(nil)
	var tasks sync.WaitGroup
	finished := make(chan struct{})
	defer close(finished)
	defer context.AfterFunc(taking, func() {
		select {
		case <-time.After(w.cfg.Grace):
			leave(errLeaving)
		case <-finished:
		}
	})()
	defer tasks.Wait()

	free := make(chan *memos, w.cfg.Tasks())
	for range w.cfg.Tasks() {
		free <- &memos{}
	}
	for taking.Err() == nil {
		slot := <-free
		leases, err := w.taker.Take(taking, 1+len(free))
		free <- slot
		if err != nil && taking.Err() == nil {
			leave(errLeaving)
			return fmt.Errorf("take tasks: %w", err)
		}
		for _, lease := range leases {
			if taking.Err() != nil {
				w.tell(lease.Retry(0)) // it was on its way already
				continue
			}
			slot := <-free
			tasks.Go(func() {
				pause, err := w.do(working, lease, slot)
				if err != nil {
					stop(err)
				}
				wait(taking, pause)
				free <- slot
			})
		}
	}
	if cause := context.Cause(taking); ctx.Err() == nil {
		leave(errLeaving)
		return cause
	}
	return nil
}

// wait waits for a time, or until ctx ends.
func wait(ctx context.Context, d time.Duration) {
	if d <= 0 {
		return
	}
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// do runs one lease from claim to commit and tells the queue how it ended. It returns how long to wait before taking
// another one, and an error when this machine should take none. A job in trouble is passed over for a while.
func (w *Worker) do(ctx context.Context, lease *queue.Lease, slot *memos) (pause time.Duration, err error) {
	name := lease.Task.Job + "/" + lease.Task.Stage + "/" + strconv.Itoa(lease.Task.ID)
	if !w.hands.take(name) {
		w.tell(lease.Retry(inHandDelay)) // a second offer is for others
		return 0, nil
	}
	begun := time.Now()
	defer w.hands.drop(name)
	ctx, cancel := context.WithCancelCause(ctx)
	moved := &movement{}
	var keeper sync.WaitGroup
	defer func() { // in this order, also when this panics: the keepers end with ctx
		cancel(nil)
		keeper.Wait()
	}()
	keeper.Go(func() { w.keep(ctx, lease, moved, cancel) })
	keeper.Go(func() { w.watch(ctx, lease, cancel) })

	log := w.log.With(telemetry.KeyJob, lease.Task.Job, telemetry.KeyStage, lease.Task.Stage, telemetry.KeyTask, lease.Task.ID,
		"attempt", lease.Attempt)
	log.Debug("task begun")
	err = w.run(ctx, lease, slot, moved)
	if errors.Is(err, context.Canceled) {
		err = context.Cause(ctx)
	}
	outcome := decide(ctx, err)
	if err != nil && outcome != giveBack && outcome != over {
		log.Warn("task failed", "outcome", outcome.String(), telemetry.KeyError, err)
	}
	log.Debug("task ended", "outcome", outcome.String(), telemetry.KeyRows, moved.rows.Load())
	w.settle(lease, moved, outcome, err)
	cancel(nil)
	pause, failed := w.hands.note(outcome, begun, time.Now(), err)
	switch {
	case outcome == unfit:
		return pause, failed
	case errors.Is(err, errBlind):
		pause = blindFor
	}
	w.taker.Shun(lease.Task.Job, pause)
	return 0, failed
}

// blindFor is for how long a worker takes no tasks of a job whose output it does not see.
const blindFor = time.Minute

// inHandDelay is how long a task stays away that this worker has in hand already.
const inHandDelay = 5 * time.Second

// settleTime is how long a worker that leaves may take to tell the queue how its tasks ended.
const settleTime = 5 * time.Second

// settle tells queue and coordinator how a task ended.
func (w *Worker) settle(lease *queue.Lease, moved *movement, o outcome, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), settleTime)
	defer cancel()
	report := w.report(lease, moved)
	switch o {
	case over:
		report.Left = true
		w.tell(lease.Done(ctx))
	case done:
		report.Done = true
		w.tell(lease.Done(ctx))
	case fatal:
		report.Fatal = err.Error()
		w.tell(lease.Retry(backoff(lease.Attempt)))
	case retry:
		report.Error, report.Plain = err.Error(), isPlain(err)
		w.tell(lease.Retry(backoff(lease.Attempt)))
	case faulty:
		report.Fault = err.Error()
		w.tell(lease.Retry(faultyDelay))
	case unfit:
		report.Unfit = err.Error()
		w.tell(lease.Retry(unfitDelay))
	case giveBack:
		report.Left = true
		w.tell(lease.Retry(0))
	}
	w.taker.Report(lease.Task.Job, report)
}

const (
	// unfitDelay is how long a task stays away that this machine cannot do, so that another one is asked first.
	unfitDelay = time.Second
	// faultyDelay is the same for one that its data brought down.
	faultyDelay = 100 * time.Millisecond
)

func (w *Worker) report(lease *queue.Lease, moved *movement) queue.Progress {
	return queue.Progress{
		Worker: w.cfg.Name, Stage: lease.Task.Stage, Task: lease.Task.ID, Attempt: lease.Attempt,
		Rows: moved.rows.Load(), Bytes: moved.bytes.Load(),
	}
}

// tell logs that the queue did not hear how a task ended. The task then comes again, and is found done.
func (w *Worker) tell(err error) {
	if err != nil {
		w.log.Debug("tell queue", telemetry.KeyError, err)
	}
}

// keep extends the lease while the task moves, and reports progress. It ends with ctx.
func (w *Worker) keep(ctx context.Context, lease *queue.Lease, moved *movement, cancel context.CancelCauseFunc) {
	ticker := time.NewTicker(min(lease.Length/6, maxSilence))
	defer ticker.Stop()
	last, since, said := int64(-1), time.Now(), false
	for {
		w.taker.Report(lease.Task.Job, w.report(lease, moved))
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		now := moved.rows.Load() + moved.bytes.Load() + moved.signs.Load()
		if now != last {
			last, since = now, time.Now()
		} else if time.Since(since) > maxStill {
			cancel(errHung)
			return
		}
		if err := lease.Extend(); err != nil && !said {
			w.log.Warn("extend lease", telemetry.KeyError, err)
			said = true
		}
	}
}

// watch ends a task that nobody waits for any more. It ends with ctx.
func (w *Worker) watch(ctx context.Context, lease *queue.Lease, cancel context.CancelCauseFunc) {
	ticker := time.NewTicker(lease.Length)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		if err := w.unwanted(ctx, lease.Task); err != nil {
			cancel(err)
			return
		}
	}
}

// unwanted returns an error if a task is done by another, or its job is over or not to be seen.
func (w *Worker) unwanted(ctx context.Context, task queue.Task) error {
	j, err := w.jobs.get(ctx, task)
	if errors.Is(err, errOver) {
		return errOver
	}
	if err != nil {
		return nil // nobody knows
	}
	if _, err = j.out.Stat(ctx, j.key.CommitKey(shard.Stage(task.Stage), task.ID)); err == nil {
		return errOver
	}
	state, err := j.standing(ctx)
	if err != nil {
		return nil
	}
	return state.ended()
}

const (
	// maxSilence is how long a working task says nothing.
	maxSilence = time.Second
	// maxStill is how long a task may move nothing: longer than a store call inside its retry budget, or than sorting.
	maxStill = 15 * time.Minute
)

var errHung = fmt.Errorf("task moved nothing for %s", maxStill)

// run does a task. A panic is a fault of the data, as far as anyone can tell from here.
func (w *Worker) run(ctx context.Context, lease *queue.Lease, slot *memos, moved *movement) error {
	j, err := w.jobs.get(ctx, lease.Task)
	if err != nil {
		return err
	}
	scratch, err := os.MkdirTemp(w.cfg.Scratch, "task-")
	if err != nil {
		return fmt.Errorf("%w: %w", errScratch, err)
	}
	defer os.RemoveAll(scratch)
	a := &attempt{
		job: j, ctx: ctx, stage: shard.Stage(lease.Task.Stage), task: lease.Task.ID,
		budget: w.cfg.sorterBudget(), scratch: scratch, moved: moved, log: w.log, turns: w.turns,
	}
	defer a.endTurn()
	if _, err := a.out.Stat(ctx, a.key.CommitKey(a.stage, a.task)); !errors.Is(err, store.ErrNotFound) {
		return err // done already, or the store does not say
	}
	if lease.Attempt > 1 {
		if err := a.recall(w.cfg.MaxFailures); err != nil {
			return err
		}
	}
	for {
		a.id = newAttemptID()
		err := a.perform(slot)
		if err == nil {
			return nil
		}
		a.discard()
		var fault *dataFault
		if !errors.As(err, &fault) {
			return a.explain(err)
		}
		if over, err := a.giveUp(fault, w.cfg.MaxFailures); over || err != nil {
			return err
		}
	}
}

// perform does the stage's work, turning panics into faults of the data.
func (a *attempt) perform(slot *memos) (err error) {
	defer func() {
		if r := recover(); r != nil {
			slot.job = nil
			err = a.fault(r)
		}
	}()
	switch a.stage {
	case shard.Unpack:
		return a.unpack()
	case shard.Map:
		return a.mapShard(slot)
	case shard.Identity:
		return a.resolveIdentity()
	case shard.Reuse:
		return a.resolveReuse()
	case shard.Write:
		return a.writePart()
	}
	return fmt.Errorf("%w: stage %q", ErrVersion, a.stage)
}
