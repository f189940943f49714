package estimate

import "math"

// Estimator adds up the shards of a job.
type Estimator struct {
	job      Job
	m        *Measures
	measures []Measure // by signature
	work     Work
	kept     []float64 // by signature
	unpack   Stage     // so far
	scan     Stage     // map, so far
	identity Flow      // sightings of all shards
	reuse    Flow
	gets     struct{ identity, reuse, segments float64 } // that later stages need for what map left
}

// New returns an Estimator without shards.
func New(job Job, m *Measures) *Estimator {
	x := &Estimator{job: job, m: m, kept: make([]float64, len(job.Signatures)), unpack: Stage{Name: "unpack"}, scan: Stage{Name: "map"}}
	for _, s := range job.Signatures {
		x.measures = append(x.measures, m.of(s, job))
	}
	x.work.job = job
	if job.Distant {
		x.work.latency = m.Latency
	}
	return x
}

// What unpacking takes and leaves, by octet of text: measured with the lines of made-up scans, gzip and zstd.
const (
	unpackSeconds = 2e-9
	unpackLeaves  = 0.3
	textPiece     = 4 << 20 // of text, that map reads at a time
)

// AddStream adds a stream.
func (x *Estimator) AddStream(s Stream) {
	w := &x.work
	w.Read += s.Octets
	w.inputGets += s.Requests
	span := Span{CPU: s.Text * unpackSeconds, Wait: otherTrips * w.latency}
	if s.Text > 0 {
		left := s.Text * unpackLeaves
		w.Texts += left
		w.dataObjects++
		w.outputPuts += puts(left)
		w.outputGets += math.Ceil(s.Text / textPiece)
	}
	x.unpack.add(span)
}

// mapTrips is how often a map task waits for the store: is it done, footer, first rows, two data objects, commit, plan.
const mapTrips = 8

// Add adds a shard.
func (x *Estimator) Add(s Shard) {
	w := &x.work
	w.Shards++
	w.Read += s.Octets
	w.inputGets += s.Requests
	span := Span{Wait: mapTrips * w.latency}
	var segment float64
	var identity, reuse Flow
	if s.Side {
		side := x.m.Certificates
		span.CPU = side.micros(s.Form) * s.Rows / 1e6
		identity = side.Identity.times(s.Rows)
	} else {
		w.Rows += s.Rows
		span.CPU = lookUp(x.m.OtherMicros, s.Form) * s.Other / 1e6
		for i, records := range s.Records {
			m := &x.measures[i]
			kept := records * m.Kept
			x.kept[i] += kept
			span.CPU += m.micros(s.Form) * records / 1e6
			segment += kept * m.outcome(x.job.Labelled).Segment
			identity = identity.plus(m.Identity.times(kept))
			reuse = reuse.plus(m.Reuse.times(kept))
		}
	}
	x.shuffle(s, segment, identity, reuse)
	x.scan.add(span)
}

// shuffle counts what a shard leaves, and the requests that read it later.
func (x *Estimator) shuffle(s Shard, segment float64, identity, reuse Flow) {
	w := &x.work
	w.Segments += segment
	w.Sightings += identity.Octets + reuse.Octets
	x.identity, x.reuse = x.identity.plus(identity), x.reuse.plus(reuse)
	w.dataObjects += 2
	w.outputPuts += puts(segment) + puts(identity.Octets+reuse.Octets)
	partitions := float64(x.job.KeyPartitions)
	x.gets.identity += extentGets(identity, partitions)
	x.gets.reuse += extentGets(reuse, partitions)
	for i, records := range s.Records {
		carried := records * x.measures[i].Kept * x.measures[i].outcome(x.job.Labelled).Carried
		x.gets.segments += min(carried, 1) * segmentGets(segment)
	}
}

// Work returns what the shards come to.
func (x *Estimator) Work() *Work {
	w := x.work
	identity, reuse, write := x.identityStage(&w), x.reuseStage(&w), x.writeStage(&w)
	w.Stages = []Stage{x.scan, identity, reuse, write}
	if x.unpack.Tasks > 0 {
		w.Stages = append([]Stage{x.unpack}, w.Stages...)
	}
	for _, s := range w.Stages {
		w.outputPuts += float64(s.Tasks) // commit records
	}
	return &w
}

