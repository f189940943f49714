package store

import "context"

// retryBucket repeats calls that fail for reasons that pass: 5xx, SlowDown, timeouts, resets, bodies cut short; whatever is
// not one of this package's errors and not marked as hopeless. Dial applies it to S3.
//
// A repeated Create or Commit has a hazard: the first try may have won and only its answer got lost. The repetition
// then reports ErrExists for one's own object. The wrapper cannot tell, as another writer may have sent the same
// content; callers for whom it matters read the object and look for their own attempt's name in it.
//
// Writing is not repeated here: what was written is gone from this layer. The S3 writer keeps each part until the
// store has it and repeats parts and the completion itself.
type retryBucket struct {
	next Bucket
	r    *retrier
}

// Unwrap returns the bucket below.
func (b *retryBucket) Unwrap() Bucket { return b.next }

// URL implements Bucket.
func (b *retryBucket) URL() string { return b.next.URL() }

// Exists reports ErrNoBucket as the function Exists does.
func (b *retryBucket) Exists(ctx context.Context) error {
	return b.r.do(ctx, "exists", func(ctx context.Context) error { return Exists(ctx, b.next) })
}

// afterLister is a bucket that can begin a listing after a key.
type afterLister interface {
	listAfter(ctx context.Context, prefix, after string, each func(Info) error) error
}

// List implements Bucket. A listing that breaks goes on after the last key that was passed on.
func (b *retryBucket) List(ctx context.Context, prefix string, each func(Info) error) error {
	last := ""
	var stopped error // by each, which is the caller's own affair
	err := b.r.loop(ctx, "list", func() (bool, error) {
		before := last
		err := b.listAfter(ctx, prefix, last, func(info Info) error {
			if info.Key <= last {
				return nil
			}
			last = info.Key
			if stopped = each(info); stopped != nil {
				return final(stopped)
			}
			return nil
		})
		return last != before, err
	})
	if stopped != nil {
		return stopped
	}
	return err
}

func (b *retryBucket) listAfter(ctx context.Context, prefix, after string, each func(Info) error) error {
	if l, ok := b.next.(afterLister); ok {
		return l.listAfter(ctx, prefix, after, each)
	}
	return b.next.List(ctx, prefix, each)
}

// Stat implements Bucket.
func (b *retryBucket) Stat(ctx context.Context, key string) (info Info, err error) {
	err = b.r.do(ctx, "stat", func(ctx context.Context) (err error) {
		info, err = b.next.Stat(ctx, key)
		return err
	})
	return info, err
}

// ReadAt implements Bucket.
func (b *retryBucket) ReadAt(ctx context.Context, key, etag string, p []byte, off int64) error {
	return b.r.do(ctx, "read", func(ctx context.Context) error { return b.next.ReadAt(ctx, key, etag, p, off) })
}

// Get implements Bucket.
func (b *retryBucket) Get(ctx context.Context, key string, max int64) (body []byte, err error) {
	err = b.r.do(ctx, "get", func(ctx context.Context) (err error) {
		body, err = b.next.Get(ctx, key, max)
		return err
	})
	return body, err
}

// Create implements Bucket. See retryBucket for ErrExists after a lost answer.
func (b *retryBucket) Create(ctx context.Context, key string, body []byte) error {
	return b.r.do(ctx, "create", func(ctx context.Context) error { return b.next.Create(ctx, key, body) })
}

// NewWriter implements Bucket.
func (b *retryBucket) NewWriter(ctx context.Context, key string) (w Writer, err error) {
	err = b.r.do(ctx, "write", func(ctx context.Context) (err error) {
		w, err = b.next.NewWriter(ctx, key)
		return err
	})
	return w, err
}

// Remove implements Bucket.
func (b *retryBucket) Remove(ctx context.Context, keys ...string) error {
	return b.r.do(ctx, "remove", func(ctx context.Context) error { return b.next.Remove(ctx, keys...) })
}
