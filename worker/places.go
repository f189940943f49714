package worker

import (
	"context"
	"sync"

	"golang.org/x/sync/singleflight"

	"github.com/dice-engine/dice/internal/store"
)

// Places opens the buckets that a plan names, each once. It is safe for concurrent use.
type Places struct {
	open    func(ctx context.Context, place string) (store.Bucket, error)
	opening singleflight.Group

	mu      sync.Mutex
	buckets map[string]store.Bucket
}

// NewPlaces returns a cache over open, which dials a place as it stands in a plan.
func NewPlaces(open func(ctx context.Context, place string) (store.Bucket, error)) *Places {
	return &Places{open: open, buckets: map[string]store.Bucket{}}
}

// Bucket returns the bucket of a place. One that is slow to open keeps nobody waiting who asks for another one.
func (p *Places) Bucket(ctx context.Context, place string) (store.Bucket, error) {
	p.mu.Lock()
	b := p.buckets[place]
	p.mu.Unlock()
	if b != nil {
		return b, nil
	}
	opened := p.opening.DoChan(place, func() (any, error) { return p.dial(context.WithoutCancel(ctx), place) })
	select {
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	case r := <-opened:
		b, _ := r.Val.(store.Bucket)
		return b, r.Err
	}
}

func (p *Places) dial(ctx context.Context, place string) (store.Bucket, error) {
	p.mu.Lock()
	b := p.buckets[place] // somebody may have been faster
	p.mu.Unlock()
	if b != nil {
		return b, nil
	}
	b, err := p.open(ctx, place)
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.buckets[place] = b
	return b, nil
}