// otherTrips is how often a task of another stage waits: is it done, what it writes, whose the output is, commit, plan.
const otherTrips = 8

// parallelGets is how many inputs of a merge are opened at a time.
const parallelGets = 16

// resolve is a stage of equal tasks, one for each key partition, that read so many sightings by so many requests.
func (x *Estimator) resolve(name string, sightings, micros, gets float64) Stage {
	n := float64(x.job.KeyPartitions)
	s := Stage{Name: name, Tasks: int64(n), CPU: sightings * micros / 1e6}
	s.Wait = (otherTrips*n + gets/parallelGets) * x.work.latency
	s.Longest = Span{s.CPU / n, s.Wait / n}
	return s
}

func (x *Estimator) identityStage(w *Work) Stage {
	n := float64(x.job.KeyPartitions)
	var verdicts, attached Flow
	for i, kept := range x.kept {
		verdicts = verdicts.plus(x.measures[i].IdentityVerdicts.times(kept))
		attached = attached.plus(x.measures[i].Attached.times(kept))
	}
	w.Verdicts += verdicts.Octets
	w.Sightings += attached.Octets
	w.dataObjects += 2 * n
	w.outputPuts += n * (puts(verdicts.Octets/n) + puts(attached.Octets/n))
	w.outputGets += x.gets.identity
	x.attached(attached)
	return x.resolve("identity", x.identity.Count, x.m.IdentityMicros, x.gets.identity)
}

// attached notes what identity leaves for reuse: a sorted run in each of its tasks.
func (x *Estimator) attached(f Flow) {
	n := float64(x.job.KeyPartitions)
	x.gets.reuse += n * extentGets(f.over(n), n)
	x.reuse = x.reuse.plus(f)
}

func (x *Estimator) reuseStage(w *Work) Stage {
	n := float64(x.job.KeyPartitions)
	var verdicts float64
	var shared Flow
	for i, kept := range x.kept {
		verdicts += x.measures[i].ReuseVerdicts.Octets * kept
		shared = shared.plus(x.measures[i].Shared.times(kept))
	}
	w.Verdicts += verdicts
	w.Output += shared.Octets
	w.dataObjects += n
	parts := occupied(shared.Count, n)
	w.outputPuts += n*puts(verdicts/n) + parts*puts(shared.Octets/max(parts, 1))
	w.parts += parts
	w.outputGets += x.gets.reuse
	return x.resolve("reuse", x.reuse.Count, x.m.ReuseMicros, x.gets.reuse)
}

func (x *Estimator) writeStage(w *Work) Stage {
	s := Stage{Name: "write"}
	s.Wait = x.gets.segments * w.latency
	w.outputGets += x.gets.segments
	for i, kept := range x.kept {
		m := &x.measures[i]
		out := m.outcome(x.job.Labelled)
		parts := math.Ceil(kept * out.Carried / float64(x.job.PartitionRows))
		if parts = max(parts, min(math.Round(kept), 1)); parts == 0 {
			continue
		}
		octets := kept * out.Output
		w.Output += octets
		w.OutputRows += kept * out.Rows
		w.outputPuts += parts * puts(octets/parts)
		w.parts += parts
		gets := parts * x.verdictGets(m.IdentityVerdicts.times(kept/parts), m.ReuseVerdicts.times(kept/parts))
		w.outputGets += gets
		span := Span{CPU: kept * out.Carried * out.WriteMicros / 1e6, Wait: (otherTrips*parts + gets/parallelGets) * w.latency}
		s.Tasks += int64(parts)
		s.CPU += span.CPU
		s.Wait += span.Wait
		if one := (Span{span.CPU / parts, span.Wait / parts}); one.seconds(1) > s.Longest.seconds(1) {
			s.Longest = one
		}
	}
	return s
}

// verdictGets is what one write task fetches of the answers of all resolve tasks.
func (x *Estimator) verdictGets(identity, reuse Flow) float64 {
	n := float64(x.job.KeyPartitions)
	return extentGets(identity, n) + extentGets(reuse, n)
}
