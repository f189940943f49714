package estimate

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// simple are measures with which amounts can be worked out by hand.
func simple() *Measures {
	m := Measure{
		Kept: 0.5, Identity: Flow{1, 20}, Reuse: Flow{2, 50}, IdentityVerdicts: Flow{0.1, 1}, ReuseVerdicts: Flow{0.2, 2}, Shared: Flow{0.01, 3},
		All: Outcome{1, 30, 0.9, 40, 4}, Labelled: Outcome{0.5, 15, 0.4, 18, 4}, MapMicros: map[string]float64{"parquet": 2, "lines": 6},
	}
	attached := m
	attached.Attached = Flow{1, 10}
	attached.Identity = Flow{2, 30}
	return &Measures{
		Latency: 0.01, OtherMicros: map[string]float64{"parquet": 1, "lines": 3}, IdentityMicros: 1, ReuseMicros: 0.5,
		Certificates: Measure{Kept: 1, Identity: Flow{1, 100}, MapMicros: map[string]float64{"parquet": 10}},
		Records:      map[string]Measure{"a": m, "b": m}, Attached: map[string]Measure{"b": attached},
	}
}

// job is one of two protocols over ten shards of a hundred thousand records each.
func job(change func(*Job)) *Work {
	j := Job{
		Signatures: []Signature{{Name: "a"}, {Name: "b", Attach: true}}, Dedupe: true, PartitionRows: 100_000, KeyPartitions: 4, Patterns: 2, Objects: 12,
	}
	if change != nil {
		change(&j)
	}
	x := New(j, simple())
	for range 10 {
		x.Add(Shard{Form: "parquet", Requests: 3, Octets: 1e6, Rows: 100_000, Records: []float64{60_000, 30_000}, Other: 10_000})
	}
	if j.SideTable {
		x.Add(Shard{Form: "parquet", Side: true, Requests: 1, Octets: 1e5, Rows: 1000})
	}
	return x.Work()
}

