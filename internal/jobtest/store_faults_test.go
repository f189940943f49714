package jobtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/dice-engine/dice/coordinator"
	"github.com/dice-engine/dice/internal/servertest"
	"github.com/dice-engine/dice/internal/servertest/faultproxy"
	"github.com/dice-engine/dice/internal/store"
	"github.com/dice-engine/dice/shard"
)

// onS3 puts the small scan into a bucket behind a proxy, and runs it calmly for its result.
func onS3(t *testing.T) (p *faultproxy.Proxy, url string, command shard.Command, want map[string][]byte) {
	t.Helper()
	dir, command := small(t)
	url, env, p := servertest.FaultyBucket(t)
	servertest.SetEnv(t, env)
	upload(t, dir, url+"/scan")
	command.Files = []string{url + "/scan/zgrab2_*"}
	command.Certificates = []string{url + "/scan/certificates.*"}
	return p, url, command, result(t, Run(t, Options{Command: command}).Out)
}

// impatient dials places anew with pauses so short that a test can afford many.
func impatient(t *testing.T) func(int, store.Bucket) store.Bucket {
	return func(_ int, b store.Bucket) store.Bucket {
		loc, err := store.Parse(b.URL())
		if err == nil {
			b, err = store.Dial(t.Context(), loc, store.Config{Policy: store.Policy{Base: 2 * time.Millisecond, Max: 50 * time.Millisecond}})
		}
		if err != nil {
			t.Error(err)
		}
		return b
	}
}

// cutting cuts the network for a moment when the first commit record of a stage is about to be written.
type cutting struct {
	store.Bucket
	stage shard.Stage
	once  *sync.Once
	cut   func()
}

func (b cutting) Create(ctx context.Context, key string, body []byte) error {
	if strings.Contains(key, "/commit/"+string(b.stage)+"/") {
		b.once.Do(b.cut)
	}
	return b.Bucket.Create(ctx, key, body)
}

// TestStoreFaultsChangeNothing runs a job while requests fail before, in the midst of and after their work, or take
// their time, and the network is cut once: the result is that of the calm run, and nothing else is left. Listings do
// not lag and contents arrive as they are: the one S3 promises, the other is looked at below.
func TestStoreFaultsChangeNothing(t *testing.T) {
	p, url, command, want := onS3(t)
	p.Set(faultproxy.Evenly(0.05, 10*time.Millisecond, faultproxy.Delay, faultproxy.SlowStart, faultproxy.Unavailable,
		faultproxy.InternalError, faultproxy.LateError, faultproxy.ResetBefore, faultproxy.ResetAfter, faultproxy.ResetBody,
		faultproxy.Truncate, faultproxy.ShortUpload, faultproxy.CorruptUpload)...)
	door := impatient(t)
	var once sync.Once
	cut := func() {
		p.Cut()
		time.Sleep(300 * time.Millisecond)
		if err := p.Heal(); err != nil {
			t.Error(err)
		}
	}
	job := Run(t, Options{
		Command: command, Output: url + "/out", Workers: 4,
		Door: func(i int, b store.Bucket) store.Bucket { return cutting{door(i, b), shard.Write, &once, cut} },
	})
	p.Set()
	sameFiles(t, want, result(t, job.Out))
	noWorkFiles(t, job.Out)
	if n := p.Counts().Total(); n < 200 {
		t.Errorf("only %d faults: %v", n, p.Counts())
	}
}

// TestLostAnswersChangeNothing: every second object, and each that there is one of, is made without its maker learning
// of it. Repeating the request meets one's own object, which must be taken neither for another's nor for a reason to
// remove what it names.
func TestLostAnswersChangeNothing(t *testing.T) {
	p, url, command, want := onS3(t)
	var rules []faultproxy.Rule
	for _, single := range []string{shard.ClaimKey, "/plan.json", "/index/", shard.SummaryKey, shard.ManifestKey} {
		rules = append(rules, faultproxy.Rule{Fault: faultproxy.ResetAfter, Rate: 1, Times: 1, Method: "PUT", Match: single})
	}
	p.Set(append(rules, faultproxy.Rule{Fault: faultproxy.ResetAfter, Rate: 0.5, Method: "PUT"},
		faultproxy.Rule{Fault: faultproxy.ResetAfter, Rate: 0.5, Method: "POST"})...)
	job := Run(t, Options{Command: command, Output: url + "/out", Workers: 3, Door: impatient(t)})
	p.Set()
	sameFiles(t, want, result(t, job.Out))
	noWorkFiles(t, job.Out)
	if n := p.Counts()[faultproxy.ResetAfter]; n < 100 {
		t.Errorf("only %d answers were lost", n)
	}
}

