package jobtest

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/dice-engine/dice/coordinator"
	"github.com/dice-engine/dice/internal/queue"
	"github.com/dice-engine/dice/internal/store"
	"github.com/dice-engine/dice/shard"
)

// These tests let a process stand still at the worst moment, its job be cancelled meanwhile, and mostly the output be used
// by another job. When the process wakes up, it must not harm what is there, nor leave anything.

// standstill is a door that does something once, just before an object is created or finished whose key contains words.
type standstill struct {
	store.Bucket
	op   string // create, commit or remove
	key  string
	once *sync.Once
	do   func()
}

func (b *standstill) reach(op, key string) {
	if op == b.op && strings.Contains(key, b.key) {
		b.once.Do(b.do)
	}
}

func (b *standstill) Create(ctx context.Context, key string, body []byte) error {
	b.reach("create", key)
	return b.Bucket.Create(ctx, key, body)
}

func (b *standstill) Remove(ctx context.Context, keys ...string) error {
	for _, key := range keys {
		b.reach("remove", key)
	}
	return b.Bucket.Remove(ctx, keys...)
}

func (b *standstill) NewWriter(ctx context.Context, key string) (store.Writer, error) {
	w, err := b.Bucket.NewWriter(ctx, key)
	return standstillWriter{w, b, key}, err
}

type standstillWriter struct {
	store.Writer
	b   *standstill
	key string
}

func (w standstillWriter) Commit() (store.Info, error) {
	w.b.reach("commit", w.key)
	return w.Writer.Commit()
}

// sleeper is a job one of whose processes stands still.
type sleeper struct {
	t       *testing.T
	command shard.Command
	output  string
	out     store.Bucket
}

func newSleeper(t *testing.T) *sleeper {
	_, command := small(t)
	s := &sleeper{t: t, command: command, output: t.TempDir()}
	var err error
	if s.out, err = Open(t.Context(), s.output); err != nil {
		t.Fatal(err)
	}
	return s
}

// other is another command, whose parts have other bytes.
func (s *sleeper) other() shard.Command {
	other := s.command
	other.Options.PartitionRows = 1000
	return other
}

func (s *sleeper) cancel() {
	s.t.Helper()
	if _, _, err := coordinator.Cancel(s.t.Context(), s.out); err != nil {
		s.t.Error(err)
	}
}

// inCoordinator runs the job with a coordinator that stands still.
func (s *sleeper) inCoordinator(op, key string, meanwhile func()) error {
	var once sync.Once
	_, err := Try(s.t, Options{Command: s.command, Output: s.output, Workers: 2, Slots: 4, Door: func(i int, b store.Bucket) store.Bucket {
		if i >= 0 {
			return b
		}
		return &standstill{b, op, key, &once, meanwhile}
	}})
	return err
}

// inWorker runs the job with a worker that stands still, and does not wake before its coordinator has ended.
func (s *sleeper) inWorker(op, key string, meanwhile func()) {
	s.t.Helper()
	var once sync.Once
	asleep, awake := make(chan struct{}), make(chan struct{})
	o := withDefaults(s.t, Options{Command: s.command, Output: s.output, Server: Server(s.t), Lease: time.Second})
	o.Door = func(i int, b store.Bucket) store.Bucket {
		if i < 0 {
			return b
		}
		return &standstill{b, op, key, &once, func() { close(asleep); <-awake }}
	}
	stop := startWorkers(s.t.Context(), s.t, o, func(error) {})
	lead := make(chan error)
	go func() {
		_, err := Lead(s.t.Context(), s.t, o)
		lead <- err
	}()
	<-asleep
	s.cancel()
	if err := <-lead; !errors.Is(err, coordinator.ErrCancelled) {
		s.t.Errorf("cancelled: got %v", err)
	}
	meanwhile()
	close(awake)
	time.Sleep(time.Second) // it does what it wanted to do
	stop()
}

// wantEmpty checks that nothing is left.
func (s *sleeper) wantEmpty(when string) {
	s.t.Helper()
	if left := slices.Sorted(maps.Keys(Files(s.t, s.out))); len(left) > 0 {
		s.t.Errorf("%s: %v are left", when, left)
	}
}

