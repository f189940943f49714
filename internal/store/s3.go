package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go/logging"
)

const (
	slowestRate       = 64 << 10 // octets per second that a body must at least pass with
	credentialTimeout = 20 * time.Second
	defaultRegion     = "us-east-1" // what services other than AWS expect
)

// s3Bucket is a prefix of an S3 bucket. Each method sends one request (List: one per page) and maps the answer.
type s3Bucket struct {
	client *s3.Client
	loc    Location
	prefix string // what keys are put after: empty or ending in a slash
	crc    bool   // send CRC32 with parts
	retry  *retrier
}

func newS3(ctx context.Context, loc Location, cfg Config, r *retrier) (*s3Bucket, error) {
	awsCfg, err := loadAWS(ctx, loc, cfg, r.policy)
	if err != nil {
		return nil, err
	}
	client := s3.NewFromConfig(awsCfg, func(o *s3.Options) {
		if loc.Endpoint != "" {
			o.BaseEndpoint = aws.String(loc.Endpoint)
		}
		o.UsePathStyle = o.BaseEndpoint != nil
		o.DisableLogOutputChecksumValidationSkipped = true
	})
	if endpoint := client.Options().BaseEndpoint; endpoint != nil && loc.Endpoint == "" {
		if err := checkEndpoint(*endpoint); err != nil {
			return nil, fmt.Errorf("%w: see AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL and endpoint_url of the profile", err)
		}
	}
	b := &s3Bucket{client: client, loc: loc, crc: cfg.Checksums != ChecksumsRequired, retry: r}
	if loc.Path != "" {
		b.prefix = loc.Path + "/"
	}
	return b, nil
}

// loadAWS reads the environment, the shared files and the instance's role as every AWS tool does. The SDK does not
// retry: this package's retrier does, so that tries are not multiplied.
func loadAWS(ctx context.Context, loc Location, cfg Config, policy Policy) (aws.Config, error) {
	transport := awshttp.NewBuildableClient().WithTransportOptions(func(t *http.Transport) {
		t.MaxIdleConns, t.MaxIdleConnsPerHost = 2*policy.Concurrency, policy.Concurrency
		t.ResponseHeaderTimeout = 2 * policy.Timeout
	})
	options := []func(*config.LoadOptions) error{
		config.WithHTTPClient(transport),
		config.WithRetryer(func() aws.Retryer { return aws.NopRetryer{} }),
		config.WithLogger(logging.Nop{}),
		config.WithRegion(loc.Region), // empty: the environment's
		config.WithDefaultRegion(defaultRegion),
	}
	if loc.Profile != "" {
		options = append(options, config.WithSharedConfigProfile(loc.Profile))
	}
	if cfg.Checksums == ChecksumsRequired {
		options = append(options,
			config.WithRequestChecksumCalculation(aws.RequestChecksumCalculationWhenRequired),
			config.WithResponseChecksumValidation(aws.ResponseChecksumValidationWhenRequired))
	}
	awsCfg, err := config.LoadDefaultConfig(ctx, options...)
	if err != nil {
		return aws.Config{}, fmt.Errorf("read AWS configuration: %w", err)
	}
	return awsCfg, checkCredentials(ctx, awsCfg)
}

// checkCredentials fetches credentials once, as a request without any would fail with a less helpful message.
func checkCredentials(ctx context.Context, cfg aws.Config) error {
	ctx, cancel := context.WithTimeout(ctx, credentialTimeout)
	defer cancel()
	if cfg.Credentials == nil {
		return fmt.Errorf("%w: no AWS credentials found", ErrDenied)
	}
	if _, err := cfg.Credentials.Retrieve(ctx); err != nil {
		return fmt.Errorf("%w: no usable AWS credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, "+
			"name a profile, or give the machine a role: %v", ErrDenied, err)
	}
	return nil
}

// URL implements Bucket.
func (b *s3Bucket) URL() string { return b.loc.String() }

// timed bounds one request that moves n octets, so that a silent peer cannot hold a call for ever.
func (b *s3Bucket) timed(ctx context.Context, n int64) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, b.allowance(n), errSlow)
}

// allowance is how long a request may take that moves n octets.
func (b *s3Bucket) allowance(n int64) time.Duration {
	return b.retry.policy.Timeout + time.Duration(n/slowestRate)*time.Second
}

// timedAnswer bounds a request until its answer begins and tells how much is to come; goOn then allows the time for that.
func (b *s3Bucket) timedAnswer(ctx context.Context) (_ context.Context, goOn func(n int64), cancel func()) {
	ctx, stop := context.WithCancelCause(ctx)
	timer := time.AfterFunc(b.allowance(0), func() { stop(errSlow) })
	goOn = func(n int64) { timer.Reset(b.allowance(n)) }
	return ctx, goOn, func() {
		timer.Stop()
		stop(nil)
	}
}

