package coordinator

import (
	"context"

	"github.com/dice-engine/dice/internal/store"
)

func everything(store.Info) bool { return true }

// removeBelow removes the objects below a prefix that are chosen, until there are none: late workers may still be
// writing, and listings may lag. Before each removal guard is asked, if there is one; its error ends it. It returns how
// many objects it removed.
func removeBelow(ctx context.Context, b store.Bucket, prefix string, chosen func(store.Info) bool, guard func() error) (n int, err error) {
	r := remover{ctx: ctx, bucket: b, guard: guard}
	for range removePasses {
		before := r.n
		err := b.List(ctx, prefix, func(i store.Info) error {
			if !chosen(i) {
				return nil
			}
			return r.add(i.Key)
		})
		if err == nil {
			err = r.flush()
		}
		if err != nil || r.n == before {
			return r.n, err
		}
	}
	return r.n, nil
}

// remover removes objects in batches, of which it holds one.
type remover struct {
	ctx    context.Context
	bucket store.Bucket
	guard  func() error
	keys   []string
	n      int
}

// removeBatch is how many objects S3 removes by one request.
const removeBatch = 1000

func (r *remover) add(key string) error {
	if r.keys = append(r.keys, key); len(r.keys) < removeBatch {
		return nil
	}
	return r.flush()
}

func (r *remover) flush() error {
	if len(r.keys) == 0 {
		return nil
	}
	if r.guard != nil {
		if err := r.guard(); err != nil {
			return err
		}
	}
	if err := r.bucket.Remove(r.ctx, r.keys...); err != nil {
		return err
	}
	r.n += len(r.keys)
	r.keys = r.keys[:0]
	return nil
}

// removePasses is how often a prefix is looked through. A key that is listed again although it was removed counts twice.
const removePasses = 3