// wantResult checks that a finished result is still there, whole, and nothing else is.
func (s *sleeper) wantResult(want map[string][]byte, when string) {
	s.t.Helper()
	s.t.Log(when)
	sameFiles(s.t, want, result(s.t, s.out))
	noWorkFiles(s.t, s.out)
}

// lateMoments are where a worker may stand still in the write stage.
var lateMoments = []struct{ op, key string }{{"commit", "protocol=mqtt/part-00000"}, {"create", "/commit/write/"}}

func TestWorkerWakesAfterCancel(t *testing.T) {
	for _, at := range lateMoments {
		s := newSleeper(t)
		s.inWorker(at.op, at.key, func() {})
		s.wantEmpty(at.op + " " + at.key)
	}
}

func TestWorkerWakesInAnotherJobsOutput(t *testing.T) {
	for _, at := range lateMoments {
		for _, same := range []bool{true, false} {
			s := newSleeper(t)
			command := s.command
			if !same {
				command = s.other()
			}
			var want map[string][]byte
			s.inWorker(at.op, at.key, func() { want = result(t, Run(t, Options{Command: command, Output: s.output}).Out) })
			s.wantResult(want, at.op+" "+at.key)
		}
	}
}

// TestWorkerWakesWhileTheSameJobRuns: a part that both have made stays for the one that goes on.
func TestWorkerWakesWhileTheSameJobRuns(t *testing.T) {
	s := newSleeper(t)
	want := result(t, Run(t, Options{Command: s.command}).Out)
	reached, goOn, second := make(chan struct{}), make(chan struct{}), make(chan error)
	s.inWorker("create", "/commit/write/", func() {
		go func() {
			var once sync.Once
			_, err := Try(t, Options{Command: s.command, Output: s.output, Door: func(i int, b store.Bucket) store.Bucket {
				return &standstill{b, "create", "/index/write.json", &once, func() { close(reached); <-goOn }}
			}})
			second <- err
		}()
		<-reached
	})
	close(goOn)
	if err := <-second; err != nil {
		t.Fatal(err)
	}
	s.wantResult(want, "the same command went on")
}

func TestCoordinatorWakesAfterCancel(t *testing.T) {
	for _, at := range []struct{ op, key string }{
		{"create", "/plan.json"}, {"create", "/index/map.json"}, {"create", shard.SummaryKey}, {"create", shard.ManifestKey},
	} {
		s := newSleeper(t)
		if err := s.inCoordinator(at.op, at.key, s.cancel); !errors.Is(err, coordinator.ErrCancelled) {
			t.Errorf("%s: got %v", at.key, err)
		}
		s.wantEmpty(at.key)
		Run(t, Options{Command: s.command, Output: s.output})
	}
}

func TestCoordinatorWakesInAnotherJobsOutput(t *testing.T) {
	for _, key := range []string{"/plan.json", "/index/map.json", shard.SummaryKey, shard.ManifestKey} {
		for _, same := range []bool{true, false} {
			s := newSleeper(t)
			command := s.command
			if !same {
				command = s.other()
			}
			var want map[string][]byte
			err := s.inCoordinator("create", key, func() {
				s.cancel()
				want = result(t, Run(t, Options{Command: command, Output: s.output}).Out)
			})
			if err != nil && !errors.Is(err, coordinator.ErrCancelled) && !errors.Is(err, coordinator.ErrTaken) && !errors.Is(err, coordinator.ErrFailed) {
				t.Errorf("%s: got %v", key, err)
			}
			s.wantResult(want, key)
		}
	}
}

// interrupted leaves a job in its last stage, with parts of its result.
func (s *sleeper) interrupted() {
	s.t.Helper()
	ctx, stop := context.WithCancel(s.t.Context())
	var once sync.Once
	_, err := TryContext(ctx, s.t, Options{Command: s.command, Output: s.output, Door: func(_ int, b store.Bucket) store.Bucket {
		return &standstill{b, "create", "/commit/write/00000003", &once, stop}
	}})
	if err == nil {
		s.t.Fatal("the job was not interrupted")
	}
}

