package store

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// finish sends the last part and completes the upload.
func (w *s3Writer) finish() (info Info, err error) {
	if len(w.buf) > 0 || len(w.parts) == 0 {
		if err := w.flush(); err != nil {
			return Info{}, err
		}
	}
	if err := w.wait(); err != nil {
		return Info{}, err
	}
	err = w.b.retry.do(w.ctx, "complete upload", func(ctx context.Context) (err error) {
		info, err = w.complete(ctx)
		return err
	})
	if errors.Is(err, errNoUpload) {
		return Info{}, w.whereIsIt(err)
	}
	return info, err
}

// complete makes the object visible if its key is free. A conflict (409) is repeated like any passing failure: when it
// is over, the answer is success or ErrExists. Should S3 have dropped the upload meanwhile, the answer is errNoUpload.
func (w *s3Writer) complete(ctx context.Context) (Info, error) {
	ctx, cancel := w.b.timed(ctx, 16<<20) // the service may have to put the parts together
	defer cancel()
	out, err := w.b.client.CompleteMultipartUpload(ctx, &s3.CompleteMultipartUploadInput{
		Bucket: &w.b.loc.Bucket, Key: w.b.key(w.key), UploadId: &w.upload, IfNoneMatch: aws.String("*"),
		MultipartUpload: &types.CompletedMultipartUpload{Parts: w.parts},
	})
	if err != nil {
		return Info{}, w.b.failIf(ctx, ErrExists, "complete upload of", w.key, err)
	}
	return Info{Key: w.key, Size: w.size, ETag: aws.ToString(out.ETag)}, nil
}

// whereIsIt explains a vanished upload: an earlier try completed it and the answer got lost, or someone else won, and
// either way the object is there; or the upload was aborted from outside and the whole writing must begin anew.
func (w *s3Writer) whereIsIt(cause error) error {
	err := w.b.retry.do(w.ctx, "stat", func(ctx context.Context) error {
		_, err := w.b.Stat(ctx, w.key)
		return err
	})
	switch {
	case err == nil:
		return fmt.Errorf("complete upload of %s: %w", *w.b.key(w.key), ErrExists)
	case errors.Is(err, ErrNotFound):
		return fmt.Errorf("%w; it was dropped from outside, write the object again", cause)
	}
	return err
}

// Abort implements Writer. It works after the writer's context has ended, too.
func (w *s3Writer) Abort() error {
	if w.done {
		return nil
	}
	w.done = true
	_ = w.wait() // a part that still arrives after the abort would be kept and paid for
	w.buf, w.spare = nil, nil
	if w.upload == "" {
		return nil
	}
	ctx, cancel := detached(w.ctx)
	defer cancel()
	return w.b.abortUpload(ctx, w.key, w.upload)
}

// abortUpload drops an unfinished upload, if it is still there.
func (b *s3Bucket) abortUpload(ctx context.Context, key, upload string) error {
	err := b.retry.do(ctx, "abort upload", func(ctx context.Context) error {
		ctx, cancel := b.timed(ctx, 0)
		defer cancel()
		_, err := b.client.AbortMultipartUpload(ctx, &s3.AbortMultipartUploadInput{
			Bucket: &b.loc.Bucket, Key: b.key(key), UploadId: &upload,
		})
		return b.fail(ctx, "abort upload of", key, err)
	})
	if isNotFound(err) {
		return nil
	}
	return err
}