func about(t *testing.T, what string, got, want float64) {
	t.Helper()
	if math.Abs(got-want) > 1e-6*math.Abs(want) {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}

// TestWork works a job out by hand: of a million records 450,000 are kept.
func TestWork(t *testing.T) {
	w := job(nil)
	about(t, "rows", w.Rows, 1e6)
	about(t, "octets to read", w.Read, 1e7)
	about(t, "segments", w.Segments, 450_000*30)
	about(t, "sightings", w.Sightings, 450_000*70)
	about(t, "verdicts", w.Verdicts, 450_000*3)
	about(t, "intermediate", w.Intermediate(), 450_000*103)
	about(t, "output", w.Output, 450_000*43)
	about(t, "rows of output", w.OutputRows, 450_000*0.9)
	want := []Stage{
		{Name: "map", Tasks: 10, CPU: 1.9, Longest: Span{CPU: 0.19}},
		{Name: "identity", Tasks: 4, CPU: 0.45, Longest: Span{CPU: 0.1125}},
		{Name: "reuse", Tasks: 4, CPU: 0.45, Longest: Span{CPU: 0.1125}},
		{Name: "write", Tasks: 5, CPU: 1.8, Longest: Span{CPU: 0.4}}, // 300,000 of a in 3, 150,000 of b in 2
	}
	if diff := cmp.Diff(want, w.Stages, cmpopts.EquateApprox(1e-9, 0)); diff != "" {
		t.Errorf("want - got +\n%s", diff)
	}
	about(t, "computing", w.CoreSeconds(), 4.6)
}

func TestWorkOfOtherOptions(t *testing.T) {
	labelled := job(func(j *Job) { j.Labelled = true })
	about(t, "segments of labelled records", labelled.Segments, 450_000*15)
	about(t, "output of labelled records", labelled.Output, 450_000*21)
	about(t, "carried records", labelled.Stages[3].CPU, 450_000*0.5*4/1e6)

	all := job(func(j *Job) { j.Dedupe = false })
	about(t, "sightings without duplicates", all.Sightings, 450_000*50)

	side := job(func(j *Job) { j.SideTable = true })
	about(t, "sightings with a side table", side.Sightings, 300_000*70+150_000*(80+10)+1000*100)
	about(t, "map with a side table", side.Stages[0].CPU, 1.9+0.01)
	about(t, "rows of scans", side.Rows, 1e6)
	about(t, "reuse with a side table", side.Stages[2].CPU, (450_000*2+150_000)*0.5/1e6)

	asking := job(func(j *Job) { j.SideTable, j.Dedupe = true, false })
	about(t, "sightings of those that ask", asking.Sightings, 300_000*50+150_000*(10+50+10)+1000*100)
}

// TestEmptyWork: of a protocol without records nothing is written, and nothing of a job without shards.
func TestEmptyWork(t *testing.T) {
	x := New(Job{Signatures: []Signature{{Name: "a"}, {Name: "b"}}, PartitionRows: 10, KeyPartitions: 1}, simple())
	if w := x.Work(); w.Stages[3].Tasks != 0 || w.CoreSeconds() != 0 || w.Seconds(Run{Workers: 1, Speed: 1}) != 0 {
		t.Errorf("%+v", w)
	}
	x.Add(Shard{Form: "lines", Records: []float64{100, 0}})
	if w := x.Work(); w.Stages[3].Tasks != 5 {
		t.Errorf("%d tasks for 50 records of one protocol, want 5", w.Stages[3].Tasks)
	}
}

// TestUnknownSignature: one that was not measured is like the others on average, and a form that was not like the dearest.
func TestUnknownSignature(t *testing.T) {
	m := simple()
	b := m.Records["b"]
	b.Kept, b.All.Output, b.MapMicros = 1, 80, map[string]float64{"parquet": 4}
	m.Records["b"] = b
	got := m.of(Signature{Name: "new"}, Job{Dedupe: true})
	about(t, "kept", got.Kept, 0.75)
	about(t, "output", got.All.Output, 60)
	about(t, "reading", got.micros("parquet"), 3)
	about(t, "reading an unknown form", m.Records["a"].MapMicros["lines"], lookUp(m.Records["a"].MapMicros, "stone tablets"))
}

// TestRequests counts by hand what the job of TestWork asks of its stores.
func TestRequests(t *testing.T) {
	w := job(nil)
	if got, want := w.InputRequests(), (Requests{List: 2, Get: 30}); got != want {
		t.Errorf("input: %+v, want %+v", got, want)
	}
	got := w.OutputRequests(Run{Workers: 1, Processes: 2, Speed: 1, Poll: 1000})
	// Segments of 1.35 MB are read in one piece after their index, by both protocols. Sightings of 0.9 and 2.25 MB per shard
	// lie in four partitions: reads of 64, 128, 256 kB for 225 kB, and one more of 512 kB for 562 kB. Verdicts of 25 to 150 kB
	// for each of five parts lie in four partitions and take one read each.
	const extents = 10*4*3 + 10*4*4 + 5*4*2
	want := Requests{
		List: 5 + 11 + 4*2,
		Get:  10*2*2 + extents + 23 + 9 + 2*4 + 4*3 + 23 + 4 + 5,
		Head: 4*2 + 2*23 + 4 + 5,
		Put:  10*2 + 4*2 + 4*2 + 5 + 23 + 8 + 4 + 4,
		// 23 commit records, 4 indexes and 32 work files are one page.
		Delete: 4,
	}
	if got != want || w.dataObjects != 32 {
		t.Errorf("output: %+v and %v work files, want %+v and 32", got, w.dataObjects, want)
	}
	more := w.OutputRequests(Run{Workers: 1, Processes: 2, Speed: 1, Poll: 0.1})
	if polls := int64(18 + 4 + 4 + 17); more.Head-got.Head != polls && more.Head-got.Head != polls+1 {
		t.Errorf("%d polls, want %d", more.Head-got.Head, polls)
	}
}

// TestRequestsOfManyTasks: listings, and what is left behind, take a request for a thousand keys.
func TestRequestsOfManyTasks(t *testing.T) {
	w := &Work{Stages: []Stage{{Name: "map", Tasks: 2500, CPU: 100}}, dataObjects: 5000, job: Job{Patterns: 1, Objects: 5500}}
	if got := w.InputRequests(); got.List != 6 {
		t.Errorf("%d listings of 5500 objects, want 6", got.List)
	}
	got := w.OutputRequests(Run{Workers: 1, Processes: 1, Speed: 1, Poll: 10})
	// 10 polls of half the commit records on average; 7501 keys are left.
	want := Requests{List: 5 + 11 + 1 + 3 + 10*2 + 7, Get: 9 + 12 + 1 + 2*2500 + 1, Head: 12 + 5000, Put: 8 + 4 + 1, Delete: 3 + 8}
	if got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}

func TestPieces(t *testing.T) {
	const k, m = 1 << 10, 1 << 20
	for _, c := range []struct {
		what string
		of   func(float64) float64
		want map[float64]float64
	}{
		{"puts", puts, map[float64]float64{0: 1, 8 * m: 1, 8*m + 1: 4, 80 * m: 12}},
		{"reads of a run", growing, map[float64]float64{
			1: 1, 64 * k: 1, 64*k + 1: 2, 192 * k: 2, 192*k + 1: 3, 448 * k: 3, 960 * k: 4, 960*k + 1: 5, 960*k + m: 5, 960*k + m + 1: 6,
		}},
		{"pages", pages, map[float64]float64{0: 1, 1000: 1, 1001: 2, 5000: 5}},
		{"reads of a segment", segmentGets, map[float64]float64{0: 2, 4 * m: 2, 4*m + 1: 3}},
		{"places taken of 64", func(n float64) float64 { return math.Round(occupied(n, 64)) }, map[float64]float64{0: 0, 1: 1, 64: 41, 1e9: 64}},
		{"places taken of one", func(n float64) float64 { return occupied(n, 1) }, map[float64]float64{0: 0, 0.25: 0.25, 7: 1}},
	} {
		for of, want := range c.want {
			if got := c.of(of); got != want {
				t.Errorf("%s for %v: %v, want %v", c.what, of, got, want)
			}
		}
	}
	if got := extentGets(Flow{}, 8); got != 0 {
		t.Errorf("an empty flow takes %v reads", got)
	}
	if got := extentGets(Flow{1e6, 8 * 65 * k}, 8); got != 16 {
		t.Errorf("eight extents of 65 KiB take %v reads, want 16", got)
	}
}

// TestSeconds: more workers are never slower, and the bound is that of greedy hands.
func TestSeconds(t *testing.T) {
	s := Stage{Tasks: 10, CPU: 20, Wait: 10, Longest: Span{CPU: 3, Wait: 1}}
	about(t, "one worker", s.seconds(1, 1), 30)
	about(t, "two workers", s.seconds(2, 1), 15+2)
	about(t, "two fast workers", s.seconds(2, 2), 5+5+(1.5+1)/2)
	about(t, "more workers than tasks", s.seconds(1000, 1), 3+0.9*4)
	about(t, "no task", Stage{}.seconds(3, 1), 0)
	r := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		w := job(func(j *Job) {
			j.KeyPartitions, j.PartitionRows, j.Distant = 1+r.IntN(64), 1+r.Int64N(100_000), r.IntN(2) == 0
		})
		last := math.Inf(1)
		for n := 1; n < 300; n += 1 + r.IntN(20) {
			took := w.Seconds(Run{Workers: n, Speed: 1})
			if took > last+1e-9 {
				t.Fatalf("%d workers take %v, fewer took %v", n, took, last)
			}
			last = took
		}
		checkWorkers(t, w, last*(0.5+3*r.Float64()))
	}
}