// TestCancelWakesInAnotherJobsOutput before it looks whose the output is. (Between that look and a removal nothing can
// help: no store removes on condition.)
func TestCancelWakesInAnotherJobsOutput(t *testing.T) {
	for _, key := range []string{"/plan.json", "/commit/"} {
		s := newSleeper(t)
		s.interrupted()
		var once sync.Once
		var want map[string][]byte
		_, _, err := coordinator.Cancel(t.Context(), &standstill{s.out, "remove", key, &once, func() {
			s.cancel()
			want = result(t, Run(t, Options{Command: s.other(), Output: s.output}).Out)
		}})
		if err != nil {
			t.Errorf("%s: %v", key, err)
		}
		s.wantResult(want, key)
	}
}

// dying fails at its first removal of a key, and is dead from then on.
type dying struct {
	store.Bucket
	key string
}

var errDead = errors.New("killed")

func (b dying) Remove(ctx context.Context, keys ...string) error {
	for _, key := range keys {
		if strings.Contains(key, b.key) {
			return errDead
		}
	}
	return b.Bucket.Remove(ctx, keys...)
}

// TestCancelCanBeRepeated wherever it was interrupted, and classify says what to do until then.
func TestCancelCanBeRepeated(t *testing.T) {
	for _, key := range []string{"/plan.json", "/commit/", "part-00000.parquet", shard.ClaimKey, shard.ManifestKey} {
		s := newSleeper(t)
		s.interrupted()
		if _, _, err := coordinator.Cancel(t.Context(), dying{s.out, key}); !errors.Is(err, errDead) {
			t.Errorf("%s: got %v", key, err)
		}
		if _, err := Try(t, Options{Command: s.command, Output: s.output}); !errors.Is(err, coordinator.ErrCancelled) || !strings.Contains(err.Error(), "dice cancel") {
			t.Errorf("%s: classify got %v", key, err)
		}
		s.cancel()
		s.wantEmpty(key)
		if key == shard.ManifestKey {
			Run(t, Options{Command: s.command, Output: s.output})
		}
	}
}

// TestCleaningLooksTwice, as listings may lag.
func TestCleaningLooksTwice(t *testing.T) {
	_, command := small(t)
	var hide sync.Once
	job := Run(t, Options{Command: command, Door: func(i int, b store.Bucket) store.Bucket {
		if i >= 0 {
			return b
		}
		return &lagging{b, &hide}
	}})
	noWorkFiles(t, job.Out)
}

// lagging does not list segments once, where all work files are listed.
type lagging struct {
	store.Bucket
	hide *sync.Once
}

func (b *lagging) List(ctx context.Context, prefix string, each func(store.Info) error) error {
	hiding := false
	if prefix == shard.WorkPrefix {
		b.hide.Do(func() { hiding = true })
	}
	return b.Bucket.List(ctx, prefix, func(i store.Info) error {
		if hiding && strings.HasSuffix(i.Key, ".segment") {
			return nil
		}
		return each(i)
	})
}

// TestQueuesOfEarlierRunsGo: what was left on a server is removed when the finished job is looked at again.
func TestQueuesOfEarlierRunsGo(t *testing.T) {
	_, command := small(t)
	server, output := Server(t), t.TempDir()
	Run(t, Options{Command: command, Output: output, Server: server, Queue: func(q coordinator.Queue) coordinator.Queue { return sticky{q} }})
	conn := Connect(t, server)
	if jobs, err := queue.Jobs(t.Context(), conn); err != nil || len(jobs) != 1 {
		t.Fatalf("jobs: %v, %v", jobs, err)
	}
	Run(t, Options{Command: command, Output: output, Server: server})
	if jobs, err := queue.Jobs(t.Context(), conn); err != nil || len(jobs) != 0 {
		t.Errorf("jobs: %v, %v", jobs, err)
	}
}

// sticky is the queue of a server that is away when it should be removed.
type sticky struct{ coordinator.Queue }

func (sticky) Delete(context.Context) error { return errors.New("no server") }
