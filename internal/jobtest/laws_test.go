package jobtest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/dice-engine/dice/coordinator"
	"github.com/dice-engine/dice/internal/queue"
	"github.com/dice-engine/dice/internal/servertest"
	"github.com/dice-engine/dice/internal/store"
	"github.com/dice-engine/dice/internal/synth"
	"github.com/dice-engine/dice/shard"
)

// small is a scan of many shards that is quick to classify.
func small(t testing.TB) (dir string, command shard.Command) {
	t.Helper()
	dir, _ = scan(t, synth.Config{Rows: 6000, Seed: 3, Layout: "jsonl"})
	command = scanCommand(dir)
	command.Options.ShardBytes = 64 << 10
	command.Options.PartitionRows = 100
	return dir, command
}

// result are the files of an output, without the claim, which names the job.
func result(t testing.TB, out store.Bucket) map[string][]byte {
	t.Helper()
	files := Files(t, out)
	maps.DeleteFunc(files, func(key string, _ []byte) bool { return strings.HasPrefix(key, shard.WorkPrefix) })
	return files
}

// sameFiles compares two results octet by octet.
func sameFiles(t testing.TB, want, got map[string][]byte) {
	t.Helper()
	for _, key := range slices.Sorted(maps.Keys(want)) {
		if !bytes.Equal(want[key], got[key]) {
			t.Errorf("%s: %d octets differ from %d", key, len(got[key]), len(want[key]))
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d files, want %d", len(got), len(want))
	}
}

// noWorkFiles checks that nothing but the claim is left of a job's work.
func noWorkFiles(t testing.TB, out store.Bucket) {
	t.Helper()
	for key := range Files(t, out) {
		if strings.HasPrefix(key, shard.WorkPrefix) && key != shard.ClaimKey {
			t.Errorf("%s is left", key)
		}
	}
}

func TestSameBytesWhateverTheWorkers(t *testing.T) {
	_, command := small(t)
	calm := Run(t, Options{Command: command})
	want := result(t, calm.Out)
	noWorkFiles(t, calm.Out)
	if len(want) < 25 {
		t.Fatalf("only %d files: the scan is too small to prove anything", len(want))
	}
	for _, o := range []Options{{Workers: 2}, {Workers: 5}, {Workers: 1, Slots: 4}, {Workers: 2, Memory: 64 << 20}} {
		o.Command = command
		sameFiles(t, want, result(t, Run(t, o).Out))
	}
}

// tables are the rows of a result, whatever files they stand in.
func tables(t testing.TB, out store.Bucket) map[string]any {
	t.Helper()
	files := Files(t, out)
	rows := map[string]any{
		shard.ReuseTable:   Table[Reuse](t, files, shard.ReuseTable),
		shard.RejectsTable: Table[Reject](t, files, shard.RejectsTable),
	}
	for _, name := range protocolNames {
		rows[name] = Table[Row](t, files, shard.ProtocolTable(name))
	}
	m := Manifest(t, files)
	rows["lines"], rows["records"] = m.Lines, m.Protocols
	return rows
}

func TestShardSizesGiveTheSameRows(t *testing.T) {
	_, command := small(t)
	want := tables(t, Run(t, Options{Command: command}).Out)
	for _, size := range []int64{10 << 10, 1 << 30} {
		command.Options.ShardBytes = size
		if diff := cmp.Diff(want, tables(t, Run(t, Options{Command: command}).Out)); diff != "" {
			t.Errorf("shards of %d octets: want - got +\n%.2000s", size, diff)
		}
	}
}

func TestFolderAndS3GiveTheSameRows(t *testing.T) {
	dir, command := small(t)
	want := tables(t, Run(t, Options{Command: command}).Out)

	url, env := servertest.Bucket(t)
	servertest.SetEnv(t, env)
	upload(t, dir, url+"/scan")
	command.Files = []string{url + "/scan/zgrab2_*"}
	command.Certificates = []string{url + "/scan/certificates.*"}
	job := Run(t, Options{Command: command, Output: url + "/out", Workers: 2})
	got := tables(t, job.Out)
	noWorkFiles(t, job.Out)
	for _, name := range protocolNames {
		rows := got[name].([]Row)
		for i := range rows {
			rows[i].SourceObject = filepath.Join(dir, strings.TrimPrefix(rows[i].SourceObject, url+"/scan/"))
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("want - got +\n%.2000s", diff)
	}
}

// upload copies a folder to a place.
func upload(t testing.TB, dir, place string) {
	t.Helper()
	b, err := Open(t.Context(), place)
	if err != nil {
		t.Fatal(err)
	}
	err = filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		body, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		key, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		return b.Create(t.Context(), filepath.ToSlash(key), body)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// twice hands every task out twice.
type twice struct{ coordinator.Queue }

func (q twice) Publish(ctx context.Context, tasks []queue.Task) error {
	if err := q.Queue.Publish(ctx, tasks); err != nil {
		return err
	}
	again := slices.Clone(tasks)
	for i := range again {
		again[i].Generation += 1 << 40
	}
	return q.Queue.Publish(ctx, again)
}

func TestTasksDeliveredTwiceChangeNothing(t *testing.T) {
	_, command := small(t)
	want := result(t, Run(t, Options{Command: command}).Out)
	job := Run(t, Options{
		Command: command, Workers: 3,
		Queue: func(q coordinator.Queue) coordinator.Queue { return twice{q} },
	})
	sameFiles(t, want, result(t, job.Out))
}

// TestTwoJobsRaceForOneOutput: one gets it, the other is refused, and the result is as if there had been one.
func TestTwoJobsRaceForOneOutput(t *testing.T) {
	_, one := small(t)
	two := one
	two.Options.ReuseHosts = 3
	want := map[string]map[string][]byte{}
	for _, command := range []shard.Command{one, two} {
		files := result(t, Run(t, Options{Command: command}).Out)
		want[Manifest(t, files).Digest] = files
	}
	output := t.TempDir()
	var wait sync.WaitGroup
	errs := make([]error, 2)
	for i, command := range []shard.Command{one, two} {
		wait.Go(func() { _, errs[i] = Try(t, Options{Command: command, Output: output}) })
	}
	wait.Wait()
	refused := 0
	for _, err := range errs {
		if errors.Is(err, coordinator.ErrTaken) {
			refused++
		} else if err != nil {
			t.Error(err)
		}
	}
	if refused != 1 {
		t.Errorf("%d jobs were refused, want 1: %v", refused, errs)
	}
	out, err := Open(t.Context(), output)
	if err != nil {
		t.Fatal(err)
	}
	got := result(t, out)
	sameFiles(t, want[Manifest(t, got).Digest], got)
}

// TestTwoCoordinatorsOfOneJob lead it together, to the same result.
func TestTwoCoordinatorsOfOneJob(t *testing.T) {
	_, command := small(t)
	want := result(t, Run(t, Options{Command: command}).Out)
	o := Options{Command: command, Output: t.TempDir(), Workers: 2, Server: Server(t)}
	var wait sync.WaitGroup
	wait.Go(func() {
		if _, err := Lead(t.Context(), t, o); err != nil {
			t.Error(err)
		}
	})
	job := Run(t, o)
	wait.Wait()
	sameFiles(t, want, result(t, job.Out))
	noWorkFiles(t, job.Out)
}

// frozen stops at the first commit record of a map task until it is thawed, and is not heard of any more.
type frozen struct {
	store.Bucket
	once  *sync.Once
	still func()
	thaw  chan struct{}
}

func (f frozen) Create(ctx context.Context, key string, body []byte) error {
	if strings.Contains(key, "/commit/map/") {
		f.once.Do(func() {
			f.still()
			<-f.thaw
		})
	}
	return f.Bucket.Create(context.WithoutCancel(ctx), key, body)
}

func (f frozen) Remove(ctx context.Context, keys ...string) error {
	return f.Bucket.Remove(context.WithoutCancel(ctx), keys...)
}

func (f frozen) Stat(ctx context.Context, key string) (store.Info, error) {
	return f.Bucket.Stat(context.WithoutCancel(ctx), key)
}

// TestFrozenWorkerWakesAfterPublish: its task was done by another, and what it had written goes away.
func TestFrozenWorkerWakesAfterPublish(t *testing.T) {
	_, command := small(t)
	want := result(t, Run(t, Options{Command: command}).Out)
	still, thaw := make(chan struct{}), make(chan struct{})
	var once sync.Once
	o := withDefaults(t, Options{Command: command, Workers: 2, Lease: time.Second})
	o.Door = func(i int, b store.Bucket) store.Bucket {
		if i != 0 {
			return b
		}
		return frozen{b, &once, func() { o.Conns[0].Close(); close(still) }, thaw}
	}
	stop := startWorkers(t.Context(), t, o, func(error) {}) // the frozen one finds its connection closed
	lead := make(chan error)
	go func() {
		_, err := Lead(t.Context(), t, o)
		lead <- err
	}()
	<-still
	err := <-lead
	close(thaw)
	stop()
	if err != nil {
		t.Fatal(err)
	}
	out, err := Open(t.Context(), o.Output)
	if err != nil {
		t.Fatal(err)
	}
	sameFiles(t, want, result(t, out))
	noWorkFiles(t, out)
}

// TestRestartIsResume: a job that is interrupted goes on without doing committed work again, to the same result.
func TestRestartIsResume(t *testing.T) {
	_, command := small(t)
	want := result(t, Run(t, Options{Command: command}).Out)
	output := t.TempDir()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	_, err := TryContext(ctx, t, Options{
		Command: command, Output: output,
		Door: func(i int, b store.Bucket) store.Bucket { return &interrupting{Bucket: b, cancel: cancel} },
	})
	if err == nil {
		t.Fatal("the job was not interrupted")
	}
	before := commits(t, output)
	if len(before) < 3 {
		t.Fatalf("%d tasks were committed before the interruption", len(before))
	}
	var after map[string][]byte
	job := Run(t, Options{
		Command: command, Output: output, Keep: true,
		Queue: func(q coordinator.Queue) coordinator.Queue { return q },
	})
	after = commits(t, output)
	for key, body := range before {
		if !bytes.Equal(after[key], body) {
			t.Errorf("%s was done again", key)
		}
	}
	sameFiles(t, want, result(t, job.Out))
}

// interrupting cancels a context after the fifth commit record.
type interrupting struct {
	store.Bucket
	cancel  context.CancelFunc
	commits int
}

func (b *interrupting) Create(ctx context.Context, key string, body []byte) error {
	err := b.Bucket.Create(ctx, key, body)
	if strings.Contains(key, "/commit/") {
		if b.commits++; b.commits == 5 {
			b.cancel()
		}
	}
	return err
}

func commits(t *testing.T, output string) map[string][]byte {
	t.Helper()
	out, err := Open(t.Context(), output)
	if err != nil {
		t.Fatal(err)
	}
	files := Files(t, out)
	maps.DeleteFunc(files, func(key string, _ []byte) bool { return !strings.Contains(key, "/commit/") })
	return files
}

// TestFinishedJobIsReported: the same command finds its result and touches nothing.
func TestFinishedJobIsReported(t *testing.T) {
	_, command := small(t)
	output := t.TempDir()
	first := Run(t, Options{Command: command, Output: output})
	want := Files(t, first.Out)
	again := Run(t, Options{Command: command, Output: output})
	if !again.Result.Earlier {
		t.Error("the job was done again")
	}
	sameFiles(t, want, Files(t, again.Out))
}

// TestInputThatChangesFailsTheJob and names the object.
func TestInputThatChangesFailsTheJob(t *testing.T) {
	dir, command := small(t)
	changed := ""
	_, err := Try(t, Options{
		Command: command,
		Door: func(i int, b store.Bucket) store.Bucket {
			if i == -1 {
				return b
			}
			return &changing{Bucket: b, change: func(key string) {
				changed = filepath.Join(dir, filepath.FromSlash(key))
				file, err := os.OpenFile(changed, os.O_APPEND|os.O_WRONLY, 0)
				if err == nil {
					_, err = io.WriteString(file, "{}\n")
					file.Close()
				}
				if err != nil {
					t.Error(err)
				}
			}}
		},
	})
	if !errors.Is(err, coordinator.ErrFailed) || !strings.Contains(err.Error(), filepath.Base(changed)) {
		t.Errorf("got %v, want a failure that names %s", err, changed)
	}
}

// changing changes an input just before it is read first.
type changing struct {
	store.Bucket
	once   sync.Once
	change func(key string)
}

func (b *changing) ReadAt(ctx context.Context, key, etag string, p []byte, off int64) error {
	if strings.HasSuffix(key, ".jsonl") {
		b.once.Do(func() { b.change(key) })
	}
	return b.Bucket.ReadAt(ctx, key, etag, p, off)
}

// TestManifestAddsUp: every record is accounted for, by protocol and in total.
func TestManifestAddsUp(t *testing.T) {
	_, command := small(t)
	for _, mode := range []shard.Mode{shard.All, shard.Labelled} {
		command.Options.Mode = mode
		files := Files(t, Run(t, Options{Command: command}).Out)
		m := Manifest(t, files)
		var total shard.Records
		for name, r := range m.Protocols {
			sum := r.Output + r.Duplicate + r.Filtered + r.Unlabelled + r.Other + r.Excluded + r.Rejected
			if r.Records != sum || r.Records == 0 {
				t.Errorf("%s: %d records, %d accounted for", name, r.Records, sum)
			}
			if rows := len(Table[Row](t, files, shard.ProtocolTable(name))); int64(rows) != r.Output {
				t.Errorf("%s: %d rows, the manifest says %d", name, rows, r.Output)
			}
			total.Records += r.Records
		}
		if m.Records.Records != total.Records+m.Records.Other || m.Records.Other != 0 {
			t.Errorf("%d records in all, %d of all protocols", m.Records.Records, total.Records)
		}
	}
}

// squatting puts something else where a part of the result belongs, just before it is written.
type squatting struct{ store.Bucket }

func (b squatting) NewWriter(ctx context.Context, key string) (store.Writer, error) {
	if key == shard.PartKey(shard.ProtocolTable("xmpp"), 0) {
		if err := b.Bucket.Create(ctx, key, []byte("something else")); err != nil && !errors.Is(err, store.ErrExists) {
			return nil, err
		}
	}
	return b.Bucket.NewWriter(ctx, key)
}

// TestPartThatDiffersFailsTheJob: what stands under a final key is the same, or the job fails and publishes nothing.
func TestPartThatDiffersFailsTheJob(t *testing.T) {
	_, command := small(t)
	job, err := Try(t, Options{
		Command: command, Door: func(_ int, b store.Bucket) store.Bucket { return squatting{b} },
	})
	if !errors.Is(err, coordinator.ErrFailed) || !strings.Contains(err.Error(), "differs from an earlier attempt's") {
		t.Errorf("got %v", err)
	}
	if _, there := Files(t, job.Out)[shard.ManifestKey]; there {
		t.Error("a manifest was published")
	}
}
