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

	"github.com/dice-engine/dice/internal/queue"
	"github.com/dice-engine/dice/internal/store"
	"github.com/dice-engine/dice/shard"
)

// Config is what a coordinator is told.
type Config struct {
	Command shard.Command
	Output  string // where the result goes: a place that workers can dial, with credentials from their own environment
	Keep    bool   // leave work files after publishing

	// Policy, which is not part of the job:
	MaxTrouble int           // attempts of one task that may fail for the store's or a machine's trouble
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
	Queued(ctx context.Context) (int, error) // tasks waiting or at work
	Watch(ctx context.Context) (<-chan queue.Progress, error)
	Delete(ctx context.Context) error
}

// Progress is shown what happens, phase by phase: a phase is a stage.
type Progress interface {
	Phase(name string, tasks int64)
	Advance(name string, rows, bytes, tasks int64)
}

// Result is what a job came to.
type Result struct {
	Job      string
	Manifest *shard.Manifest
	Earlier  bool // the result was there before
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
	indexes    map[shard.Stage]*shard.Index
	moving     map[taskName]queue.Progress // what running tasks reported last
}

type taskName struct {
	stage string
	task  int
}

// New returns a coordinator.
func New(cfg Config, deps Deps) *Coordinator {
	return &Coordinator{
		cfg: cfg, deps: deps, generation: int(deps.Now().Unix()),
		indexes: map[shard.Stage]*shard.Index{}, moving: map[taskName]queue.Progress{},
	}
}

// Run does the job, or goes on with it, or reports the result that is there.
func (c *Coordinator) Run(ctx context.Context) (*Result, error) {
	digest, err := digest(c.cfg.Command)
	if err != nil {
		return nil, err
	}
	if m, err := published(ctx, c.deps.Out, digest); m != nil || err != nil {
		return &Result{Manifest: m, Earlier: true}, err
	}
	if err := c.prepare(ctx, digest); err != nil {
		return nil, err
	}
	c.queue, err = c.deps.Queue(ctx, c.plan.Job)
	if err != nil {
		return nil, fmt.Errorf("open queue of job %s: %w", c.plan.Job, err)
	}
	watching, stop := context.WithCancel(ctx)
	defer stop()
	if c.events, err = c.queue.Watch(watching); err != nil {
		return nil, fmt.Errorf("watch job %s: %w", c.plan.Job, err)
	}
	manifest, err := c.stages(ctx, digest)
	if err != nil {
		return nil, err
	}
	return &Result{Job: c.plan.Job, Manifest: manifest}, c.clean(ctx)
}

// stages runs the stages and publishes. Where the plan is gone, another coordinator was faster.
func (c *Coordinator) stages(ctx context.Context, digest string) (*shard.Manifest, error) {
	err := c.allStages(ctx)
	if err == nil {
		return c.publish(ctx)
	}
	if m, _ := published(ctx, c.deps.Out, digest); m != nil {
		return m, nil
	}
	return nil, err
}

func (c *Coordinator) allStages(ctx context.Context) error {
	for _, stage := range shard.Stages {
		if err := c.stage(ctx, stage); err != nil {
			return err
		}
	}
	return nil
}

// prepare claims the output and makes the plan, or reads the one that is there.
func (c *Coordinator) prepare(ctx context.Context, digest string) error {
	if err := store.Probe(ctx, c.deps.Out, shard.WorkPrefix+"probe/"); err != nil {
		return err
	}
	inputs, err := c.planInputs(ctx, digest)
	if err != nil {
		return err
	}
	job, err := claim(ctx, c.deps.Out, digest, c.newJobName())
	if err != nil {
		return err
	}
	c.key = shard.Job(job)
	if inputs != nil {
		plan := c.makePlan(job, digest, inputs)
		if len(plan.Shards) > shard.MaxShards {
			return fmt.Errorf("%w: %d shards are over the limit of %d: raise --shard-size", ErrFailed, len(plan.Shards), shard.MaxShards)
		}
		err = createJSON(ctx, c.deps.Out, c.key.PlanKey(), plan)
		if err != nil && !errors.Is(err, store.ErrExists) {
			return err
		}
	}
	c.plan = &shard.Plan{}
	if err := readJSON(ctx, c.deps.Out, c.key.PlanKey(), c.plan); err != nil {
		return fmt.Errorf("read plan of job %s: %w", job, err)
	}
	return c.forgive(ctx)
}

// planned are the inputs of a new job.
type planned struct{ scans, side []shard.Input }

// planInputs lists the inputs, unless a job of this command is there with a plan.
func (c *Coordinator) planInputs(ctx context.Context, digest string) (*planned, error) {
	there := &shard.Claim{}
	err := readJSON(ctx, c.deps.Out, shard.ClaimKey, there)
	if err == nil && there.Digest == digest {
		if _, err = c.deps.Out.Stat(ctx, shard.Job(there.Job).PlanKey()); err == nil {
			c.deps.Log.Info("go on with job", "job", there.Job)
			return nil, nil
		}
	}
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return nil, err
	}
	scans, err := c.listInputs(ctx, c.cfg.Command.Files)
	if err != nil {
		return nil, err
	}
	side, err := c.listInputs(ctx, c.cfg.Command.Certificates)
	return &planned{scans: scans, side: side}, err
}

func (c *Coordinator) makePlan(job, digest string, in *planned) *shard.Plan {
	target := c.cfg.Command.Options.ShardBytes
	p := &shard.Plan{
		Job: job, Command: c.cfg.Command, Digest: digest,
		Inputs:        append(append([]shard.Input{}, in.scans...), in.side...),
		Shards:        shard.Cut(in.scans, 0, target, false),
		KeyPartitions: shard.KeyPartitions(in.scans),
		HashKey:       make([]byte, 16),
	}
	p.Shards = append(p.Shards, shard.Cut(in.side, len(in.scans), target, true)...)
	rand.Read(p.HashKey)
	return p
}

// newJobName returns a name that sorts by time.
func (c *Coordinator) newJobName() string {
	random := make([]byte, 4)
	rand.Read(random)
	return c.deps.Now().UTC().Format("20060102t150405") + "-" + hex.EncodeToString(random)
}

// forgive removes the records of tasks that were given up, so that a new run tries them again.
func (c *Coordinator) forgive(ctx context.Context) error {
	for _, stage := range shard.Stages {
		commits, err := c.readCommits(ctx, stage)
		if err != nil {
			return err
		}
		for task, commit := range commits {
			if commit.Skipped == nil {
				continue
			}
			keys := []string{c.key.CommitKey(stage, task)}
			err := c.deps.Out.List(ctx, c.key.FailurePrefix(stage, task), func(i store.Info) error {
				keys = append(keys, i.Key)
				return nil
			})
			if err == nil {
				err = c.deps.Out.Remove(ctx, keys...)
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}
