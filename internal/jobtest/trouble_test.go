package jobtest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/dice-engine/dice/coordinator"
	"github.com/dice-engine/dice/internal/queue"
	"github.com/dice-engine/dice/internal/store"
	"github.com/dice-engine/dice/shard"
)

// refusing is a door behind which some objects cannot be read.
type refusing struct {
	store.Bucket
	words string
	err   error
}

func (b refusing) ReadAt(ctx context.Context, key, etag string, p []byte, off int64) error {
	if strings.Contains(key, b.words) {
		return fmt.Errorf("read %s: %w", key, b.err)
	}
	return b.Bucket.ReadAt(ctx, key, etag, p, off)
}

func (b refusing) Get(ctx context.Context, key string, most int64) ([]byte, error) {
	if strings.Contains(key, b.words) {
		return nil, fmt.Errorf("get %s: %w", key, b.err)
	}
	return b.Bucket.Get(ctx, key, most)
}

// TestObjectThatNobodyMayRead fails the job, by its name, and costs no worker: they go on with the next job.
func TestObjectThatNobodyMayRead(t *testing.T) {
	_, command := small(t)
	want := result(t, Run(t, Options{Command: command}).Out)
	o := withDefaults(t, Options{Command: command, Workers: 4, Slots: 2, Server: Server(t)})
	var denied atomic.Bool
	denied.Store(true)
	o.Door = func(i int, b store.Bucket) store.Bucket {
		if i >= 0 && denied.Load() {
			return refusing{b, "zgrab2_xmpp", store.ErrDenied}
		}
		return b
	}
	stop := startWorkers(t.Context(), t, o, func(err error) { t.Errorf("all workers ended: %v", err) })
	defer stop()
	_, err := Lead(t.Context(), t, o)
	if !errors.Is(err, coordinator.ErrFailed) || !strings.Contains(err.Error(), "zgrab2_xmpp") {
		t.Errorf("got %v", err)
	}
	if jobs, err := queue.Jobs(t.Context(), o.Conns[0]); err != nil || len(jobs) != 0 {
		t.Errorf("the failed job leaves workers its queue: %v, %v", jobs, err)
	}
	denied.Store(false)
	_, again := small(t) // elsewhere, as the workers keep the doors that they have opened
	next := o
	next.Command, next.Output = again, t.TempDir()
	if _, err := Lead(t.Context(), t, next); err != nil {
		t.Fatal(err)
	}
	out, err := Open(t.Context(), next.Output)
	if err != nil {
		t.Fatal(err)
	}
	if got := result(t, out); len(got) != len(want) {
		t.Errorf("%d files, want %d", len(got), len(want))
	}
}

// TestOutputThatWorkersMayNotRead holds up nobody but its own job.
func TestOutputThatWorkersMayNotRead(t *testing.T) {
	_, command := small(t)
	server, closed := Server(t), t.TempDir()
	o := withDefaults(t, Options{Command: command, Output: closed, Workers: 3, Server: server})
	o.Door = func(i int, b store.Bucket) store.Bucket {
		if i >= 0 && b.URL() == closed {
			return refusing{b, "plan.json", store.ErrDenied}
		}
		return b
	}
	stop := startWorkers(t.Context(), t, o, func(err error) { t.Errorf("all workers ended: %v", err) })
	defer stop()
	failed := make(chan error)
	go func() {
		_, err := Lead(t.Context(), t, o)
		failed <- err
	}()
	other := o
	other.Output = t.TempDir()
	if _, err := Lead(t.Context(), t, other); err != nil {
		t.Error(err)
	}
	if err := <-failed; !errors.Is(err, coordinator.ErrFailed) {
		t.Errorf("got %v", err)
	}
}