// checkWorkers wants the least number that is in time.
func checkWorkers(t *testing.T, w *Work, deadline float64) {
	t.Helper()
	took := func(n int) float64 { return w.Seconds(Run{Workers: n, Speed: 1}) }
	n, ok := w.Workers(deadline, 1)
	fastest := took(1 << 30)
	switch {
	case ok != (fastest <= deadline):
		t.Errorf("in time %v, but the fastest take %v of %v", ok, fastest, deadline)
	case ok && (took(n) > deadline || n > 1 && took(n-1) <= deadline):
		t.Errorf("%d workers take %v of %v, one less %v", n, took(n), deadline, took(max(n-1, 1)))
	case !ok && took(n) > 1.1*fastest+1e-9:
		t.Errorf("%d workers take %v, the fastest %v", n, took(n), fastest)
	}
}

func TestWaiting(t *testing.T) {
	near, far := job(nil), job(func(j *Job) { j.Distant = true })
	// See TestRequests for the reads. Of sorted runs 16 are opened at a time.
	for i, want := range []float64{10 * mapTrips, 4*otherTrips + 120.0/16, 4*otherTrips + 160.0/16, 40 + 5*otherTrips + 40.0/16} {
		about(t, "waiting of "+far.Stages[i].Name, far.Stages[i].Wait, want*0.01)
		about(t, "waiting nearby", near.Stages[i].Wait, 0)
	}
	if near.Seconds(Run{Workers: 1, Speed: 1}) >= far.Seconds(Run{Workers: 1, Speed: 1}) {
		t.Error("a distant store costs no time")
	}
	run := Run{Workers: 1, Speed: 1}
	near.latency = 1
	about(t, "leading the job", near.Seconds(run)-job(nil).Seconds(run), 24+4*3+23.0/16+4*3)
}

