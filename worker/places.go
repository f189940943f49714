package worker

import (
	"context"
	"sync"

	"github.com/dice-engine/dice/internal/store"
)

// Places opens the buckets that a plan names, each once. It is safe for concurrent use.
type Places struct {
	open func(ctx context.Context, place string) (store.Bucket, error)

	mu      sync.Mutex
	buckets map[string]store.Bucket
}

// NewPlaces returns a cache over open, which dials a place as it stands in a plan.
func NewPlaces(open func(ctx context.Context, place string) (store.Bucket, error)) *Places {
	return &Places{open: open, buckets: map[string]store.Bucket{}}
}

// Bucket returns the bucket of a place.
func (p *Places) Bucket(ctx context.Context, place string) (store.Bucket, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if b := p.buckets[place]; b != nil {
		return b, nil
	}
	b, err := p.open(ctx, place)
	if err != nil {
		return nil, err
	}
	p.buckets[place] = b
	return b, nil
}
