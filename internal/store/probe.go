package store

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
)

// Probe checks that the store keeps the promises that DICE rests on: a key is created once, by put and by multipart
// upload, and a read with another ETag is refused. Some S3-compatible services ignore such conditions silently. Where
// one is ignored, the error names the store. Probe writes two small objects under prefix and removes them. Somebody else
// may remove them before, as a coordinator does that cleans up: then it begins again.
func Probe(ctx context.Context, b Bucket, prefix string) (err error) {
	for range probeTries {
		if err = probeOnce(ctx, b, prefix); !errors.Is(err, errTwice) && !errors.Is(err, ErrNotFound) {
			return err
		}
	}
	return err
}

// probeTries is how often an object that was removed is taken for somebody else's doing.
const probeTries = 3

// errTwice: the object was removed meanwhile, or the store broke its promise.
var errTwice = errors.New("the same key could be created twice")

func probeOnce(ctx context.Context, b Bucket, prefix string) (err error) {
	name := prefix + "probe-" + rand.Text()
	put, multi := name+"-put", name+"-multipart"
	defer func() {
		clean, cancel := detached(ctx)
		defer cancel()
		err = errors.Join(err, b.Remove(clean, put, multi))
	}()
	body := []byte("DICE checks what this store promises\n")
	if err := twice(b, "put", func() error { return b.Create(ctx, put, body) }); err != nil {
		return err
	}
	if err := twice(b, "multipart upload", func() error { return writeMultipart(ctx, b, multi, body) }); err != nil {
		return err
	}
	err = b.ReadAt(ctx, put, `"another"`, make([]byte, len(body)), 0)
	if err == nil {
		return fmt.Errorf("probe %s: a read with another ETag was answered; this store ignores If-Match, "+
			"so that inputs could change unnoticed: it cannot be used", b.URL())
	}
	if !errors.Is(err, ErrChanged) {
		return fmt.Errorf("probe %s: %w", b.URL(), err)
	}
	return nil
}

// twice does a creation two times and wants the second refused. ErrExists at the first time is an own success whose
// answer got lost, as the name is random.
func twice(b Bucket, how string, create func() error) error {
	if err := create(); err != nil && !errors.Is(err, ErrExists) {
		return fmt.Errorf("probe %s: %w", b.URL(), err)
	}
	switch err := create(); {
	case errors.Is(err, ErrExists):
		return nil
	case err != nil:
		return fmt.Errorf("probe %s: %w", b.URL(), err)
	}
	return fmt.Errorf("probe %s: %w by %s; this store ignores If-None-Match, "+
		"so that two workers could overwrite each other: it cannot be used", b.URL(), errTwice, how)
}

// writeMultipart creates an object by a multipart upload where the store knows such a thing.
func writeMultipart(ctx context.Context, b Bucket, key string, body []byte) error {
	w, err := newMultipart(ctx, b, key)
	if err != nil {
		return err
	}
	if _, err := w.Write(body); err != nil {
		return errors.Join(err, w.Abort())
	}
	_, err = w.Commit()
	return errors.Join(err, w.Abort())
}

func newMultipart(ctx context.Context, b Bucket, key string) (Writer, error) {
	for below := b; ; {
		switch v := below.(type) {
		case interface {
			newMultipart(context.Context, string) (Writer, error)
		}:
			return v.newMultipart(ctx, key)
		case interface{ Unwrap() Bucket }:
			below = v.Unwrap()
		default:
			return b.NewWriter(ctx, key)
		}
	}
}
