package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

const (
	partSize  = 8 << 20 // of the first parts; S3 wants at least 5 MiB
	partsStep = 2500    // after so many parts they double, as S3 takes 10,000 of them: 300 GiB in all
)

var errClosed = errors.New("writer was committed or aborted already")

// Create implements Bucket.
func (b *s3Bucket) Create(ctx context.Context, key string, body []byte) error {
	_, err := b.put(ctx, key, body)
	return err
}

// put makes an object in one request. The body is a bytes.Reader, as the SDK cannot sign a stream over plain HTTP.
func (b *s3Bucket) put(ctx context.Context, key string, body []byte) (Info, error) {
	if err := checkKey(key); err != nil {
		return Info{}, b.fail(ctx, "create", key, err)
	}
	ctx, cancel := b.timed(ctx, int64(len(body)))
	defer cancel()
	out, err := b.client.PutObject(ctx, &s3.PutObjectInput{
		Bucket: &b.loc.Bucket, Key: b.key(key), Body: bytes.NewReader(body), IfNoneMatch: aws.String("*"),
		ContentLength: aws.Int64(int64(len(body))),
	})
	if err != nil {
		return Info{}, b.failIf(ctx, ErrExists, "create", key, err)
	}
	return Info{Key: key, Size: int64(len(body)), ETag: aws.ToString(out.ETag)}, nil
}

// s3Writer gathers a part in memory while the one before is on its way: at most two parts are held. An object that
// fits into one part is put in one request. It is not safe for concurrent use.
type s3Writer struct {
	b       *s3Bucket
	ctx     context.Context
	key     string
	buf     []byte
	spare   []byte // the buffer of a part that has arrived
	size    int64
	upload  string // id of the multipart upload, once it was begun
	parts   []types.CompletedPart
	pending chan error // answers when the part under way has arrived; nil: none is
	err     error      // the first failure; nothing works after it
	done    bool
}

// NewWriter implements Bucket. It sends no request.
func (b *s3Bucket) NewWriter(ctx context.Context, key string) (Writer, error) {
	if err := checkKey(key); err != nil {
		return nil, b.fail(ctx, "write", key, err)
	}
	return &s3Writer{b: b, ctx: ctx, key: key}, nil
}

// newMultipart starts a writer that uses a multipart upload however small the object, for Probe.
func (b *s3Bucket) newMultipart(ctx context.Context, key string) (Writer, error) {
	w := &s3Writer{b: b, ctx: ctx, key: key}
	return w, w.begin()
}

// Write implements io.Writer.
func (w *s3Writer) Write(p []byte) (int, error) {
	if w.done {
		return 0, errClosed
	}
	n := 0
	for n < len(p) && w.err == nil {
		limit := partSize << (len(w.parts) / partsStep)
		if len(w.buf) >= limit {
			w.err = w.flush()
			continue
		}
		chunk := p[n:min(len(p), n+limit-len(w.buf))]
		w.buf = append(w.buf, chunk...)
		n += len(chunk)
	}
	w.size += int64(n)
	return n, w.err
}

// flush sends the gathered part behind the caller's back, once the one before has arrived.
func (w *s3Writer) flush() error {
	if err := w.wait(); err != nil {
		return err
	}
	if w.upload == "" {
		if err := w.begin(); err != nil {
			return err
		}
	}
	body := w.buf
	w.buf, w.spare = w.spare[:0], body
	w.parts = append(w.parts, types.CompletedPart{PartNumber: aws.Int32(int32(len(w.parts) + 1))})
	part := &w.parts[len(w.parts)-1]
	w.pending = make(chan error, 1)
	go func(answer chan<- error) { answer <- w.send(part, body) }(w.pending)
	return nil
}

// wait waits for the part that is under way.
func (w *s3Writer) wait() error {
	if w.pending == nil {
		return nil
	}
	err := <-w.pending
	w.pending = nil
	return err
}

func (w *s3Writer) begin() error {
	in := &s3.CreateMultipartUploadInput{Bucket: &w.b.loc.Bucket, Key: w.b.key(w.key)}
	if w.b.crc {
		in.ChecksumAlgorithm = types.ChecksumAlgorithmCrc32 // else some services refuse parts that carry one
	}
	return w.b.retry.do(w.ctx, "begin upload", func(ctx context.Context) error {
		ctx, cancel := w.b.timed(ctx, 0)
		defer cancel()
		out, err := w.b.client.CreateMultipartUpload(ctx, in)
		if err != nil {
			return w.b.fail(ctx, "begin upload", w.key, err)
		}
		w.upload = aws.ToString(out.UploadId)
		return nil
	})
}

func (w *s3Writer) send(part *types.CompletedPart, body []byte) error {
	return w.b.retry.do(w.ctx, "upload part", func(ctx context.Context) error {
		ctx, cancel := w.b.timed(ctx, int64(len(body)))
		defer cancel()
		in := &s3.UploadPartInput{
			Bucket: &w.b.loc.Bucket, Key: w.b.key(w.key), UploadId: &w.upload, PartNumber: part.PartNumber,
			Body: bytes.NewReader(body), ContentLength: aws.Int64(int64(len(body))),
		}
		if w.b.crc {
			in.ChecksumAlgorithm = types.ChecksumAlgorithmCrc32
		}
		out, err := w.b.client.UploadPart(ctx, in)
		if err != nil {
			return w.b.fail(ctx, fmt.Sprintf("upload part %d of", *part.PartNumber), w.key, err)
		}
		part.ETag, part.ChecksumCRC32 = out.ETag, out.ChecksumCRC32
		return nil
	})
}

// Commit implements Writer.
func (w *s3Writer) Commit() (Info, error) {
	if w.done {
		return Info{}, errClosed
	}
	if w.err == nil {
		w.err = w.wait()
	}
	if w.err != nil {
		return Info{}, errors.Join(w.err, w.Abort())
	}
	if w.upload == "" {
		w.done = true
		return w.putWhole()
	}
	info, err := w.finish()
	if err != nil {
		return Info{}, errors.Join(err, w.Abort())
	}
	w.done = true
	return info, nil
}

func (w *s3Writer) putWhole() (info Info, err error) {
	err = w.b.retry.do(w.ctx, "create", func(ctx context.Context) (err error) {
		info, err = w.b.put(ctx, w.key, w.buf)
		return err
	})
	return info, err
}