// Exists asks for one key.
func (b *s3Bucket) Exists(ctx context.Context) error {
	ctx, cancel := b.timed(ctx, 0)
	defer cancel()
	out, err := b.client.ListObjectsV2(ctx, &s3.ListObjectsV2Input{
		Bucket: &b.loc.Bucket, Prefix: &b.prefix, MaxKeys: aws.Int32(1),
	})
	return b.fail(ctx, "list", "", checkListing(out, err))
}

// Stat implements Bucket.
func (b *s3Bucket) Stat(ctx context.Context, key string) (Info, error) {
	ctx, cancel := b.timed(ctx, 0)
	defer cancel()
	out, err := b.client.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &b.loc.Bucket, Key: b.key(key)})
	if err != nil {
		return Info{}, b.fail(ctx, "stat", key, err)
	}
	return Info{Key: key, Size: aws.ToInt64(out.ContentLength), ETag: aws.ToString(out.ETag)}, nil
}

// ReadAt implements Bucket.
func (b *s3Bucket) ReadAt(ctx context.Context, key, etag string, p []byte, off int64) error {
	if len(p) == 0 {
		return nil
	}
	ctx, goOn, cancel := b.timedAnswer(ctx)
	defer cancel()
	in := &s3.GetObjectInput{
		Bucket: &b.loc.Bucket, Key: b.key(key),
		Range: aws.String(fmt.Sprintf("bytes=%d-%d", off, off+int64(len(p))-1)),
	}
	if etag != "" {
		in.IfMatch = &etag
	}
	out, err := b.client.GetObject(ctx, in)
	if err != nil {
		return b.failIf(ctx, ErrChanged, "read", key, err)
	}
	defer out.Body.Close()
	if err := checkRange(out, etag, p, off); err != nil {
		return b.fail(ctx, "read", key, err)
	}
	goOn(int64(len(p)))
	return b.fail(ctx, "read", key, readBody(out.Body, p))
}

// readBody fills p from a body and goes on to its end: only there is a checksum compared, if the store sent one, and
// io.ReadFull would drop what is said of it along with the last octets.
func readBody(body io.Reader, p []byte) error {
	if _, err := io.ReadFull(body, p); err != nil {
		return fmt.Errorf("body of %d octets cut short: %w", len(p), err)
	}
	if _, err := body.Read(make([]byte, 1)); err != nil && err != io.EOF {
		return err
	}
	return nil
}

// checkRange compares an answer with what was asked for: some services ignore If-Match or Range.
func checkRange(out *s3.GetObjectOutput, etag string, p []byte, off int64) error {
	switch {
	case etag != "" && aws.ToString(out.ETag) != etag:
		return fmt.Errorf("%w (the store ignored If-Match)", ErrChanged)
	case !strings.HasPrefix(aws.ToString(out.ContentRange), fmt.Sprintf("bytes %d-", off)):
		return final(fmt.Errorf("the store answered a range request with range %q", aws.ToString(out.ContentRange)))
	case aws.ToInt64(out.ContentLength) < int64(len(p)):
		return final(io.ErrUnexpectedEOF)
	}
	return nil
}

// Get implements Bucket.
func (b *s3Bucket) Get(ctx context.Context, key string, max int64) ([]byte, error) {
	ctx, goOn, cancel := b.timedAnswer(ctx)
	defer cancel()
	out, err := b.client.GetObject(ctx, &s3.GetObjectInput{Bucket: &b.loc.Bucket, Key: b.key(key)})
	if err != nil {
		return nil, b.fail(ctx, "get", key, err)
	}
	defer out.Body.Close()
	size := aws.ToInt64(out.ContentLength)
	switch {
	case out.ContentLength == nil:
		return nil, b.fail(ctx, "get", key, final(errors.New("the store does not say how many octets it sends")))
	case size > max:
		return nil, b.fail(ctx, "get", key, tooBig(size, max))
	}
	goOn(size)
	body := make([]byte, size)
	if err := readBody(out.Body, body); err != nil {
		return nil, b.fail(ctx, "get", key, err)
	}
	return body, nil
}

func tooBig(size, max int64) error {
	return final(fmt.Errorf("%d octets are more than the %d expected", size, max))
}

// key is where a key of this bucket stands in S3's.
func (b *s3Bucket) key(key string) *string { return aws.String(b.prefix + key) }
