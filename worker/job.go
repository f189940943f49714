package worker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"

	"github.com/dice-engine/dice/internal/record"
	"github.com/dice-engine/dice/internal/store"
	"github.com/dice-engine/dice/protocols"
	"github.com/dice-engine/dice/shard"
)

// maxState bounds a plan or an index that a worker is willing to fetch.
const maxState = 1 << 30

// ErrVersion: the job was planned by a DICE with other results. Run the same version everywhere.
var ErrVersion = errors.New("job has another result version")

// job is what tasks of one job share in a process: its plan, read once, and what follows from it.
type job struct {
	plan      *shard.Plan
	key       shard.Job
	out       store.Bucket
	places    *Places
	protocols []*protocols.Protocol
	wants     []record.Want
	exclude   networks // that asked to be left out
	side      bool     // there are side tables

	indexes shared[*shard.Index] // by stage

	mu    sync.Mutex
	lines [][]int64
}

// standing is what has become of a job.
type standing int

const (
	running   standing = iota
	published          // its result is there, and its work files are gone
	cancelled          // it leaves nothing
	replaced           // its output is another job's
	unseen             // nothing of it is there: it was cancelled long ago, or this worker looks elsewhere
)

// standing tells what has become of the job, by its output.
func (j *job) standing(ctx context.Context) (standing, error) {
	claim, err := readClaim(ctx, j.out)
	switch {
	case err != nil:
		return 0, err
	case claim == nil:
		return unseen, nil
	case claim.Job != string(j.key) && claim.Digest == j.plan.Digest:
		return published, nil // or will be, by the same command: what this job leaves of the result is the same
	case claim.Job != string(j.key):
		return replaced, nil
	}
	_, err = j.out.Stat(ctx, j.key.PlanKey())
	if !errors.Is(err, store.ErrNotFound) {
		return running, err
	}
	m, err := readManifest(ctx, j.out)
	if err != nil || m == nil || m.Cancelled {
		return cancelled, err
	}
	return published, nil
}

// readClaim returns the claim of an output, or nil.
func readClaim(ctx context.Context, out store.Bucket) (*shard.Claim, error) {
	return readState[shard.Claim](ctx, out, shard.ClaimKey)
}

// readManifest returns the manifest of an output, or nil.
func readManifest(ctx context.Context, out store.Bucket) (*shard.Manifest, error) {
	return readState[shard.Manifest](ctx, out, shard.ManifestKey)
}

func readState[T any](ctx context.Context, out store.Bucket, key string) (*T, error) {
	body, err := out.Get(ctx, key, maxState)
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	v := new(T)
	if err == nil {
		err = json.Unmarshal(body, v)
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", key, err)
	}
	return v, nil
}

// errBlind: nothing of the job is there. That is the end of a cancelled job, and all that a worker sees that looks elsewhere.
var errBlind = errors.New("neither the job's plan nor its claim is there: " +
	"the job was cancelled, or this worker does not see the output that the coordinator sees")

// ended is the error of a task whose job is no longer running.
func (s standing) ended() error {
	switch s {
	case running:
		return nil
	case unseen:
		return errBlind
	}
	return errOver
}

// missing explains that a job's plan is not there: the job has ended, or this worker looks elsewhere.
func missing(ctx context.Context, out store.Bucket, name string) error {
	claim, err := readClaim(ctx, out)
	if err != nil {
		return err
	}
	if claim == nil {
		return fmt.Errorf("look for job %s in %s: %w", name, out.URL(), errBlind)
	}
	return errOver
}

// openJob reads a job's plan.
func openJob(ctx context.Context, out store.Bucket, places *Places, name string) (*job, error) {
	j := &job{key: shard.Job(name), out: out, places: places}
	body, err := out.Get(ctx, j.key.PlanKey(), maxState)
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(body, &j.plan); err != nil {
		return nil, fmt.Errorf("read plan of job %s: %w", name, err)
	}
	return j, j.prepare()
}

func (j *job) prepare() error {
	options := j.plan.Command.Options
	if options.ResultVersion != shard.ResultVersion {
		return fmt.Errorf("%w: %d, this is %d", ErrVersion, options.ResultVersion, shard.ResultVersion)
	}
	if len(j.plan.HashKey) != shard.HashKeySize {
		return fmt.Errorf("read plan: hash key of %d octets", len(j.plan.HashKey))
	}
	byName := protocols.ByName()
	for _, name := range options.Signatures {
		p := byName[name]
		if p == nil {
			return fmt.Errorf("%w: signature %s is unknown here", ErrVersion, name)
		}
		j.protocols = append(j.protocols, p)
		j.wants = append(j.wants, record.Want{Protocol: p.Name, Result: p.Input})
	}
	var err error
	if j.exclude, err = parseNetworks(options.Exclude); err != nil {
		return fmt.Errorf("read excluded networks of the plan: %w", err)
	}
	j.side = j.plan.ScanShards() < len(j.plan.Shards)
	return nil
}

// index returns a stage's index, which the coordinator wrote before the next stage's first task.
func (j *job) index(ctx context.Context, stage shard.Stage) (*shard.Index, error) {
	return j.indexes.get(ctx, string(stage), func(ctx context.Context) (*shard.Index, error) {
		body, err := j.out.Get(ctx, j.key.IndexKey(stage), maxState)
		if err != nil {
			return nil, err
		}
		index, err := shard.ReadIndex(body)
		if err != nil {
			return nil, fmt.Errorf("stage %s: %w", stage, err)
		}
		return index, nil
	})
}

// firstLines returns, for each scan shard and slice, how many rows of the same input stand before the slice.
func (j *job) firstLines(index *shard.Index) [][]int64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.lines == nil {
		j.lines = shard.FirstLines(j.plan, index.Commits)
	}
	return j.lines
}
