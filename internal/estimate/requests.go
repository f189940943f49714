package estimate

import "math"

// Requests counts requests to a store by kind, as they are billed.
type Requests struct {
	List   int64 `json:"list"`
	Get    int64 `json:"get"`
	Head   int64 `json:"head"`
	Put    int64 `json:"put"` // also the beginning, the parts and the completion of uploads
	Delete int64 `json:"delete"`
}

// Sum is the number of all requests.
func (r Requests) Sum() int64 { return r.List + r.Get + r.Head + r.Put + r.Delete }

// Run says who does the work.
type Run struct {
	Workers   int     // tasks at a time, in all processes together
	Processes int     // each of them reads the plan and the indexes once
	Speed     float64 // of a core, against that of the machine that was measured
	Poll      float64 // seconds after which the coordinator lists commit records again
}

// What one request to a store carries. The figures are those of the packages that send them, and the tests of whole jobs
// compare their sum with what is sent.
const (
	pageKeys     = 1000     // keys of a listing, or of a removal
	putPart      = 8 << 20  // larger objects are uploaded in parts
	extentFirst  = 64 << 10 // first read of a sorted run; each following one is twice as large
	extentMost   = 1 << 20  // but no larger than this
	segmentAhead = 4 << 20  // of a segment's blocks
)

// InputRequests are those to the stores of the inputs.
func (w *Work) InputRequests() Requests {
	return Requests{List: int64(w.job.Patterns) + int64(w.job.Objects)/pageKeys, Get: round(w.inputGets)}
}

// OutputRequests are those to the store of the output.
func (w *Work) OutputRequests(run Run) Requests {
	stages := len(w.Stages)
	const tables = 11                 // in which uploads are looked for that were never ended, and the work files
	tasks, head, get := 0.0, 0.0, 0.0 // of the coordinator
	list := 4.0 + tables + 1          // is the output empty; what is foreign in it; what is left, and whether all of that went
	for _, s := range w.Stages {
		n := float64(s.Tasks)
		tasks += n
		looks := 2 + math.Floor(s.seconds(run.Workers, run.Speed)/run.Poll) // at first, when all are said to be done, in between
		list += 1 + pages(n) + (looks-2)*pages(n/2)
		head += looks    // is the plan there
		get += looks + 1 // and the claim; at first the index
	}
	keys := tasks + w.dataObjects + float64(stages)
	const probe = 8       // two puts, and two uploads of one part, of which the second is given up
	const documents = 4   // claim, plan, summary, manifest
	const coordinator = 9 // manifest, claim five times, probe, plan, and one for what is in doubt
	list += pages(keys) - 1
	return Requests{
		List: round(list),
		// The coordinator reads commit records, workers the claim before a file of the result and after each task.
		Get:    round(w.outputGets + coordinator + get + 2*tasks + w.parts + float64(run.Processes*stages)),
		Head:   round(head + 2*tasks + w.parts), // is the task done, and the plan still there
		Put:    round(w.outputPuts + probe + documents + float64(stages)),
		Delete: round(3 + pages(keys)), // what was probed with, and the plan
	}
}

func round(x float64) int64 { return int64(math.Round(min(x, 1<<62))) }

// pages is the number of requests for so many keys, at least one.
func pages(keys float64) float64 { return max(math.Ceil(keys/pageKeys), 1) }

// puts is what writing an object of so many octets takes.
func puts(octets float64) float64 {
	if octets <= putPart {
		return 1
	}
	return 2 + math.Ceil(octets/putPart)
}

// extentGets is what reading a flow takes that fell into n extents by chance.
func extentGets(f Flow, n float64) float64 {
	extents := occupied(f.Count, n)
	if extents == 0 {
		return 0
	}
	return extents * growing(f.Octets/extents)
}

// growing is the number of reads for so many octets, the first ones small.
func growing(octets float64) float64 {
	reads, size := 1.0, float64(extentFirst)
	for octets -= size; octets > 0 && size < extentMost; reads++ {
		size *= 2
		octets -= size
	}
	return reads + math.Ceil(max(octets, 0)/extentMost)
}

// segmentGets is what reading one protocol's records of a segment takes: its index, then its blocks, among which those
// of other protocols lie.
func segmentGets(octets float64) float64 { return 1 + max(math.Ceil(octets/segmentAhead), 1) }
