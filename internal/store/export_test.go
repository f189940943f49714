package store

import (
	"context"
	"log/slog"
)

// WithRetry returns the bucket as Dial wraps a remote one.
func WithRetry(b Bucket, p Policy) Bucket { return &retryBucket{next: b, r: newRetrier(p)} }

// Listener is a log handler that is told of retries: of which call, and why.
type Listener func(op string, err error)

// Logger returns a logger for a Policy.
func (l Listener) Logger() *slog.Logger { return slog.New(l) }

// Enabled implements slog.Handler.
func (l Listener) Enabled(context.Context, slog.Level) bool { return true }

// Handle implements slog.Handler.
func (l Listener) Handle(_ context.Context, line slog.Record) error {
	if line.Message != retryMessage {
		return nil
	}
	var op string
	var cause error
	line.Attrs(func(a slog.Attr) bool {
		switch a.Key {
		case "op":
			op = a.Value.String()
		case "error":
			cause, _ = a.Value.Any().(error)
		}
		return true
	})
	l(op, cause)
	return nil
}

// WithAttrs implements slog.Handler.
func (l Listener) WithAttrs([]slog.Attr) slog.Handler { return l }

// WithGroup implements slog.Handler.
func (l Listener) WithGroup(string) slog.Handler { return l }
