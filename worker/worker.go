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
	"runtime/debug"
	"sync"
	"time"

	"github.com/dice-engine/dice/internal/queue"
	"github.com/dice-engine/dice/internal/store"
	"github.com/dice-engine/dice/shard"
)

// Config is what a worker process is told. Nothing in it changes a result.
type Config struct {
	Name    string // for people: appears in logs and progress
	Slots   int    // tasks at a time
	Memory  int64  // octets for the whole process
	Scratch string // folder for what does not fit into memory
	// MaxFailures is after how many attempts that failed for a fault of the data a task is given up.
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

// slots returns how many tasks run at a time: fewer than wanted where memory is short.
func (c Config) slots() int { return max(1, min(c.Slots, int(c.Memory/slotMemory))) }

// sorterBudget is what one task's sorters may take together.
func (c Config) sorterBudget() int { return int(c.Memory / int64(c.slots()) / 4) }

// Worker does tasks until its context ends.
type Worker struct {
	cfg    Config
	taker  *queue.Taker
	places *Places
	log    *slog.Logger

	mu   sync.Mutex
	jobs map[string]*job
}

// New returns a worker that takes tasks from taker, and opens inputs and outputs through places.
func New(cfg Config, taker *queue.Taker, places *Places, log *slog.Logger) (*Worker, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("configure worker: %w", err)
	}
	return &Worker{cfg: cfg, taker: taker, places: places, log: log, jobs: map[string]*job{}}, nil
}

// Run takes and does tasks until ctx ends, and waits for those in hand to notice.
func (w *Worker) Run(ctx context.Context) error {
	free := make(chan *memos, w.cfg.slots())
	for range w.cfg.slots() {
		free <- &memos{}
	}
	var tasks sync.WaitGroup
	defer tasks.Wait()
	for ctx.Err() == nil {
		slot := <-free
		leases, err := w.taker.Take(ctx, 1+len(free))
		free <- slot
		if err != nil {
			if ctx.Err() != nil {
				break
			}
			return fmt.Errorf("take tasks: %w", err)
		}
		for _, lease := range leases {
			slot := <-free
			tasks.Go(func() {
				w.do(ctx, lease, slot)
				free <- slot
			})
		}
	}
	return nil
}

// do runs one lease from claim to commit and tells the queue how it ended.
func (w *Worker) do(ctx context.Context, lease *queue.Lease, slot *memos) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	log := w.log.With("job", lease.Task.Job, "stage", lease.Task.Stage, "task", lease.Task.ID)
	moved := &movement{}
	var keeper sync.WaitGroup
	defer keeper.Wait()
	keeper.Go(func() { w.keep(ctx, lease, moved, cancel) })

	err := w.run(ctx, lease, slot, moved)
	outcome := decide(ctx, err)
	if err != nil && outcome != giveBack && outcome != over {
		log.Warn("task failed", "outcome", outcome.String(), "attempt", lease.Attempt, "error", err)
	}
	w.settle(ctx, lease, moved, outcome, err)
	cancel(nil)
}

// settle tells queue and coordinator how a task ended.
func (w *Worker) settle(ctx context.Context, lease *queue.Lease, moved *movement, o outcome, err error) {
	report := queue.Progress{
		Worker: w.cfg.Name, Stage: lease.Task.Stage, Task: lease.Task.ID,
		Rows: moved.rows.Load(), Bytes: moved.bytes.Load(),
	}
	switch o {
	case over:
		w.tell(lease.Done(ctx))
		return
	case done:
		report.Done = true
		w.tell(lease.Done(ctx))
	case fatal:
		report.Fatal = err.Error()
		w.tell(lease.Retry(backoff(lease.Attempt)))
	case retry:
		report.Error = err.Error()
		w.tell(lease.Retry(backoff(lease.Attempt)))
	case giveBack:
		w.tell(lease.Retry(0))
		return
	}
	w.taker.Report(lease.Task.Job, report)
}

// tell logs that the queue did not hear how a task ended. The task then comes again, and is found done.
func (w *Worker) tell(err error) {
	if err != nil {
		w.log.Debug("tell queue", "error", err)
	}
}

// keep extends the lease while the task moves, and reports progress. It ends with ctx.
func (w *Worker) keep(ctx context.Context, lease *queue.Lease, moved *movement, cancel context.CancelCauseFunc) {
	ticker := time.NewTicker(min(lease.Length/6, maxSilence))
	defer ticker.Stop()
	last, since := int64(-1), time.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		now := moved.rows.Load() + moved.bytes.Load()
		if now != last {
			last, since = now, time.Now()
		} else if time.Since(since) > maxStill {
			cancel(errHung)
			return
		}
		if err := lease.Extend(); err != nil {
			w.log.Warn("extend lease", "error", err)
		}
		w.taker.Report(lease.Task.Job, queue.Progress{
			Worker: w.cfg.Name, Stage: lease.Task.Stage, Task: lease.Task.ID,
			Rows: moved.rows.Load(), Bytes: moved.bytes.Load(),
		})
	}
}

const (
	// maxSilence is how long a working task says nothing.
	maxSilence = time.Second
	// maxStill is how long a task may move nothing: longer than a store call inside its retry budget, or than sorting.
	maxStill = 10 * time.Minute
)

var errHung = fmt.Errorf("task moved nothing for %s", maxStill)

// run does a task. A panic is a fault of the data, as far as anyone can tell from here.
func (w *Worker) run(ctx context.Context, lease *queue.Lease, slot *memos, moved *movement) (err error) {
	j, err := w.job(ctx, lease.Task)
	if err != nil {
		return err
	}
	scratch, err := os.MkdirTemp(w.cfg.Scratch, "dice-task-")
	if err != nil {
		return fmt.Errorf("make scratch folder: %w", err)
	}
	defer os.RemoveAll(scratch)
	a := &attempt{
		job: j, ctx: ctx, stage: shard.Stage(lease.Task.Stage), task: lease.Task.ID, id: newAttemptID(),
		budget: w.cfg.sorterBudget(), scratch: scratch, moved: moved, log: w.log,
	}
	if _, err := a.out.Stat(ctx, a.key.CommitKey(a.stage, a.task)); !errors.Is(err, store.ErrNotFound) {
		return err // done already, or the store does not say
	}
	err = a.perform(slot)
	if err != nil {
		a.discard()
	}
	var fault *dataFault
	if errors.As(err, &fault) {
		return a.giveUp(fault, w.cfg.MaxFailures)
	}
	return err
}

// perform does the stage's work, turning panics into faults of the data.
func (a *attempt) perform(slot *memos) (err error) {
	defer func() {
		if r := recover(); r != nil {
			slot.job = nil
			err = &dataFault{fmt.Errorf("panic: %v\n%s", r, debug.Stack())}
		}
	}()
	switch a.stage {
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

// maxJobs bounds the jobs whose plans a worker keeps.
const maxJobs = 4

// errOver: the job was published or cancelled, and its plan is gone.
var errOver = errors.New("job is over")

// job returns a job, reading its plan the first time.
func (w *Worker) job(ctx context.Context, task queue.Task) (*job, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if j := w.jobs[task.Job]; j != nil {
		return j, nil
	}
	out, err := w.places.Bucket(ctx, task.Output)
	if err != nil {
		return nil, err
	}
	j, err := openJob(ctx, out, w.places, task.Job)
	if errors.Is(err, store.ErrNotFound) {
		return nil, errOver
	}
	if err != nil {
		return nil, err
	}
	if len(w.jobs) >= maxJobs {
		clear(w.jobs)
	}
	w.jobs[task.Job] = j
	return j, nil
}
