// Package coordinator leads a job from its command to its manifest: it plans, hands out the tasks of one stage after
// the other, and publishes. It holds no state that is not also in the job's output, so it can be killed at any moment;
// the same command goes on where the commit records say.
package coordinator

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/dice-engine/dice/internal/inputs"
	"github.com/dice-engine/dice/internal/queue"
	"github.com/dice-engine/dice/internal/store"
	"github.com/dice-engine/dice/internal/telemetry"
	"github.com/dice-engine/dice/shard"
)

// Config is what a coordinator is told.
type Config struct {
	Command shard.Command
	Output  string // where the result goes: a place that workers can dial, with credentials from their own environment

	// Policy, which is not part of the job:
	Name       string        // of this process, for people
	Keep       bool          // leave work files after publishing
	SkipBad    bool          // publish without objects that cannot be processed
	MaxTrouble int           // attempts of one task that may fail for the store's trouble
	Patience   time.Duration // for which a task that is slower than its peers is not handed out a second time
	Poll       time.Duration // how often commit records are listed, in case that a report got lost
}

// Deps are a coordinator's doors to the outside.
type Deps struct {
	Out      store.Bucket                                                  // opened at Config.Output
	Open     func(ctx context.Context, place string) (store.Bucket, error) // opens inputs
	Queue    func(ctx context.Context, job string) (Queue, error)          // opens the job's queue
	Progress Progress
	Log      *slog.Logger
	Now      func() time.Time
}

// Queue is what a coordinator needs of the queue of a job.
type Queue interface {
	Publish(ctx context.Context, tasks []queue.Task) error
	Pending(ctx context.Context) (queue.Pending, error)
	Purge(ctx context.Context, stage string) error
	Watch(ctx context.Context) (<-chan queue.Progress, error)
	Answer(ctx context.Context, status func() queue.Status) error
	Delete(ctx context.Context) error
}

// Progress is shown what happens, phase by phase: a phase is a stage.
type Progress interface {
	Phase(name string, tasks, done int64)
	Advance(name string, rows, bytes, tasks int64)
	Set(name string, done int64)
	Done()
}

// Result is what a job came to.
type Result struct {
	Job       string
	Manifest  *shard.Manifest
	Earlier   bool // the result was there before
	Elsewhere bool // and the command was given in another folder then, where its patterns may have meant other inputs
}

// Coordinator leads one job.
type Coordinator struct {
	cfg  Config
	deps Deps

	generation int // of the tasks handed out first
	plan       *shard.Plan
	key        shard.Job
	queue      Queue
	events     <-chan queue.Progress
	tallies    map[shard.Stage]*shard.StageTally // of the stages that are finished
	view       *view
	pending    queue.Pending // how full the queue was when it was last seen
	lonely     time.Time     // when to tell that there are no workers; zero: there are
	reread     map[int]bool  // inputs that were read again, as their slices did not fit together
	unfit      []int         // those whose slices did not fit together then, and that the result is to be without
}

// New returns a coordinator.
func New(cfg Config, deps Deps) *Coordinator {
	now := deps.Now()
	return &Coordinator{
		cfg: cfg, deps: deps, generation: int(now.Unix()), tallies: map[shard.Stage]*shard.StageTally{}, view: newView(now),
		reread: map[int]bool{},
	}
}

// Finished returns the result of a command that an output holds already with nothing left to clean up, else nil. It needs
// no queue.
func Finished(ctx context.Context, out store.Bucket, command shard.Command, keep bool) (*Result, error) {
	digest, err := digest(command)
	if err != nil {
		return nil, err
	}
	m, err := published(ctx, out, digest)
	if m == nil || err != nil {
		return nil, err
	}
	there, err := readClaim(ctx, out)
	if err != nil {
		return nil, err
	}
	if there != nil && !keep {
		left := errors.New("work files are left")
		err = out.List(ctx, shard.Job(there.Job).Prefix(), func(store.Info) error { return left })
		if errors.Is(err, left) {
			return nil, nil
		}
	}
	if err != nil {
		return nil, err
	}
	elsewhere, err := isElsewhere(there, command)
	return &Result{Manifest: m, Earlier: true, Elsewhere: elsewhere}, err
}

