package jobtest

import (
	"context"
	"encoding/json"
	"math"
	"path"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/dice-engine/dice/coordinator"
	"github.com/dice-engine/dice/internal/estimate"
	"github.com/dice-engine/dice/internal/store"
	"github.com/dice-engine/dice/internal/survey"
	"github.com/dice-engine/dice/internal/synth"
	"github.com/dice-engine/dice/shard"
)

// foresee estimates a job before it runs.
func foresee(t testing.TB, command shard.Command, output string) (*shard.Plan, *estimate.Work) {
	t.Helper()
	plan, err := coordinator.Survey(t.Context(), command, output, Open)
	if err != nil {
		t.Fatal(err)
	}
	return plan, work(t, plan)
}

func work(t testing.TB, plan *shard.Plan) *estimate.Work {
	t.Helper()
	found, err := survey.Look(t.Context(), plan, Open)
	if err != nil {
		t.Fatal(err)
	}
	m, err := estimate.Measured()
	if err != nil {
		t.Fatal(err)
	}
	return found.Work(plan, m, false)
}

// calls are the calls of all parts of a job to its stores.
type calls struct {
	output string
	mu     sync.Mutex
	stats  map[bool][]*store.Stats // by whether they are of the output
	sizes  map[string]float64      // octets that were written, by the endings of the keys
}

func newCalls(output string) *calls {
	return &calls{output: output, stats: map[bool][]*store.Stats{}, sizes: map[string]float64{}}
}

func (c *calls) door(_ int, b store.Bucket) store.Bucket {
	c.mu.Lock()
	defer c.mu.Unlock()
	counted, stats := store.WithStats(b)
	ours := b.URL() == c.output
	c.stats[ours] = append(c.stats[ours], stats)
	return weighing{counted, c}
}

// weighing notes how much is written.
type weighing struct {
	store.Bucket
	*calls
}

// Unwrap returns the bucket below.
func (b weighing) Unwrap() store.Bucket { return b.Bucket }

func (b weighing) NewWriter(ctx context.Context, key string) (store.Writer, error) {
	w, err := b.Bucket.NewWriter(ctx, key)
	return weighingWriter{w, b.calls, path.Ext(key)}, err
}

type weighingWriter struct {
	store.Writer
	*calls
	ending string
}

func (w weighingWriter) Write(p []byte) (int, error) {
	w.mu.Lock()
	w.sizes[w.ending] += float64(len(p))
	w.mu.Unlock()
	return w.Writer.Write(p)
}

// requests sums up the calls to the input or to the output, and the octets that were read.
func (c *calls) requests(output bool) (r estimate.Requests, read int64) {
	for _, s := range c.stats[output] {
		r.List += s.Count(store.KindList).Calls
		r.Get += s.Count(store.KindGet).Calls + s.Count(store.KindRead).Calls
		r.Head += s.Count(store.KindStat).Calls
		r.Put += s.Count(store.KindCreate).Calls + s.Count(store.KindWrite).Calls
		r.Delete += s.Count(store.KindRemove).Calls
		read += s.Count(store.KindRead).Bytes
	}
	return r, read
}

// TestEstimateAgainstReality runs jobs and compares what they took with what was foreseen.
func TestEstimateAgainstReality(t *testing.T) {
	for name, c := range map[string]struct {
		scan       synth.Config
		change     func(*shard.Options)
		noSide     bool
		partitions int // of keys; 0: as planned
	}{
		"parquet":          {scan: synth.Config{Layout: "parquet", Files: 3}},
		"parquet labelled": {scan: synth.Config{Layout: "parquet"}, change: func(o *shard.Options) { o.Mode = shard.Labelled }},
		"some signatures":  {scan: synth.Config{Layout: "parquet", Files: 2}, change: func(o *shard.Options) { o.Signatures = []string{"mqtt", "xmpp"} }},
		"raw":              {scan: synth.Config{Layout: "raw", Files: 5}, noSide: true},
		"lines":            {scan: synth.Config{Layout: "jsonl"}, change: func(o *shard.Options) { o.ShardBytes = 1 << 20 }},
		"compressed lines": {scan: synth.Config{Layout: "jsonl.zst", Files: 2}, noSide: true, change: func(o *shard.Options) { o.Dedupe = nil }},
		"many partitions":  {scan: synth.Config{Layout: "parquet", Files: 3}, partitions: 13},
	} {
		t.Run(name, func(t *testing.T) {
			c.scan.Rows, c.scan.Seed = 60_000, 21
			dir, _ := scan(t, c.scan)
			command := scanCommand(dir)
			command.Options.ShardBytes, command.Options.PartitionRows = 128<<10, 4000
			if c.noSide {
				command.Certificates = nil
			}
			if c.change != nil {
				c.change(&command.Options)
			}
			compareWithReality(t, command, c.partitions)
		})
	}
}

