// Package estimate tells in advance what a job comes to: how much is read, left between the stages and written, how many
// requests that takes, how long so many workers need, and what it costs.
//
// A job's costs follow from a few amounts that can be known before it runs (what its shards hold), from ratios that were
// measured ([Measures]) and from prices ([Prices]). Both are data: dated, embedded, and the prices replaceable. All of it
// is arithmetic; who knows the shards adds them to an [Estimator], which makes a [Work] of them.
//
// An estimate is no promise. Ratios are those of made-up scans, retries and lost machines are not foreseen, and prices of
// spot machines move.
package estimate

import "math"

// Job is what amounts depend on beside the shards.
type Job struct {
	Signatures    []Signature
	Labelled      bool // only records with a label come out
	Dedupe        bool // duplicates are looked for
	SideTable     bool // certificates are attached
	PartitionRows int64
	KeyPartitions int
	Patterns      int  // that are listed
	Objects       int  // that are found
	Distant       bool // requests take the time that Measures.Latency says
}

// Signature is a protocol that is looked for.
type Signature struct {
	Name   string
	Attach bool // its records may be given a certificate by a side table
}

// Shard is what one map task reads.
type Shard struct {
	Form     string // as Measure.MapMicros names it; of the most records, where objects differ
	Side     bool   // of a side table, whose rows are in Rows alone
	Requests float64
	Octets   float64
	Rows     float64
	Records  []float64 // by signature
	Other    float64   // records of other protocols
}

// Stream is a compressed object that is unpacked before map reads it.
type Stream struct {
	Requests float64
	Octets   float64
	Text     float64 // octets of text; none if it turns out to be in several pieces, which map reads as they are
}

// Work is what a job comes to, whoever does it.
type Work struct {
	Shards      int64
	Rows        float64 // of scans
	Read        float64 // octets of input
	Texts       float64 // octets that unpack leaves
	Segments    float64 // octets that map leaves of records
	Sightings   float64 // octets that map and identity leave of what crosses shards
	Verdicts    float64 // octets that identity and reuse answer
	Output      float64 // octets of result
	OutputRows  float64 // of the protocols' tables
	Stages      []Stage // in order
	job         Job
	latency     float64
	inputGets   float64
	outputGets  float64 // of workers
	outputPuts  float64 // of workers
	dataObjects float64 // work files that hold data
	parts       float64 // files of the result
}

// Intermediate is what lies in the output beside the result until the job is published.
func (w *Work) Intermediate() float64 { return w.Texts + w.Segments + w.Sightings + w.Verdicts }

// Stage is the work of one stage.
type Stage struct {
	Name    string
	Tasks   int64
	CPU     float64 // seconds of one core of the machine that was measured, all tasks together
	Wait    float64 // seconds in which a worker waits for the store, likewise
	Longest Span    // of one task
}

// add counts a task.
func (s *Stage) add(task Span) {
	s.Tasks++
	s.CPU += task.CPU
	s.Wait += task.Wait
	if task.seconds(1) > s.Longest.seconds(1) {
		s.Longest = task
	}
}

// Span is a stretch of work: computing, which faster cores shorten, and waiting, which they do not.
type Span struct{ CPU, Wait float64 }

func (s Span) seconds(speed float64) float64 { return s.CPU/speed + s.Wait }

// Flow is a number of records and their octets.
type Flow struct {
	Count  float64 `json:"count"`
	Octets float64 `json:"octets"`
}

func (f Flow) times(n float64) Flow { return Flow{f.Count * n, f.Octets * n} }

func (f Flow) plus(g Flow) Flow { return Flow{f.Count + g.Count, f.Octets + g.Octets} }

// over is the part of one of n equal shares.
func (f Flow) over(n float64) Flow { return f.times(1 / max(n, 1)) }

// occupied is how many of n places are expected to be taken when so many things fall on them by chance.
func occupied(things, n float64) float64 {
	if n <= 1 {
		return min(max(things, 0), 1)
	}
	return min(max(things, 0), n*-math.Expm1(things*math.Log1p(-1/n)))
}
