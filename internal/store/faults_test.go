package store_test

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/dice-engine/dice/internal/servertest"
	"github.com/dice-engine/dice/internal/servertest/faultproxy"
	"github.com/dice-engine/dice/internal/store"
)

// operation is one request of a bucket, made by run in a bucket that holds "there" and "more".
type operation struct {
	name   string // as a Listener hears it
	method string // of the request, with match, for a rule
	match  string
	says   string // what an error says was attempted on what
	faults []faultproxy.Fault
	run    func(t *testing.T, b store.Bucket) error
}

var content = bytes.Repeat([]byte("0123456789abcdef\n"), 10)

// large is content that needs two parts.
var large = bytes.Repeat(content, (9<<20)/len(content))

// What can befall any request, one with a body, one whose answer has a body, and one that makes an object.
var (
	always  = []faultproxy.Fault{faultproxy.Unavailable, faultproxy.InternalError, faultproxy.ResetBefore}
	sending = append(slices.Clip(always), faultproxy.ShortUpload, faultproxy.CorruptUpload)
	getting = append(slices.Clip(always), faultproxy.ResetAfter, faultproxy.ResetBody, faultproxy.Truncate)
)

func operations() []operation {
	lost := func(faults []faultproxy.Fault) []faultproxy.Fault {
		return append(slices.Clip(faults), faultproxy.ResetAfter)
	}
	both := append(slices.Clip(getting), faultproxy.ShortUpload)
	return []operation{
		{"list", "GET", "list-type=2", "list s3://%s/", getting, listBoth},
		{"stat", "HEAD", "/there", "stat s3://%s/there", lost(always), func(t *testing.T, b store.Bucket) error {
			info, err := b.Stat(t.Context(), "there")
			return differs(err, info.Size == int64(len(content)), info)
		}},
		{"read", "GET", "/there", "read s3://%s/there", getting, func(t *testing.T, b store.Bucket) error {
			p := make([]byte, 20)
			err := b.ReadAt(t.Context(), "there", "", p, 5)
			return differs(err, bytes.Equal(p, content[5:25]), p)
		}},
		{"get", "GET", "/there", "get s3://%s/there", append(slices.Clip(getting), faultproxy.Corrupt), func(t *testing.T, b store.Bucket) error {
			body, err := b.Get(t.Context(), "there", 1<<30)
			return differs(err, bytes.Equal(body, content), body)
		}},
		{"create", "PUT", "/new", "create s3://%s/new", lost(sending), func(t *testing.T, b store.Bucket) error {
			return b.Create(t.Context(), "new", content)
		}},
		{"create", "PUT", "/new", "create s3://%s/new", lost(sending), func(t *testing.T, b store.Bucket) error {
			return writeNew(t, b, content)
		}},
		{"begin upload", "POST", "?uploads", "begin upload s3://%s/new", getting, writeLarge},
		{"upload part", "PUT", "partNumber=1", "upload part 1 of s3://%s/new", lost(sending), writeLarge},
		{"complete upload", "POST", "uploadId", "complete upload of s3://%s/new", append(slices.Clip(both), faultproxy.LateError), writeLarge},
		{"abort upload", "DELETE", "uploadId", "abort upload of s3://%s/new", lost(always), abortLarge},
		{"remove", "DELETE", "/there", "remove s3://%s/there", lost(always), func(t *testing.T, b store.Bucket) error {
			return b.Remove(t.Context(), "there")
		}},
		{"remove", "POST", "delete", "remove s3://%s/there and others", both, func(t *testing.T, b store.Bucket) error {
			return b.Remove(t.Context(), "there", "more", "none")
		}},
	}
}

func listBoth(t *testing.T, b store.Bucket) error {
	var keys []string
	err := b.List(t.Context(), "", func(i store.Info) error {
		keys = append(keys, i.Key)
		return nil
	})
	return differs(err, slices.Equal(keys, []string{"more", "there"}), keys)
}

func writeLarge(t *testing.T, b store.Bucket) error { return writeNew(t, b, large) }

func writeNew(t *testing.T, b store.Bucket, body []byte) error {
	w, err := b.NewWriter(t.Context(), "new")
	if err != nil {
		return err
	}
	if _, err := w.Write(body); err != nil {
		return errors.Join(err, w.Abort())
	}
	info, err := w.Commit()
	return differs(err, info.Size == int64(len(body)), info)
}

func abortLarge(t *testing.T, b store.Bucket) error {
	w, err := b.NewWriter(t.Context(), "new")
	if err != nil {
		return err
	}
	_, err = w.Write(large)
	return errors.Join(err, w.Abort())
}

// differs is the error of a call or, where it went well, of what it returned.
func differs(err error, same bool, got any) error {
	if err == nil && !same {
		return fmt.Errorf("wrong content %.100v", got)
	}
	return err
}

// lab is a proxy with faults and buckets behind it.
type lab struct {
	*faultproxy.Proxy
	url     string
	retries []string // what a Listener heard
}

func newLab(t *testing.T) *lab {
	t.Helper()
	url, env, p := servertest.FaultyBucket(t)
	servertest.SetEnv(t, env)
	return &lab{Proxy: p, url: url}
}