// Run does the job, or goes on with it, or reports the result that is there.
func (c *Coordinator) Run(ctx context.Context) (*Result, error) {
	digest, err := digest(c.cfg.Command)
	if err != nil {
		return nil, err
	}
	m, err := published(ctx, c.deps.Out, digest)
	if err == nil && m == nil {
		m, err = c.prepare(ctx, digest)
	}
	if err != nil {
		return nil, err
	}
	if m != nil {
		return c.earlier(ctx, m)
	}
	c.queue, err = c.deps.Queue(ctx, c.plan.Job)
	if err != nil {
		return nil, err
	}
	watching, stop := context.WithCancel(ctx)
	defer stop()
	if c.events, err = c.queue.Watch(watching); err != nil {
		return nil, fmt.Errorf("watch job %s: %w", c.plan.Job, err)
	}
	if err := c.queue.Answer(watching, c.status); err != nil {
		return nil, err
	}
	manifest, err := c.stages(ctx, digest)
	if errors.Is(err, ErrCancelled) {
		_, late := removeBelow(ctx, c.deps.Out, c.key.Prefix(), everything, nil) // what was created after the cancelling
		return nil, errors.Join(err, late, c.queue.Delete(ctx))
	}
	if errors.Is(err, ErrFailed) {
		c.dismiss(ctx)
	}
	if err != nil {
		return nil, err
	}
	return &Result{Job: c.plan.Job, Manifest: manifest}, c.clean(ctx)
}

// earlier is the result that was there before.
func (c *Coordinator) earlier(ctx context.Context, m *shard.Manifest) (*Result, error) {
	there, err := readClaim(ctx, c.deps.Out)
	if err != nil {
		return nil, err
	}
	elsewhere, err := isElsewhere(there, c.cfg.Command)
	return &Result{Manifest: m, Earlier: true, Elsewhere: elsewhere}, errors.Join(err, c.cleanEarlier(ctx))
}

// dismiss removes the queue of a job that failed, lest workers go on with what leads nowhere.
func (c *Coordinator) dismiss(ctx context.Context) {
	if err := c.queue.Delete(ctx); err != nil {
		c.deps.Log.Warn("remove the queue of the failed job", telemetry.KeyJob, c.key, telemetry.KeyError, err)
	}
}

// status tells how the job is going.
func (c *Coordinator) status() queue.Status {
	s := c.view.status(c.deps.Now())
	s.Job, s.Output, s.Coordinator = c.plan.Job, c.cfg.Output, c.cfg.Name
	return s
}

// stages runs the stages and publishes. Where the job is no longer the output's, or its plan is gone, another
// coordinator was faster, or the job was cancelled.
func (c *Coordinator) stages(ctx context.Context, digest string) (*shard.Manifest, error) {
	err := c.allStages(ctx)
	if err == nil {
		return c.publish(ctx)
	}
	m, state := published(ctx, c.deps.Out, digest)
	switch {
	case m != nil:
		return m, nil
	case errors.Is(state, ErrCancelled), errors.Is(err, ErrCancelled):
		return nil, c.cancelled()
	case state != nil && !errors.Is(state, ErrTaken):
		return nil, err // nobody knows
	}
	if _, there := c.deps.Out.Stat(ctx, c.key.PlanKey()); errors.Is(there, store.ErrNotFound) {
		return nil, c.cancelled()
	}
	return nil, err
}

func (c *Coordinator) cancelled() error { return fmt.Errorf("%w: job %s", ErrCancelled, c.key) }

