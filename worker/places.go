package worker

import (
	"context"

	"github.com/dice-engine/dice/internal/store"
)

// Places opens the buckets that a plan names, each once. It is safe for concurrent use.
type Places struct {
	open    func(ctx context.Context, place string) (store.Bucket, error)
	buckets shared[store.Bucket]
}

// NewPlaces returns a cache over open, which dials a place as it stands in a plan.
func NewPlaces(open func(ctx context.Context, place string) (store.Bucket, error)) *Places {
	return &Places{open: open}
}

// Bucket returns the bucket of a place.
func (p *Places) Bucket(ctx context.Context, place string) (store.Bucket, error) {
	return p.buckets.get(ctx, place, func(ctx context.Context) (store.Bucket, error) { return p.open(ctx, place) })
}