// TestOneWorkerSetUpBadly does not fail the job: neither one that lacks the inputs, nor one that sees another output.
func TestOneWorkerSetUpBadly(t *testing.T) {
	_, command := small(t)
	want := result(t, Run(t, Options{Command: command}).Out)
	for name, bad := range map[string]func(store.Bucket) store.Bucket{
		"without inputs": func(b store.Bucket) store.Bucket { return refusing{b, ".jsonl", store.ErrNotFound} },
		"blind":          func(b store.Bucket) store.Bucket { return refusing{b, "_dice/", store.ErrNotFound} },
	} {
		began := time.Now()
		job, err := Try(t, Options{Command: command, Workers: 3, Trouble: 3, Poll: time.Second, Door: func(i int, b store.Bucket) store.Bucket {
			switch i {
			case -1:
				return b
			case 0:
				return bad(b)
			}
			return sluggish{b}
		}})
		if err != nil {
			t.Errorf("a worker %s: %v", name, err)
			continue
		}
		t.Logf("a worker %s: %v", name, time.Since(began))
		sameFiles(t, want, result(t, job.Out))
	}
}

// sluggish takes a while for every reading of an input.
type sluggish struct{ store.Bucket }

func (b sluggish) ReadAt(ctx context.Context, key, etag string, p []byte, off int64) error {
	if strings.HasSuffix(key, ".jsonl") {
		time.Sleep(30 * time.Millisecond)
	}
	return b.Bucket.ReadAt(ctx, key, etag, p, off)
}

// bad panics at objects whose names say so.
type bad struct{ store.Bucket }

func (b bad) ReadAt(ctx context.Context, key, etag string, p []byte, off int64) error {
	if strings.Contains(key, "zgrab2_bad") {
		panic("index out of range")
	}
	return b.Bucket.ReadAt(ctx, key, etag, p, off)
}

