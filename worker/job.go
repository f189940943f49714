package worker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"sync"

	"github.com/dice-engine/dice/internal/record"
	"github.com/dice-engine/dice/internal/store"
	"github.com/dice-engine/dice/protocols"
	"github.com/dice-engine/dice/shard"
)

// maxState bounds a plan or an index that a worker is willing to read.
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
	exclude   []netip.Prefix
	side      bool // there are side tables

	mu      sync.Mutex
	indexes map[shard.Stage]*shard.Index
	lines   [][]int64
}

// openJob reads a job's plan.
func openJob(ctx context.Context, out store.Bucket, places *Places, name string) (*job, error) {
	j := &job{key: shard.Job(name), out: out, places: places, indexes: map[shard.Stage]*shard.Index{}}
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
	byName := map[string]*protocols.Protocol{}
	for _, p := range protocols.All() {
		byName[p.Name] = p
	}
	for _, name := range options.Signatures {
		p := byName[name]
		if p == nil {
			return fmt.Errorf("%w: signature %s is unknown here", ErrVersion, name)
		}
		j.protocols = append(j.protocols, p)
		j.wants = append(j.wants, record.Want{Protocol: p.Name, Result: p.Input})
	}
	for _, network := range options.Exclude {
		prefix, err := netip.ParsePrefix(network)
		if err != nil {
			return fmt.Errorf("read excluded networks of the plan: %w", err)
		}
		j.exclude = append(j.exclude, prefix)
	}
	j.side = j.plan.ScanShards() < len(j.plan.Shards)
	return nil
}

// index returns a stage's index, which the coordinator wrote before the next stage's first task.
func (j *job) index(ctx context.Context, stage shard.Stage) (*shard.Index, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if index := j.indexes[stage]; index != nil {
		return index, nil
	}
	body, err := j.out.Get(ctx, j.key.IndexKey(stage), maxState)
	if err != nil {
		return nil, err
	}
	index := &shard.Index{}
	if err := json.Unmarshal(body, index); err != nil {
		return nil, fmt.Errorf("read index of stage %s: %w", stage, err)
	}
	j.indexes[stage] = index
	return index, nil
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

// excluded says whether an address is in a network that asked to be left out.
func (j *job) excluded(addr netip.Addr) bool {
	for _, prefix := range j.exclude {
		if prefix.Contains(addr) || prefix.Contains(addr.Unmap()) {
			return true
		}
	}
	return false
}