// TestDamageIsNoticed flips bits of what a job reads of its own: records by the store's checksum, the rest by that of
// its blocks. The one is read again, the other makes the task run again.
func TestDamageIsNoticed(t *testing.T) {
	p, url, command, want := onS3(t)
	p.Set(
		faultproxy.Rule{Fault: faultproxy.Corrupt, Rate: 0.5, Match: ".segment", Times: 4},
		faultproxy.Rule{Fault: faultproxy.Corrupt, Rate: 0.5, Match: ".sightings", Times: 2},
		faultproxy.Rule{Fault: faultproxy.Corrupt, Rate: 0.5, Match: ".verdicts", Times: 2},
		faultproxy.Rule{Fault: faultproxy.Corrupt, Rate: 0.3, Match: "/commit/"})
	job := Run(t, Options{Command: command, Output: url + "/out", Workers: 3, Door: impatient(t)})
	p.Set()
	sameFiles(t, want, result(t, job.Out))
	if n := p.Counts()[faultproxy.Corrupt]; n < 15 {
		t.Errorf("only %d answers were damaged", n)
	}
}

// overwriting counts the reads of one object by all workers and calls change before a certain one.
type overwriting struct {
	store.Bucket
	key    string
	reads  *atomic.Int32
	at     int32
	change func()
}

func (b overwriting) ReadAt(ctx context.Context, key, etag string, p []byte, off int64) error {
	if strings.HasSuffix(key, b.key) && b.reads.Add(1) == b.at {
		b.change()
	}
	return b.Bucket.ReadAt(ctx, key, etag, p, off)
}

// TestInputOverwrittenOnS3: an object that is replaced by another of the same size, when parts of it were read already,
// fails the job, by name. Nothing of a result is there that could hold rows of both.
func TestInputOverwrittenOnS3(t *testing.T) {
	p, url, command, _ := onS3(t)
	endpoint, _, _ := servertest.MinIO(t)
	bucket, key := strings.TrimPrefix(url, "s3://"), "scan/zgrab2_xmpp.jsonl"
	p.Set(faultproxy.Evenly(0.1, 0, faultproxy.Unavailable, faultproxy.ResetBefore, faultproxy.Truncate)...)
	var reads atomic.Int32
	overwrite := func() {
		client := servertest.Client(endpoint)
		old, err := client.GetObject(t.Context(), &s3.GetObjectInput{Bucket: &bucket, Key: &key})
		if err != nil {
			t.Error(err)
			return
		}
		defer old.Body.Close()
		body, err := io.ReadAll(old.Body)
		if err == nil {
			body = bytes.ReplaceAll(body, []byte("success"), []byte("failure"))
			_, err = client.PutObject(t.Context(), &s3.PutObjectInput{Bucket: &bucket, Key: &key, Body: bytes.NewReader(body)})
		}
		if err != nil {
			t.Error(err)
		}
	}
	door := impatient(t)
	job, err := Try(t, Options{
		Command: command, Output: url + "/out", Workers: 3,
		Door: func(i int, b store.Bucket) store.Bucket {
			return overwriting{Bucket: door(i, b), key: "xmpp.jsonl", reads: &reads, at: 3, change: overwrite}
		},
	})
	if !errors.Is(err, coordinator.ErrFailed) || !strings.Contains(fmt.Sprint(err), url+"/"+key) || reads.Load() < 3 {
		t.Errorf("after %d reads: got %v, want a failure that names %s", reads.Load(), err, key)
	}
	p.Set()
	for key := range result(t, job.Out) {
		t.Errorf("%s is there", key)
	}
}
