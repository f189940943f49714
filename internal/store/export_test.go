package store

// WithRetry returns the bucket as Dial wraps a remote one.
func WithRetry(b Bucket, p Policy) Bucket { return &retryBucket{next: b, r: newRetrier(p)} }