func compareWithReality(t *testing.T, command shard.Command, partitions int) {
	t.Helper()
	seen := newCalls(t.TempDir())
	plan, w := foresee(t, command, seen.output)
	if partitions > 0 {
		plan.KeyPartitions = partitions
		leave(t, plan, seen.output)
		w = work(t, plan)
	}
	const poll = time.Minute
	job := Run(t, Options{Command: command, Output: seen.output, Poll: poll, Door: seen.door})
	input, read := seen.requests(false)
	output, _ := seen.requests(true)
	sameRequests(t, "input", input, w.InputRequests())
	want := w.OutputRequests(estimate.Run{Workers: 1, Processes: 1, Speed: 1, Poll: poll.Seconds()})
	sameRequests(t, "output", output, want)
	within(t, "octets to read", float64(read), w.Read, 1.1)

	sizes := seen.sizes
	within(t, "segments", sizes[".segment"], w.Segments, 2)
	within(t, "sightings", sizes[".sightings"], w.Sightings, 2)
	within(t, "texts", sizes[".text"], w.Texts, 2)
	within(t, "intermediate", sizes[".text"]+sizes[".segment"]+sizes[".sightings"]+sizes[".verdicts"], w.Intermediate(), 2)
	within(t, "output", sizes[".parquet"], w.Output, 2)
	manifest := job.Result.Manifest
	within(t, "rows", float64(manifest.Lines.Lines), w.Rows, 1.05)
	within(t, "rows of the output", float64(manifest.Records.Output), w.OutputRows, 1.2)
}

// leave writes a plan where a job of its command looks for one, as if it had been interrupted.
func leave(t testing.TB, plan *shard.Plan, output string) {
	t.Helper()
	plan.Job = "20260101t000000-00000000"
	out, err := Open(t.Context(), output)
	if err != nil {
		t.Fatal(err)
	}
	for key, v := range map[string]any{
		shard.ClaimKey: shard.Claim{Job: plan.Job, Digest: plan.Digest}, shard.Job(plan.Job).PlanKey(): plan,
	} {
		body, err := json.Marshal(v)
		if err == nil {
			err = out.Create(context.Background(), key, body)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// within wants an estimate that is off by a factor at the most.
func within(t testing.TB, what string, real, estimated, factor float64) {
	t.Helper()
	if estimated < real/factor || estimated > real*factor {
		t.Errorf("%s: %.0f, foreseen %.0f: more than %v times off", what, real, estimated, factor)
	}
	t.Logf("%s: %.0f, foreseen %.0f (%+.0f %%)", what, real, estimated, 100*(estimated/max(real, 1)-1))
}

// sameRequests wants an estimate within a fifth, kind by kind, and lets a few pass.
func sameRequests(t testing.TB, what string, real, estimated estimate.Requests) {
	t.Helper()
	const few = 4
	for kind, pair := range map[string][2]int64{
		"list": {real.List, estimated.List}, "get": {real.Get, estimated.Get}, "head": {real.Head, estimated.Head},
		"put": {real.Put, estimated.Put}, "delete": {real.Delete, estimated.Delete}, "all": {real.Sum(), estimated.Sum()},
	} {
		if off := math.Abs(float64(pair[1] - pair[0])); off > few+0.2*float64(pair[0]) {
			t.Errorf("%s: %d requests of kind %s, foreseen %d", what, pair[0], kind, pair[1])
		}
	}
	t.Logf("%s: requests %+v, foreseen %+v", what, real, estimated)
}

// TestSurveyIsThePlan: what is foreseen is foreseen of the shards that the job then has.
func TestSurveyIsThePlan(t *testing.T) {
	dir, command := small(t)
	output := filepath.Join(dir, "out") // which lies among the inputs
	command.Files = []string{dir}
	survey, _ := foresee(t, command, output)
	job := Run(t, Options{Command: command, Output: output, Keep: true})
	plan := read[shard.Plan](t, job.Out, shard.Job(job.Result.Job).PlanKey())
	plan.Job, plan.HashKey, survey.HashKey = "", nil, nil
	if diff := cmp.Diff(plan, survey); diff != "" {
		t.Errorf("plan - survey +\n%s", diff)
	}
	again, _ := foresee(t, command, output)
	if again.HashKey = nil; cmp.Diff(survey, again) != "" {
		t.Error("with the result there, the survey differs")
	}
	if without, _ := foresee(t, command, ""); len(without.Inputs) <= len(survey.Inputs) {
		t.Errorf("without an output %d inputs, want the result's files among them, over %d", len(without.Inputs), len(survey.Inputs))
	}
}