func (c *Coordinator) allStages(ctx context.Context) error {
	for _, stage := range c.plan.Stages() {
		err := c.readIndex(ctx, stage)
		switch {
		case errors.Is(err, store.ErrNotFound):
			err = c.stage(ctx, stage)
		case err == nil:
			n := c.tallies[stage].Tasks
			c.view.stage(string(stage), n, n, c.deps.Now())
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// prepare claims the output and makes the plan, or reads the one that is there. Where another coordinator has published
// meanwhile, it returns its manifest.
func (c *Coordinator) prepare(ctx context.Context, digest string) (*shard.Manifest, error) {
	if err := store.Probe(ctx, c.deps.Out, shard.ProbePrefix); err != nil {
		return nil, err
	}
	chosen, err := c.planInputs(ctx, digest)
	if err != nil {
		return nil, err
	}
	var plan *shard.Plan
	if chosen != nil {
		if plan, err = c.makePlan(digest, chosen); err != nil {
			return nil, err
		}
	}
	places, err := placesOf(c.cfg.Command)
	if err != nil {
		return nil, err
	}
	job, err := claim(ctx, c.deps.Out, shard.Claim{Job: c.newJobName(), Digest: digest, Places: places})
	if err != nil {
		return nil, err
	}
	c.key = shard.Job(job)
	if plan != nil {
		plan.Job = job
		if m, err := c.createPlan(ctx, plan); m != nil || err != nil {
			return m, err
		}
	}
	err = c.readPlan(ctx)
	if errors.Is(err, store.ErrNotFound) {
		if m, state := published(ctx, c.deps.Out, digest); m != nil || state != nil {
			return m, state
		}
	}
	return nil, err
}

// createPlan makes the plan, unless it is there. That of a published job is removed once the manifest is there, so who can
// make it anew finds the manifest now, as does whose output was cancelled or taken meanwhile; then the plan is taken back.
func (c *Coordinator) createPlan(ctx context.Context, plan *shard.Plan) (*shard.Manifest, error) {
	made := createJSON(ctx, c.deps.Out, c.key.PlanKey(), plan)
	if made != nil && !errors.Is(made, store.ErrExists) {
		return nil, made
	}
	m, err := published(ctx, c.deps.Out, plan.Digest)
	if made == nil && (m != nil || errors.Is(err, ErrTaken) || errors.Is(err, ErrCancelled)) {
		err = errors.Join(err, c.deps.Out.Remove(ctx, c.key.PlanKey()))
	}
	return m, err
}

// readPlan reads the plan of the job.
func (c *Coordinator) readPlan(ctx context.Context) error {
	c.plan = &shard.Plan{}
	if err := readJSON(ctx, c.deps.Out, c.key.PlanKey(), c.plan); err != nil {
		return fmt.Errorf("read plan of job %s: %w", c.key, err)
	}
	// The job may have been cancelled between its claim and its plan.
	ours, err := owns(ctx, c.deps.Out, string(c.key))
	if err == nil && !ours {
		_, err = removeBelow(ctx, c.deps.Out, c.key.Prefix(), everything, nil)
		err = errors.Join(c.cancelled(), err)
	}
	return err
}

// planned are the inputs of a new job.
type planned struct{ scans, side []shard.Input }

// planInputs lists the inputs, unless a job of this command is there with a plan.
func (c *Coordinator) planInputs(ctx context.Context, digest string) (*planned, error) {
	there, err := readClaim(ctx, c.deps.Out)
	if err == nil && there != nil && there.Digest == digest {
		if _, err = c.deps.Out.Stat(ctx, shard.Job(there.Job).PlanKey()); err == nil {
			c.deps.Log.Info("go on with job", telemetry.KeyJob, there.Job)
			elsewhere, err := isElsewhere(there, c.cfg.Command)
			if elsewhere {
				c.deps.Log.Warn("the job was begun in another folder, and reads what its patterns meant there, which may be something else", "places", there.Places)
			}
			return nil, err
		}
	}
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return nil, err
	}
	return c.listAll(ctx)
}

func (c *Coordinator) listAll(ctx context.Context) (*planned, error) {
	scans, err := inputs.List(ctx, c.cfg.Command.Files, c.cfg.Output, c.deps.Open)
	if err != nil {
		return nil, err
	}
	side, err := inputs.List(ctx, c.cfg.Command.Certificates, c.cfg.Output, c.deps.Open)
	if err != nil {
		return nil, err
	}
	if scans = inputs.Without(scans, side); len(scans) == 0 {
		return nil, fmt.Errorf("%w: all that matches are side tables of certificates", inputs.ErrNone)
	}
	return &planned{scans: scans, side: side}, nil
}

func (c *Coordinator) makePlan(digest string, in *planned) (*shard.Plan, error) {
	target := c.cfg.Command.Options.ShardBytes
	p := &shard.Plan{
		Command: c.cfg.Command, Digest: digest,
		Inputs:        append(append([]shard.Input{}, in.scans...), in.side...),
		KeyPartitions: shard.KeyPartitions(in.scans),
		HashKey:       make([]byte, shard.HashKeySize),
	}
	if err := fits(shard.Pieces(p.Inputs, target)); err != nil {
		return nil, err // and they were not made: a size that lacks its unit asks for more than there is memory
	}
	p.Shards = append(shard.Cut(in.scans, 0, target, false), shard.Cut(in.side, len(in.scans), target, true)...)
	if err := fits(int64(len(p.Shards))); err != nil {
		return nil, err
	}
	p.Streams = shard.Streams(p.Inputs, p.Shards)
	rand.Read(p.HashKey)
	return p, nil
}

// fits returns an error if there are more shards than a job can have.
func fits(shards int64) error {
	if shards > shard.MaxShards {
		return fmt.Errorf("%w: %d shards are over the limit of %d: raise --shard-size", ErrFailed, shards, shard.MaxShards)
	}
	return nil
}

// newJobName returns a name that sorts by time.
func (c *Coordinator) newJobName() string {
	random := make([]byte, 4)
	rand.Read(random)
	return c.deps.Now().UTC().Format("20060102t150405") + "-" + hex.EncodeToString(random)
}