// bucket returns one below a prefix that holds "there" and "more", with connections of its own: the HTTP client itself
// repeats a GET that fails on a connection that was used before.
func (l *lab) bucket(t *testing.T, prefix string, policy store.Policy) store.Bucket {
	t.Helper()
	l.Set()
	filler := dial(t, l.url+"/"+prefix, store.Config{})
	check(t, filler.Create(t.Context(), "there", content))
	check(t, filler.Create(t.Context(), "more", content))
	l.retries = nil
	policy.Logger = store.Listener(func(op string, err error) {
		if err == nil {
			t.Error("a retry without a reason")
		}
		l.retries = append(l.retries, op)
	}).Logger()
	return dial(t, l.url+"/"+prefix, store.Config{Policy: policy})
}

// TestEachFaultPasses lets every request of every operation meet every fault once: the call succeeds, the content is
// right, and there was one retry.
func TestEachFaultPasses(t *testing.T) {
	l := newLab(t)
	for i, op := range operations() {
		for _, fault := range op.faults {
			t.Run(fmt.Sprintf("%s/%s", op.name, fault), func(t *testing.T) {
				prefix := fmt.Sprintf("%d-%s", i, fault)
				b := l.bucket(t, prefix, store.Policy{Base: time.Millisecond, Budget: 10 * time.Second})
				before := l.Counts()[fault]
				l.Set(faultproxy.Rule{Fault: fault, Rate: 1, Times: 1, Method: op.method, Match: op.match})
				err := op.run(t, b)
				if n := l.Counts()[fault] - before; n != 1 || !slices.Equal(l.retries, []string{op.name}) {
					t.Errorf("%d faults; retried %q", n, l.retries)
				}
				if lostAnswer(op, fault) != errors.Is(err, store.ErrExists) || err != nil && !errors.Is(err, store.ErrExists) {
					t.Errorf("got %v", err)
				}
				l.afterwards(t, op, prefix)
			})
		}
	}
}

// lostAnswer tells whether the operation made its object, but cannot know.
func lostAnswer(op operation, fault faultproxy.Fault) bool {
	switch fault {
	case faultproxy.ResetAfter, faultproxy.ResetBody, faultproxy.Truncate:
		return op.name == "create" || op.name == "complete upload"
	}
	return false
}

// afterwards checks what the operation left behind: a new object with the right content, or none where it removes.
func (l *lab) afterwards(t *testing.T, op operation, prefix string) {
	t.Helper()
	l.Set()
	b := dial(t, l.url+"/"+prefix, once())
	want := map[string][]byte{"there": content, "more": content}
	switch {
	case op.name == "create":
		want["new"] = content
	case strings.HasPrefix(op.says, "begin"), strings.HasPrefix(op.says, "upload"), strings.HasPrefix(op.says, "complete"):
		want["new"] = large
	case op.method == "DELETE" && op.name == "remove":
		delete(want, "there")
	case op.name == "remove":
		clear(want)
	}
	for _, key := range []string{"there", "more", "new"} {
		body, err := b.Get(t.Context(), key, 1<<30)
		if there := err == nil; there != (want[key] != nil) || !bytes.Equal(body, want[key]) {
			t.Errorf("%s: %d octets, %v; want %d", key, len(body), err, len(want[key]))
		}
	}
}

// TestFaultForGood lets every request fail for ever: the call ends within the budget and says what it tried, on what,
// and what the store said.
func TestFaultForGood(t *testing.T) {
	const cut = "reset|closed network connection|broken pipe" // whichever end notices first, reading or writing
	causes := map[faultproxy.Fault]string{
		faultproxy.Unavailable: "slow down", faultproxy.InternalError: "Internal", faultproxy.ResetBefore: cut,
		faultproxy.ResetAfter: "reset", faultproxy.ResetBody: "reset", faultproxy.Truncate: "EOF", faultproxy.Corrupt: "checksum",
		faultproxy.LateError: "InternalError", faultproxy.CorruptUpload: "SHA256",
		faultproxy.ShortUpload: cut,
	}
	l := newLab(t)
	for i, op := range operations() {
		for _, fault := range op.faults {
			if lostAnswer(op, fault) {
				continue // the repetition meets its own success
			}
			t.Run(fmt.Sprintf("%s/%s", op.name, fault), func(t *testing.T) {
				prefix := fmt.Sprintf("%d-%s", i, fault)
				b := l.bucket(t, prefix, store.Policy{Base: time.Millisecond, Max: 5 * time.Millisecond, Budget: 25 * time.Millisecond})
				l.Set(faultproxy.Rule{Fault: fault, Rate: 1, Method: op.method, Match: op.match})
				start := time.Now()
				err := op.run(t, b)
				if took := time.Since(start); took > 30*time.Second { // the default budget is two minutes
					t.Errorf("took %v", took)
				}
				where := fmt.Sprintf(op.says, strings.TrimPrefix(l.url, "s3://")+"/"+prefix)
				if err == nil || !strings.Contains(err.Error(), where) || !regexp.MustCompile(causes[fault]).MatchString(err.Error()) {
					t.Errorf("got %v, want an error that says %q and %q", err, where, causes[fault])
				}
				if errors.Is(err, store.ErrBusy) != (fault == faultproxy.Unavailable) {
					t.Errorf("ErrBusy: got %v", err)
				}
				if len(l.retries) == 0 || l.retries[0] != op.name {
					t.Errorf("retried %q", l.retries)
				}
			})
		}
	}
}
