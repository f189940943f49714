package faultproxy_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/google/go-cmp/cmp"

	"github.com/dice-engine/dice/internal/servertest"
)

var modified = regexp.MustCompile("<LastModified>.*?</LastModified>")

// recorder notes answers as they arrive.
type recorder struct{ answers []string }

// Do implements the SDK's HTTP client.
func (r *recorder) Do(req *http.Request) (*http.Response, error) {
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	resp.Body = io.NopCloser(bytes.NewReader(body))
	header := resp.Header.Clone()
	for _, own := range []string{"Date", "X-Amz-Request-Id", "Last-Modified", "X-Ratelimit-Limit", "X-Ratelimit-Remaining"} {
		header.Del(own) // differ from answer to answer
	}
	if req.Method == http.MethodPost { // names the upload
		body = nil
		header.Del("Content-Length")
	}
	body = bytes.ReplaceAll(body, []byte(resp.Header.Get("X-Amz-Request-Id")), nil)
	body = modified.ReplaceAll(body, nil)
	answer := fmt.Sprintf("%s %s %v %.2000q %x", req.Method, resp.Status, header, body, sha256.Sum256(body))
	r.answers = append(r.answers, answer)
	return resp, nil
}

// TestPassesUnchanged sends every request that DICE sends to MinIO, past the proxy and through it: to the last header
// the answers are the same.
func TestPassesUnchanged(t *testing.T) {
	b := newBench(t)
	endpoint, _, _ := servertest.MinIO(t)
	direct, through := b.converse(endpoint), b.converse("http://"+b.Addr)
	if diff := cmp.Diff(direct, through); diff != "" {
		t.Errorf("past the proxy - through it +\n%s", diff)
	}
	if b.Counts().Total() != 0 || len(direct) < 15 {
		t.Errorf("faults: %v; %d answers", b.Counts(), len(direct))
	}
}

// converse sends the requests and leaves the bucket empty again. Errors are answers, too.
func (b *bench) converse(endpoint string) []string {
	b.t.Helper()
	ctx, bucket, r := b.t.Context(), &b.bucket, &recorder{}
	c := s3.New(servertest.Client(endpoint).Options(), func(o *s3.Options) {
		o.HTTPClient = r
		o.Retryer = aws.NopRetryer{}
		o.RequestChecksumCalculation = aws.RequestChecksumCalculationWhenSupported
		o.ResponseChecksumValidation = aws.ResponseChecksumValidationWhenSupported
	})
	small, large, key := []byte("a b c"), bytes.Repeat([]byte("0123456789abcdef"), 6<<16), aws.String("a/+ %&ü=.txt")
	for range 2 { // the second meets the first one's object
		c.PutObject(ctx, &s3.PutObjectInput{Bucket: bucket, Key: key, Body: bytes.NewReader(small), IfNoneMatch: aws.String("*")})
	}
	b.upload(ctx, c, large)
	head, err := c.HeadObject(ctx, &s3.HeadObjectInput{Bucket: bucket, Key: aws.String("large")})
	if err != nil {
		b.t.Fatal(err)
	}
	c.HeadObject(ctx, &s3.HeadObjectInput{Bucket: bucket, Key: aws.String("none")})
	for _, etag := range []*string{head.ETag, aws.String(`"other"`)} {
		c.GetObject(ctx, &s3.GetObjectInput{
			Bucket: bucket, Key: aws.String("large"), Range: aws.String("bytes=5-5000005"), IfMatch: etag,
		})
	}
	c.GetObject(ctx, &s3.GetObjectInput{Bucket: bucket, Key: key})
	c.GetObject(ctx, &s3.GetObjectInput{Bucket: bucket, Key: aws.String("large"), Range: aws.String("bytes=99999999-")})
	c.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: bucket, EncodingType: "url"})
	c.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: bucket, Key: key})
	keys := []types.ObjectIdentifier{{Key: key}, {Key: aws.String("large")}}
	c.DeleteObjects(ctx, &s3.DeleteObjectsInput{Bucket: bucket, Delete: &types.Delete{Objects: keys, Quiet: aws.Bool(true)}})
	return r.answers
}

// upload sends an object of two parts, tries to complete it twice, and drops what is left.
func (b *bench) upload(ctx context.Context, c *s3.Client, large []byte) {
	b.t.Helper()
	key := aws.String("large")
	for range 2 {
		up, err := c.CreateMultipartUpload(ctx, &s3.CreateMultipartUploadInput{
			Bucket: &b.bucket, Key: key, ChecksumAlgorithm: types.ChecksumAlgorithmCrc32,
		})
		if err != nil {
			b.t.Fatal(err)
		}
		var parts []types.CompletedPart
		for i, body := range [][]byte{large, large[:100]} {
			out, err := c.UploadPart(ctx, &s3.UploadPartInput{
				Bucket: &b.bucket, Key: key, UploadId: up.UploadId, PartNumber: aws.Int32(int32(i + 1)),
				Body: bytes.NewReader(body), ChecksumAlgorithm: types.ChecksumAlgorithmCrc32,
			})
			if err != nil {
				b.t.Fatal(err)
			}
			parts = append(parts, types.CompletedPart{
				ETag: out.ETag, ChecksumCRC32: out.ChecksumCRC32, PartNumber: aws.Int32(int32(i + 1)),
			})
		}
		c.CompleteMultipartUpload(ctx, &s3.CompleteMultipartUploadInput{
			Bucket: &b.bucket, Key: key, UploadId: up.UploadId, IfNoneMatch: aws.String("*"),
			MultipartUpload: &types.CompletedMultipartUpload{Parts: parts},
		})
		c.AbortMultipartUpload(ctx, &s3.AbortMultipartUploadInput{Bucket: &b.bucket, Key: key, UploadId: up.UploadId})
	}
}
