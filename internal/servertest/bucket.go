package servertest

import (
	"context"
	"crypto/rand"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// Bucket makes a fresh bucket in the shared MinIO and returns its URL (s3://name) and the environment with which a
// child process reaches it. SetEnv gives the same to the test's own process.
func Bucket(t testing.TB) (url string, env []string) {
	t.Helper()
	endpoint, _, _ := MinIO(t)
	return newBucket(t, endpoint), s3Env(endpoint)
}

// Bucket makes a fresh bucket in this MinIO, as the function of that name does in the shared one.
func (s *Server) Bucket(t testing.TB) (url string, env []string) {
	t.Helper()
	endpoint := "http://" + s.Addr
	return newBucket(t, endpoint), s3Env(endpoint)
}

// SetEnv sets NAME=value pairs for the rest of the test.
func SetEnv(t testing.TB, env []string) {
	t.Helper()
	for _, kv := range env {
		name, value, _ := strings.Cut(kv, "=")
		t.Setenv(name, value)
	}
}

func s3Env(endpoint string) []string {
	return []string{
		"AWS_ENDPOINT_URL_S3=" + endpoint, "AWS_REGION=us-east-1", "AWS_ACCESS_KEY_ID=" + minioAccessKey,
		"AWS_SECRET_ACCESS_KEY=" + minioSecretKey, "AWS_EC2_METADATA_DISABLED=true",
	}
}

func newBucket(t testing.TB, endpoint string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	name := "test-" + strings.ToLower(rand.Text())
	if _, err := Client(endpoint).CreateBucket(ctx, &s3.CreateBucketInput{Bucket: &name}); err != nil {
		t.Fatalf("make bucket %s at %s: %v", name, endpoint, err)
	}
	return "s3://" + name
}

// Client returns a plain S3 client for a MinIO of this package, for tests that must do what DICE itself never does,
// such as overwriting an object.
func Client(endpoint string) *s3.Client {
	return s3.New(s3.Options{
		BaseEndpoint: aws.String(endpoint), UsePathStyle: true, Region: "us-east-1",
		Credentials: credentials.NewStaticCredentialsProvider(minioAccessKey, minioSecretKey, ""),
	})
}