// TestMeasured holds what DICE comes with to sense.
func TestMeasured(t *testing.T) {
	m, err := Measured()
	if err != nil {
		t.Fatal(err)
	}
	if m.Date == "" || m.Method == "" || m.Latency <= 0 || m.IdentityMicros <= 0 || m.ReuseMicros <= 0 || len(m.Records) < 8 || len(m.Attached) < 1 {
		t.Errorf("%+v", m)
	}
	for name, one := range m.Records {
		for _, form := range []string{"parquet", "lines", "lines.gz", "lines.zst"} {
			if one.MapMicros[form] <= 0 || m.OtherMicros[form] <= 0 || m.Certificates.MapMicros[form] <= 0 {
				t.Errorf("%s has no time for %s", name, form)
			}
		}
		if one.Kept <= 0 || one.Kept > 1 || one.Identity.Count <= 0 || one.All.Output < one.Labelled.Output || one.Labelled.Output <= 0 || one.All.WriteMicros <= 0 {
			t.Errorf("%s: %+v", name, one)
		}
	}
}

// TestStreams: what is unpacked first is read once more, as text.
func TestStreams(t *testing.T) {
	x := New(Job{PartitionRows: 1, KeyPartitions: 1}, simple())
	x.AddStream(Stream{Requests: 3, Octets: 12e6, Text: 100e6})
	x.AddStream(Stream{Requests: 1, Octets: 4e6})
	w := x.Work()
	about(t, "octets to read", w.Read, 16e6)
	about(t, "texts", w.Texts, 30e6)
	about(t, "intermediate", w.Intermediate(), 30e6)
	about(t, "tasks of unpack", float64(w.Stages[0].Tasks), 2)
	about(t, "unpacking", w.Stages[0].CPU, 0.2)
	if got := w.InputRequests().Get; w.Stages[0].Name != "unpack" || len(w.Stages) != 5 || got != 4 {
		t.Errorf("%d requests, stages %+v", got, w.Stages)
	}
}
