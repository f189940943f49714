package store

import (
	"context"
	"fmt"
	"log/slog"
	"time"
)

// Ways to use checksums with S3.
const (
	ChecksumsSupported = "when-supported" // CRC32 on everything that is sent, and checked on what is received
	ChecksumsRequired  = "when-required"  // only where S3 insists, for services that stumble over them
)

// Config is how to talk to a store. Its zero value is sensible.
type Config struct {
	Policy    Policy       // of retries
	Checksums string       // ChecksumsSupported (also for "") or ChecksumsRequired
	Logger    *slog.Logger // hears about retries; nil: nobody
}

// Validate names what is wrong with the configuration.
func (c Config) Validate() error {
	switch c.Checksums {
	case "", ChecksumsSupported, ChecksumsRequired:
		return nil
	}
	return fmt.Errorf("checksums %q: want %s or %s", c.Checksums, ChecksumsSupported, ChecksumsRequired)
}

// Dial returns the bucket at a location, with retries where it is remote. It resolves credentials (ErrDenied where
// there are none) but does not ask whether the bucket exists: see Exists. A local folder is made at the first write.
func Dial(ctx context.Context, loc Location, cfg Config) (Bucket, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("open %s: %w", loc, err)
	}
	switch loc.Scheme {
	case SchemeFile:
		return newLocal(loc)
	case SchemeS3:
		policy := cfg.Policy.withDefaults()
		if policy.Logger == nil {
			policy.Logger = cfg.Logger
		}
		r := newRetrier(policy)
		b, err := newS3(ctx, loc, cfg, r)
		if err != nil {
			return nil, fmt.Errorf("open %s: %w", loc, err)
		}
		return &retryBucket{next: b, r: r}, nil
	}
	return nil, fmt.Errorf("open %s: unknown scheme %q", loc, loc.Scheme)
}

// Exists returns ErrNoBucket where the bucket, or the folder, is not there, and ErrDenied where it may not be listed.
// List cannot tell: a prefix, or a folder, without objects is an empty one to it, as it must be for outputs.
func Exists(ctx context.Context, b Bucket) error {
	for {
		switch v := b.(type) {
		case interface{ Exists(context.Context) error }:
			return v.Exists(ctx)
		case interface{ Unwrap() Bucket }:
			b = v.Unwrap()
		default:
			return nil
		}
	}
}

// AbortStale drops what writers left unfinished before a time under a prefix that is empty or ends in a slash:
// multipart uploads on S3, temporary files in a folder. It returns how many it dropped. Only machines that never came back leave any.
func AbortStale(ctx context.Context, b Bucket, prefix string, before time.Time) (int, error) {
	return abortStale(ctx, b, stale{prefix: prefix, deep: true, before: before})
}

// AbortStaleAtRoot drops such temporary files of a folder itself. What lies deeper, and uploads on S3, may be somebody else's.
func AbortStaleAtRoot(ctx context.Context, b Bucket, before time.Time) (int, error) {
	return abortStale(ctx, b, stale{before: before})
}

// stale says which unfinished objects are dropped.
type stale struct {
	prefix string
	deep   bool // those in folders below the prefix, too
	before time.Time
}

func abortStale(ctx context.Context, b Bucket, s stale) (int, error) {
	for {
		switch v := b.(type) {
		case interface {
			abortStale(context.Context, stale) (int, error)
		}:
			return v.abortStale(ctx, s)
		case interface{ Unwrap() Bucket }:
			b = v.Unwrap()
		default:
			return 0, nil
		}
	}
}
