package store_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/dice-engine/dice/internal/servertest"
	"github.com/dice-engine/dice/internal/store"
)

// once is a policy without retries, for tests of single answers.
func once() store.Config { return store.Config{Policy: store.Policy{Budget: -1}} }

func TestS3Denied(t *testing.T) {
	url, env := servertest.Bucket(t)
	tests := []struct {
		name, env, want string
	}{
		{"unknown key id", "AWS_ACCESS_KEY_ID=nobody", "AWS_ACCESS_KEY_ID"},
		{"wrong secret", "AWS_SECRET_ACCESS_KEY=wrong", "AWS_SECRET_ACCESS_KEY"},
		{"wrong token", "AWS_SESSION_TOKEN=wrong", "AWS_SESSION_TOKEN"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			servertest.SetEnv(t, append(env, tt.env))
			b := dial(t, url, store.Config{}) // with retries, which must not happen
			start := time.Now()
			for _, err := range []error{
				b.List(t.Context(), "", func(store.Info) error { return nil }), b.Create(t.Context(), "k", []byte("x")),
				store.Exists(t.Context(), b), store.Probe(t.Context(), b, ""),
			} {
				if !errors.Is(err, store.ErrDenied) || !strings.Contains(err.Error(), tt.want) {
					t.Errorf("got %v, want ErrDenied with %s", err, tt.want)
				}
			}
			if _, err := b.Stat(t.Context(), "k"); !errors.Is(err, store.ErrDenied) {
				t.Errorf("Stat: got %v, want ErrDenied", err)
			}
			if time.Since(start) > 10*time.Second {
				t.Errorf("took %v", time.Since(start))
			}
		})
	}
}

func TestS3NoCredentials(t *testing.T) {
	url, env := servertest.Bucket(t)
	servertest.SetEnv(t, append(env, "AWS_ACCESS_KEY_ID=", "AWS_SECRET_ACCESS_KEY=", "HOME="+t.TempDir(),
		"AWS_CONFIG_FILE=/dev/null", "AWS_SHARED_CREDENTIALS_FILE=/dev/null"))
	loc, err := store.Parse(url)
	check(t, err)
	_, err = store.Dial(t.Context(), loc, store.Config{})
	if !errors.Is(err, store.ErrDenied) || !strings.Contains(err.Error(), "no usable AWS credentials") {
		t.Errorf("got %v, want ErrDenied that says what to do", err)
	}
}

func TestS3Profile(t *testing.T) {
	url, env := servertest.Bucket(t)
	endpoint, key, secret := servertest.MinIO(t)
	file := t.TempDir() + "/credentials"
	writeFile(t, file, "[lab]\naws_access_key_id="+key+"\naws_secret_access_key="+secret+"\n")
	servertest.SetEnv(t, append(env, "AWS_ENDPOINT_URL_S3=http://127.0.0.1:1", "AWS_ACCESS_KEY_ID=nobody",
		"AWS_SHARED_CREDENTIALS_FILE="+file))
	b := dial(t, url+"/below?profile=lab&endpoint="+endpoint, once())
	check(t, b.Create(t.Context(), "k", nil))
	if got := names(t, b, ""); len(got) != 1 {
		t.Errorf("List: got %q", got)
	}
}

func TestS3NoBucket(t *testing.T) {
	_, env := servertest.Bucket(t)
	servertest.SetEnv(t, env)
	b := dial(t, "s3://no-such-bucket/prefix", store.Config{})
	_, getErr := b.Get(t.Context(), "k", 1)
	for _, err := range []error{
		getErr, store.Exists(t.Context(), b), b.Create(t.Context(), "k", nil), store.Probe(t.Context(), b, ""),
		b.List(t.Context(), "", func(store.Info) error { return nil }),
	} {
		if !errors.Is(err, store.ErrNoBucket) || !strings.Contains(err.Error(), "no-such-bucket") {
			t.Errorf("got %v, want ErrNoBucket and its name", err)
		}
	}
}

func TestS3EmptyPrefixExists(t *testing.T) {
	url, env := servertest.Bucket(t)
	servertest.SetEnv(t, env)
	check(t, store.Exists(t.Context(), dial(t, url+"/nothing/here", store.Config{})))
}

// TestS3Markers lists what the AWS console and other tools leave behind.
func TestS3Markers(t *testing.T) {
	url, env := servertest.Bucket(t)
	servertest.SetEnv(t, env)
	endpoint, _, _ := servertest.MinIO(t)
	for _, key := range []string{"scan/", "scan/sub/", "scan/sub/file", "scan/file"} {
		_, err := servertest.Client(endpoint).PutObject(t.Context(), &s3.PutObjectInput{
			Bucket: aws.String(strings.TrimPrefix(url, "s3://")), Key: &key, Body: strings.NewReader(""),
		})
		check(t, err)
	}
	for _, tt := range []struct{ at, prefix, want string }{
		{"", "", "scan/file scan/sub/file"}, {"", "scan/", "scan/file scan/sub/file"}, {"/scan", "", "file sub/file"},
		{"/scan", "sub/", "sub/file"}, {"/scan/sub", "", "file"},
	} {
		got := strings.Join(names(t, dial(t, url+tt.at, store.Config{}), tt.prefix), " ")
		if got != tt.want {
			t.Errorf("List %q at %q: got %q, want %q", tt.prefix, tt.at, got, tt.want)
		}
	}
}

func TestS3AbortStale(t *testing.T) {
	url, env := servertest.Bucket(t)
	servertest.SetEnv(t, env)
	b := dial(t, url+"/out", store.Config{})
	w, err := b.NewWriter(t.Context(), "job/big")
	check(t, err)
	_, err = w.Write(make([]byte, 17<<20))
	check(t, err)
	for _, step := range []struct {
		before time.Time
		want   int
	}{{time.Now().Add(-time.Hour), 0}, {time.Now().Add(time.Hour), 1}, {time.Now().Add(time.Hour), 0}} {
		// MinIO finds unfinished uploads by whole keys only.
		n, err := store.AbortStale(t.Context(), b, "job/big", step.before)
		if n != step.want || err != nil {
			t.Errorf("AbortStale: got %d, %v, want %d", n, err, step.want)
		}
	}
	if _, err := w.Commit(); err == nil || errors.Is(err, store.ErrExists) {
		t.Errorf("Commit of an aborted upload: got %v, want an error that is not ErrExists", err)
	}
}

// TestS3ServerDies kills the server in the middle of writing and reading: calls wait and go on.
func TestS3ServerDies(t *testing.T) {
	srv := servertest.StartMinIO(t)
	url, env := srv.Bucket(t)
	servertest.SetEnv(t, env)
	retries := 0
	b := dial(t, url, store.Config{Logger: store.Listener(func(string, error) { retries++ }).Logger()})
	w, err := b.NewWriter(t.Context(), "big")
	check(t, err)
	body := []byte(strings.Repeat("0123456789abcdef", 20<<16)) // 20 MiB
	_, err = w.Write(body[:9<<20])
	check(t, err)
	srv.Kill()
	started := make(chan error, 1)
	time.AfterFunc(time.Second, func() { started <- srv.Start() })
	_, err = w.Write(body[9<<20:])
	check(t, err)
	info, err := w.Commit()
	check(t, err)
	check(t, <-started)
	got := make([]byte, len(body))
	check(t, b.ReadAt(t.Context(), "big", info.ETag, got, 0))
	if string(got) != string(body) || retries == 0 {
		t.Errorf("content differs or there were no retries (%d)", retries)
	}
	srv.Kill()
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if err := b.Create(ctx, "late", nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Create without a server: got %v, want the context's end", err)
	}
}
