//go:build unix

package jobtest

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/dice-engine/dice/coordinator"
	"github.com/dice-engine/dice/internal/estimate"
	"github.com/dice-engine/dice/internal/queue"
	"github.com/dice-engine/dice/internal/store"
	"github.com/dice-engine/dice/internal/synth"
	"github.com/dice-engine/dice/shard"
)

// TestMeasures measures what becomes of records, protocol by protocol, and holds the ratios of package estimate to it.
// With -update it takes minutes, and writes them.
func TestMeasures(t *testing.T) {
	m := &measuring{T: t, rows: 40_000, layouts: map[string]string{"parquet": "parquet"}}
	if *update {
		m.rows = 400_000
		m.layouts = map[string]string{"parquet": "parquet", "lines": "jsonl", "lines.gz": "jsonl.gz", "lines.zst": "jsonl.zst"}
	}
	got := m.all()
	if *update {
		body, err := json.MarshalIndent(got, "", " ")
		if err == nil {
			err = os.WriteFile("../estimate/measures.json", append(body, '\n'), 0o666)
		}
		if err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := estimate.Measured()
	if err != nil {
		t.Fatal(err)
	}
	for name := range got.Records {
		sameMeasure(t, name, want.Records[name], got.Records[name])
	}
	sameMeasure(t, "xmpp with side table", want.Attached["xmpp"], got.Attached["xmpp"])
	sameMeasure(t, "certificates", want.Certificates, got.Certificates)
}

// sameMeasure compares sizes, not times: machines differ, and scans of other sizes repeat themselves more or less.
func sameMeasure(t *testing.T, name string, want, got estimate.Measure) {
	t.Helper()
	for what, pair := range map[string][2]float64{
		"kept": {want.Kept, got.Kept}, "identity": {want.Identity.Octets, got.Identity.Octets},
		"reuse": {want.Reuse.Octets, got.Reuse.Octets}, "attached": {want.Attached.Octets, got.Attached.Octets},
		"segment": {want.All.Segment, got.All.Segment}, "rows": {want.All.Rows, got.All.Rows}, "output": {want.All.Output, got.All.Output},
		"labelled rows": {want.Labelled.Rows, got.Labelled.Rows}, "labelled output": {want.Labelled.Output, got.Labelled.Output},
	} {
		if pair[1] < pair[0]/2-0.01 || pair[1] > pair[0]*2+0.01 {
			t.Errorf("%s: %s is %v, the estimate has %v: run with -update", name, what, pair[1], pair[0])
		}
	}
}

// measuring makes measures of scans of so many rows.
type measuring struct {
	*testing.T
	rows    int64
	layouts map[string]string // by form
	cpu     [2]float64        // of the stages identity and reuse of all jobs
	sighted [2]float64        // what they read
}

func (m *measuring) all() estimate.Measures {
	all := estimate.Measures{
		Date: time.Now().UTC().Format(time.DateOnly),
		Method: fmt.Sprintf("go test ./internal/jobtest -run Measures -update: jobs over made-up scans of one protocol, %d rows in "+
			"four objects with a shard each, one worker, a local folder; processor time of the whole process", m.rows),
		Machine: fmt.Sprintf("%d shared cores, %s, %s/%s", runtime.NumCPU(), runtime.Version(), runtime.GOOS, runtime.GOARCH),
		Latency: 0.03, OtherMicros: map[string]float64{}, Records: map[string]estimate.Measure{}, Attached: map[string]estimate.Measure{},
	}
	all.Certificates.Kept, all.Certificates.MapMicros = 1, map[string]float64{}
	for _, name := range protocolNames {
		measure, attached := estimate.Measure{MapMicros: map[string]float64{}}, estimate.Measure{}
		for form, layout := range m.layouts {
			dir, _ := scan(m, synth.Config{Rows: m.rows, Seed: 11, Layout: layout, Protocols: []string{name}, Files: 4})
			alone := m.job(dir, name, false, shard.All)
			measure.MapMicros[form] = round(1e6 * alone.cpu[shard.Map] / alone.records)
			if name == "mqtt" {
				other := m.job(dir, "modbus", false, shard.All)
				all.OtherMicros[form] = round(1e6 * other.cpu[shard.Map] / other.records)
			}
			var with *spent
			if name == "xmpp" {
				with = m.job(dir, name, true, shard.All)
				all.Certificates.MapMicros[form] = round(1e6 * (with.cpu[shard.Map] - alone.cpu[shard.Map]) / with.sideRows)
			}
			if form != "parquet" {
				continue
			}
			alone.fill(&measure, m.job(dir, name, false, shard.Labelled))
			if with != nil {
				with.fill(&attached, m.job(dir, name, true, shard.Labelled))
				all.Certificates.Identity = with.offered.per(with.sideRows)
			}
		}
		all.Records[name] = measure
		if attached.Kept > 0 {
			attached.MapMicros = measure.MapMicros
			all.Attached[name] = attached
		}
	}
	all.IdentityMicros, all.ReuseMicros = round(1e6*m.cpu[0]/m.sighted[0]), round(1e6*m.cpu[1]/m.sighted[1])
	return all
}

// round cuts a figure to the three digits that it is worth.
func round(x float64) float64 {
	if x <= 0 {
		return 0
	}
	scale := math.Pow(10, 2-math.Floor(math.Log10(x)))
	return math.Round(x*scale) / scale
}

// flow is a number of records and their octets.
type flow struct{ count, octets float64 }

func (f *flow) add(e shard.Extent) {
	f.count += float64(e.Records)
	f.octets += float64(e.Length)
}

func (f *flow) addAll(extents []shard.Extent) {
	for _, e := range extents {
		f.add(e)
	}
}

func (f flow) per(n float64) estimate.Flow {
	return estimate.Flow{Count: round(f.count / n), Octets: round(f.octets / n)}
}

// spent is what a job of one protocol came to.
type spent struct {
	cpu                                                        map[shard.Stage]float64
	records, kept, carried, segment, rows, output, sideRows    float64
	identity, offered, reuse, attached, answered, told, shared flow
}

// job does a job and adds up what it left.
func (m *measuring) job(dir, name string, side bool, mode shard.Mode) *spent {
	m.Helper()
	command := scanCommand(dir)
	command.Options.Signatures, command.Options.Mode = []string{name}, mode
	if !side {
		command.Certificates = nil
	}
	command.Options.ShardBytes = largest(m, dir)
	s := &spent{cpu: map[shard.Stage]float64{}}
	clock := &stageClock{cpu: s.cpu}
	job := Run(m, Options{Command: command, Keep: true, Queue: func(q coordinator.Queue) coordinator.Queue {
		clock.Queue = q
		return clock
	}})
	clock.turn("")
	key := shard.Job(job.Result.Job)
	plan := read[shard.Plan](m, job.Out, key.PlanKey())
	s.addMap(plan, readIndex(m, job.Out, key.IndexKey(shard.Map)))
	s.addResolve(readIndex(m, job.Out, key.IndexKey(shard.Identity)), &s.answered)
	s.addResolve(readIndex(m, job.Out, key.IndexKey(shard.Reuse)), &s.told)
	for _, c := range readIndex(m, job.Out, key.IndexKey(shard.Write)).Commits {
		if c.Write.Output != nil {
			s.rows += float64(c.Write.Output.Rows)
			s.output += float64(c.Write.Output.Size)
		}
	}
	m.cpu[0] += s.cpu[shard.Identity]
	m.cpu[1] += s.cpu[shard.Reuse]
	m.sighted[0] += s.identity.count + s.offered.count
	m.sighted[1] += s.reuse.count + s.attached.count
	return s
}

func (s *spent) addMap(plan *shard.Plan, index *shard.Index) {
	for i, c := range index.Commits {
		if plan.Shards[i].Side {
			s.offered.addAll(c.Map.Identity)
			for _, slice := range c.Map.Slices {
				s.sideRows += float64(slice.Lines)
			}
			continue
		}
		s.records += float64(c.Map.Records)
		s.kept += float64(c.Map.Protocols[0].Kept)
		s.carried += float64(c.Map.Protocols[0].Carried)
		s.segment += float64(c.Map.Segment.Size)
		s.identity.addAll(c.Map.Identity)
		s.reuse.addAll(c.Map.Reuse)
	}
}

func (s *spent) addResolve(index *shard.Index, verdicts *flow) {
	for _, c := range index.Commits {
		for _, e := range c.Resolve.Extents {
			verdicts.addAll(e[:])
		}
		s.attached.addAll(c.Resolve.Reuse)
		if o := c.Resolve.Output; o != nil {
			s.shared.add(shard.Extent{Records: o.Rows, Length: o.Size})
		}
	}
}

// fill makes ratios of two jobs that differ in their mode.
func (s *spent) fill(m *estimate.Measure, labelled *spent) {
	m.Kept = round(s.kept / s.records)
	m.Identity, m.Reuse, m.Attached = s.identity.per(s.kept), s.reuse.per(s.kept), s.attached.per(s.kept)
	m.IdentityVerdicts, m.ReuseVerdicts, m.Shared = s.answered.per(s.kept), s.told.per(s.kept), s.shared.per(s.kept)
	m.All, m.Labelled = s.outcome(), labelled.outcome()
}

func (s *spent) outcome() estimate.Outcome {
	return estimate.Outcome{
		Carried: round(s.carried / s.kept), Segment: round(s.segment / s.kept), Rows: round(s.rows / s.kept),
		Output: round(s.output / s.kept), WriteMicros: round(1e6 * s.cpu[shard.Write] / max(s.carried, 1)),
	}
}

// largest is the size of the largest object of a scan, without its side table.
func largest(t testing.TB, dir string) (size int64) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasPrefix(d.Name(), "certificates") {
			return err
		}
		info, err := d.Info()
		if err == nil {
			size = max(size, info.Size())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return size
}

// readIndex reads the index of a stage.
func readIndex(t testing.TB, b store.Bucket, key string) *shard.Index {
	t.Helper()
	body, err := b.Get(t.Context(), key, 1<<30)
	if err != nil {
		t.Fatal(err)
	}
	index, err := shard.ReadIndex(body)
	if err != nil {
		t.Fatal(err)
	}
	return index
}

// read reads a document of a job.
func read[T any](t testing.TB, b store.Bucket, key string) *T {
	t.Helper()
	body, err := b.Get(t.Context(), key, 1<<30)
	v := new(T)
	if err == nil {
		err = json.Unmarshal(body, v)
	}
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// stageClock notes the processor time that the process takes for each stage.
type stageClock struct {
	coordinator.Queue
	cpu   map[shard.Stage]float64
	stage shard.Stage
	since float64
}

func (c *stageClock) Publish(ctx context.Context, tasks []queue.Task) error {
	c.turn(shard.Stage(tasks[0].Stage))
	return c.Queue.Publish(ctx, tasks)
}

// turn ends the stage at hand.
func (c *stageClock) turn(next shard.Stage) {
	runtime.GC() // what was left behind is cleared by who left it
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		panic(err)
	}
	now := float64(usage.Utime.Nano()+usage.Stime.Nano()) / 1e9
	c.cpu[c.stage] += now - c.since
	c.stage, c.since = next, now
}
