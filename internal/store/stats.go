package store

import (
	"context"
	"sync/atomic"
	"time"
)

// Kind is a kind of call to a bucket.
type Kind string

// The kinds that Stats counts.
const (
	KindList   Kind = "list"   // Calls are listings, Items objects
	KindStat   Kind = "stat"   //
	KindRead   Kind = "read"   // ranged reads
	KindGet    Kind = "get"    //
	KindCreate Kind = "create" //
	KindWrite  Kind = "write"  // Calls are commits
	KindRemove Kind = "remove" // Items are keys
)

// Kinds lists all kinds.
func Kinds() []Kind {
	return []Kind{KindList, KindStat, KindRead, KindGet, KindCreate, KindWrite, KindRemove}
}

// Count is what one kind of call came to.
type Count struct {
	Calls  int64
	Failed int64 // calls that returned an error, ErrExists and ErrNotFound included
	Items  int64
	Bytes  int64         // of content, read or written
	Time   time.Duration // spent in calls, all of them together
}

// Stats counts the calls to a bucket. It is safe for concurrent use.
type Stats struct {
	list, stat, read, get, create, write, remove counter
}

type counter struct{ calls, failed, items, bytes, nanos atomic.Int64 }

// Count returns the figures of one kind.
func (s *Stats) Count(k Kind) Count {
	c := s.counter(k)
	return Count{
		Calls: c.calls.Load(), Failed: c.failed.Load(), Items: c.items.Load(), Bytes: c.bytes.Load(),
		Time: time.Duration(c.nanos.Load()),
	}
}

func (s *Stats) counter(k Kind) *counter {
	switch k {
	case KindList:
		return &s.list
	case KindStat:
		return &s.stat
	case KindRead:
		return &s.read
	case KindGet:
		return &s.get
	case KindCreate:
		return &s.create
	case KindWrite:
		return &s.write
	case KindRemove:
		return &s.remove
	}
	return &counter{} // an unknown kind counts nothing
}

// done notes a call that began at a time.
func (c *counter) done(start time.Time, bytes int, err error) {
	c.calls.Add(1)
	c.nanos.Add(int64(time.Since(start)))
	if err != nil {
		c.failed.Add(1)
		return
	}
	c.bytes.Add(int64(bytes))
}

// WithStats returns the bucket with its calls counted. Around a bucket of Dial it counts calls, below its retries it counts tries.
func WithStats(b Bucket) (Bucket, *Stats) {
	s := &Stats{}
	return &statsBucket{next: b, s: s}, s
}

type statsBucket struct {
	next Bucket
	s    *Stats
}

// Unwrap returns the bucket below.
func (b *statsBucket) Unwrap() Bucket { return b.next }

// URL implements Bucket.
func (b *statsBucket) URL() string { return b.next.URL() }

// abortStale counts as a listing.
func (b *statsBucket) abortStale(ctx context.Context, s stale) (int, error) {
	start := time.Now()
	n, err := abortStale(ctx, b.next, s)
	b.s.list.done(start, 0, err)
	return n, err
}

// List implements Bucket.
func (b *statsBucket) List(ctx context.Context, prefix string, each func(Info) error) error {
	start := time.Now()
	err := b.next.List(ctx, prefix, func(info Info) error {
		b.s.list.items.Add(1)
		return each(info)
	})
	b.s.list.done(start, 0, err)
	return err
}

// Stat implements Bucket.
func (b *statsBucket) Stat(ctx context.Context, key string) (Info, error) {
	start := time.Now()
	info, err := b.next.Stat(ctx, key)
	b.s.stat.done(start, 0, err)
	return info, err
}

// ReadAt implements Bucket.
func (b *statsBucket) ReadAt(ctx context.Context, key, etag string, p []byte, off int64) error {
	start := time.Now()
	err := b.next.ReadAt(ctx, key, etag, p, off)
	b.s.read.done(start, len(p), err)
	return err
}

// Get implements Bucket.
func (b *statsBucket) Get(ctx context.Context, key string, max int64) ([]byte, error) {
	start := time.Now()
	body, err := b.next.Get(ctx, key, max)
	b.s.get.done(start, len(body), err)
	return body, err
}

// Create implements Bucket.
func (b *statsBucket) Create(ctx context.Context, key string, body []byte) error {
	start := time.Now()
	err := b.next.Create(ctx, key, body)
	b.s.create.done(start, len(body), err)
	return err
}

// NewWriter implements Bucket.
func (b *statsBucket) NewWriter(ctx context.Context, key string) (Writer, error) {
	w, err := b.next.NewWriter(ctx, key)
	if err != nil {
		return nil, err
	}
	return &statsWriter{Writer: w, c: &b.s.write}, nil
}

// Remove implements Bucket.
func (b *statsBucket) Remove(ctx context.Context, keys ...string) error {
	start := time.Now()
	err := b.next.Remove(ctx, keys...)
	b.s.remove.items.Add(int64(len(keys)))
	b.s.remove.done(start, 0, err)
	return err
}

type statsWriter struct {
	Writer
	c *counter
}

// Write implements io.Writer.
func (w *statsWriter) Write(p []byte) (int, error) {
	start := time.Now()
	n, err := w.Writer.Write(p)
	w.c.nanos.Add(int64(time.Since(start)))
	w.c.bytes.Add(int64(n))
	return n, err
}

// Commit implements Writer.
func (w *statsWriter) Commit() (Info, error) {
	start := time.Now()
	info, err := w.Writer.Commit()
	w.c.done(start, 0, err)
	return info, err
}
