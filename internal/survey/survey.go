// Package survey looks at the objects of a plan before anything is done with them: at footers, and at the beginnings of
// lines. Of many objects it looks at some, and takes the others to be like their neighbours.
package survey

import (
	"context"
	"fmt"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/dice-engine/dice/internal/estimate"
	"github.com/dice-engine/dice/internal/record"
	"github.com/dice-engine/dice/internal/store"
	"github.com/dice-engine/dice/internal/tape"
	"github.com/dice-engine/dice/protocols"
	"github.com/dice-engine/dice/shard"
)

// Findings is what the shards of a plan hold and take, as far as it can be told from outside.
type Findings struct {
	Shards  []estimate.Shard  // as in the plan
	Streams []estimate.Stream // as in the plan
	Looked  int               // objects that were looked at
	Counted bool              // rows of scans were counted, every one
	Faults  []Fault           // of objects that cannot be read; they count for nothing
	Whole   []string          // objects among those looked at that are one task's work, though cut: compressed in one piece, and not unpacked
}

// Fault is why an object cannot be read.
type Fault struct {
	URL string
	Err error
}

const (
	maxLooks = 200 // at scans, and as many at side tables
	atOnce   = 16
)

// Look looks at the objects of a plan. open dials the places that it names. What is wrong with an object is a finding; an
// error is that ctx ended, or that the plan names signatures that are not known.
func Look(ctx context.Context, plan *shard.Plan, open func(context.Context, string) (store.Bucket, error)) (*Findings, error) {
	return look(ctx, plan, open, maxLooks)
}

func look(ctx context.Context, plan *shard.Plan, open func(context.Context, string) (store.Bucket, error), limit int) (*Findings, error) {
	wants, err := wantsOf(plan.Command.Options.Signatures)
	if err != nil {
		return nil, err
	}
	objects := objectsOf(plan)
	looker := &looker{limits: plan.Command.Options.Limits, wants: wants, open: open, buckets: map[string]store.Bucket{}}
	if err := looker.all(ctx, objects, choose(objects, limit)); err != nil {
		return nil, err
	}
	return find(plan, objects, len(wants)), nil
}

func wantsOf(signatures []string) ([]record.Want, error) {
	byName := protocols.ByName()
	var wants []record.Want
	for _, name := range signatures {
		p := byName[name]
		if p == nil {
			return nil, fmt.Errorf("look at objects: signature %s is unknown", name)
		}
		wants = append(wants, record.Want{Protocol: p.Name, Result: p.Input})
	}
	return wants, nil
}

// looker looks at objects.
type looker struct {
	limits record.Limits
	wants  []record.Want
	open   func(context.Context, string) (store.Bucket, error)

	mu      sync.Mutex
	buckets map[string]store.Bucket
}

// all looks at those objects that were chosen, some at a time.
func (l *looker) all(ctx context.Context, objects []object, chosen []int) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(atOnce)
	for _, i := range chosen {
		group.Go(func() error {
			o := &objects[i]
			o.looked = true
			o.forecast, o.fault = l.look(ctx, o)
			return context.Cause(ctx)
		})
	}
	return group.Wait()
}

func (l *looker) look(ctx context.Context, o *object) (*record.Forecast, error) {
	bucket, err := l.bucket(ctx, o.Place)
	if err != nil {
		return nil, err
	}
	file := store.Open(ctx, bucket, store.Info{Key: o.Key, Size: o.Size, ETag: o.ETag})
	obj := record.Object{Name: o.URL, Size: o.Size, ReaderAt: file}
	if o.side {
		return record.ForeseeTable(ctx, obj, o.slices, tape.Of[record.SideRow](), l.limits)
	}
	return record.Foresee(ctx, obj, o.slices, l.wants, l.limits)
}

func (l *looker) bucket(ctx context.Context, place string) (store.Bucket, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if b := l.buckets[place]; b != nil {
		return b, nil
	}
	b, err := l.open(ctx, place)
	if err == nil {
		l.buckets[place] = b
	}
	return b, err
}