// TestManyBadObjectsInOneShard are no trouble, and are all listed: as faults, or as what is left out.
func TestManyBadObjectsInOneShard(t *testing.T) {
	const many = 9
	dir, command := small(t)
	for i := range many {
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("zgrab2_bad%d.jsonl", i)), []byte("{}\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	command.Options.ShardBytes = 1 << 30
	o := Options{Command: command, Output: t.TempDir(), Workers: 2, Trouble: 4, Door: func(_ int, b store.Bucket) store.Bucket { return bad{b} }}
	_, err := Try(t, o)
	if !errors.Is(err, coordinator.ErrFailed) || strings.Count(err.Error(), "zgrab2_bad") < many {
		t.Errorf("got %v", err)
	}
	o.SkipBad = true
	if job, err := Try(t, o); err != nil || len(job.Result.Manifest.Skipped) != many {
		t.Errorf("left out: %v, %v", job.Result, err)
	}
}

// TestGivenUpForgotten: what was given up is tried again, also where the records of the failures are gone, as after a
// coordinator that was killed while it removed them.
func TestGivenUpForgotten(t *testing.T) {
	_, command := small(t)
	want := result(t, Run(t, Options{Command: command}).Out)
	var reads atomic.Int32
	o := Options{Command: command, Output: t.TempDir(), Door: poisonXMPP(&reads)}
	if _, err := Try(t, o); !errors.Is(err, coordinator.ErrFailed) {
		t.Fatalf("got %v", err)
	}
	out, err := Open(t.Context(), o.Output)
	if err != nil {
		t.Fatal(err)
	}
	for key := range Files(t, out) {
		if strings.Contains(key, "/failed/") {
			if err := out.Remove(t.Context(), key); err != nil {
				t.Fatal(err)
			}
		}
	}
	o.Door = nil
	sameFiles(t, want, result(t, Run(t, o).Out))
}

// TestLoserIsTold: who is overtaken stops, and is there for other tasks.
func TestLoserIsTold(t *testing.T) {
	_, command := small(t)
	var causes sync.Map
	Run(t, Options{Command: command, Workers: 2, Lease: time.Second, Door: func(i int, b store.Bucket) store.Bucket {
		switch i {
		case 0:
			return stuck{b, &causes}
		case 1:
			return delayed{b}
		}
		return b
	}})
	told := 0
	causes.Range(func(_, cause any) bool {
		if strings.Contains(cause.(error).Error(), "job is over") {
			told++
		}
		return true
	})
	if told == 0 {
		t.Error("nobody was told")
	}
}

// stuck hangs in every reading of an input, and notes what ended it.
type stuck struct {
	store.Bucket
	causes *sync.Map
}

func (b stuck) ReadAt(ctx context.Context, key, etag string, p []byte, off int64) error {
	if strings.HasSuffix(key, ".jsonl") {
		<-ctx.Done()
		b.causes.Store(time.Now(), context.Cause(ctx))
		return context.Cause(ctx)
	}
	return b.Bucket.ReadAt(ctx, key, etag, p, off)
}

// delayed takes its time for what comes after map.
type delayed struct{ store.Bucket }

func (b delayed) Create(ctx context.Context, key string, body []byte) error {
	if strings.Contains(key, "/commit/identity/") {
		time.Sleep(3 * time.Second)
	}
	return b.Bucket.Create(ctx, key, body)
}

// TestLoneWorkerInTrouble fails the job, also where its other slots wait for tasks.
func TestLoneWorkerInTrouble(t *testing.T) {
	_, command := small(t)
	command.Options.ShardBytes = 64 << 20
	for _, cause := range []error{errors.New("internal error"), store.ErrDenied} {
		began := time.Now()
		_, err := Try(t, Options{Command: command, Slots: 4, Memory: 1 << 30, Trouble: 3, Door: func(i int, b store.Bucket) store.Bucket {
			if i < 0 {
				return b
			}
			return belated{refusing{b, "zgrab2_xmpp", cause}}
		}})
		if !errors.Is(err, coordinator.ErrFailed) || !strings.Contains(err.Error(), "zgrab2_xmpp") {
			t.Errorf("%v: got %v", cause, err)
		}
		if took := time.Since(began); took > time.Minute {
			t.Errorf("%v: after %v", cause, took)
		}
	}
}

// belated takes its time for what is refused, so that other slots are seen to wait.
type belated struct{ refusing }

func (b belated) ReadAt(ctx context.Context, key, etag string, p []byte, off int64) error {
	if strings.Contains(key, b.words) {
		time.Sleep(time.Second)
	}
	return b.refusing.ReadAt(ctx, key, etag, p, off)
}

// TestWorkerWhoseOutputGoes sees another, empty folder after its first commit, as when a mount has gone. It does not go
// on with what leads nowhere, and the others do the job.
func TestWorkerWhoseOutputGoes(t *testing.T) {
	_, command := small(t)
	want := result(t, Run(t, Options{Command: command}).Out)
	empty, err := Open(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	out := t.TempDir()
	var gone atomic.Bool
	var commits atomic.Int32
	job := Run(t, Options{Command: command, Output: out, Workers: 2, Door: func(i int, b store.Bucket) store.Bucket {
		switch {
		case i == 0 && b.URL() == out:
			return unmounted{b, empty, &gone, &commits}
		case i == 1:
			return sluggish{b}
		}
		return b
	}})
	sameFiles(t, want, result(t, job.Out))
	if n := commits.Load(); n < 1 || n > 2 {
		t.Errorf("%d commits, want the real one and one more at the most", n)
	}
}

// unmounted is another bucket once something was committed.
type unmounted struct {
	store.Bucket
	empty   store.Bucket
	gone    *atomic.Bool
	commits *atomic.Int32
}

func (b unmounted) at() store.Bucket {
	if b.gone.Load() {
		return b.empty
	}
	return b.Bucket
}

func (b unmounted) List(ctx context.Context, prefix string, each func(store.Info) error) error {
	return b.at().List(ctx, prefix, each)
}

func (b unmounted) Stat(ctx context.Context, key string) (store.Info, error) {
	return b.at().Stat(ctx, key)
}

func (b unmounted) ReadAt(ctx context.Context, key, etag string, p []byte, off int64) error {
	return b.at().ReadAt(ctx, key, etag, p, off)
}

func (b unmounted) Get(ctx context.Context, key string, most int64) ([]byte, error) {
	return b.at().Get(ctx, key, most)
}

func (b unmounted) Create(ctx context.Context, key string, body []byte) error {
	err := b.at().Create(ctx, key, body)
	if strings.Contains(key, "/commit/map/") {
		b.commits.Add(1)
		b.gone.Store(true)
	}
	return err
}

func (b unmounted) NewWriter(ctx context.Context, key string) (store.Writer, error) {
	return b.at().NewWriter(ctx, key)
}

func (b unmounted) Remove(ctx context.Context, keys ...string) error {
	return b.at().Remove(ctx, keys...)
}

// TestClaimThatCannotBeRead when the job is published is not one that is gone: nothing is removed, and the same command
// goes on.
func TestClaimThatCannotBeRead(t *testing.T) {
	_, command := small(t)
	var armed, once atomic.Bool
	o := Options{Command: command, Output: t.TempDir(), Door: func(i int, b store.Bucket) store.Bucket {
		if i >= 0 {
			return b
		}
		return claimless{b, &armed, &once}
	}}
	if _, err := Try(t, o); err == nil || errors.Is(err, coordinator.ErrCancelled) {
		t.Fatalf("got %v", err)
	}
	var maps atomic.Int32
	o.Door = func(_ int, b store.Bucket) store.Bucket { return counting{b, "/commit/map/", &maps} }
	Run(t, o)
	if maps.Load() > 0 {
		t.Errorf("%d tasks were done again", maps.Load())
	}
}

// claimless fails to read the claim once, when all stages are done.
type claimless struct {
	store.Bucket
	armed, once *atomic.Bool
}

func (b claimless) Create(ctx context.Context, key string, body []byte) error {
	if strings.Contains(key, "/index/write") {
		b.armed.Store(true)
	}
	return b.Bucket.Create(ctx, key, body)
}

func (b claimless) Get(ctx context.Context, key string, most int64) ([]byte, error) {
	if key == shard.ClaimKey && b.armed.Load() && b.once.CompareAndSwap(false, true) {
		return nil, errors.New("503 for two minutes")
	}
	return b.Bucket.Get(ctx, key, most)
}

// counting counts what is created below some keys.
type counting struct {
	store.Bucket
	words string
	n     *atomic.Int32
}

func (b counting) Create(ctx context.Context, key string, body []byte) error {
	if strings.Contains(key, b.words) {
		b.n.Add(1)
	}
	return b.Bucket.Create(ctx, key, body)
}

// TestPartThatCannotBeBegun is the store's trouble, and nobody's poison.
func TestPartThatCannotBeBegun(t *testing.T) {
	_, command := small(t)
	want := result(t, Run(t, Options{Command: command}).Out)
	var begun sync.Map
	job := Run(t, Options{Command: command, Door: func(i int, b store.Bucket) store.Bucket { return unbegun{b, &begun} }})
	sameFiles(t, want, result(t, job.Out))
}

// unbegun refuses to begin two parts of the result, each twice.
type unbegun struct {
	store.Bucket
	begun *sync.Map
}

func (b unbegun) NewWriter(ctx context.Context, key string) (store.Writer, error) {
	tries, _ := b.begun.LoadOrStore(key, new(atomic.Int32))
	if (strings.HasPrefix(key, "reuse/") || strings.HasPrefix(key, "protocol=xmpp/part-00000")) && tries.(*atomic.Int32).Add(1) <= 2 {
		return nil, errors.New("store is away")
	}
	return b.Bucket.NewWriter(ctx, key)
}
