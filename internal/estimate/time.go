package estimate

import (
	"math"
	"sort"
)

// leaderTrips is how often the coordinator waits for the store before the first stage and after the last one, and
// stageTrips how often in a stage, beside the listings and the commit records that make its index.
const (
	leaderTrips = 24
	stageTrips  = 3
)

// Seconds is how long a job takes that nothing interrupts.
func (w *Work) Seconds(run Run) float64 {
	total := leaderTrips * w.latency
	for _, s := range w.Stages {
		n := float64(s.Tasks)
		total += s.seconds(run.Workers, run.Speed) + w.latency*(stageTrips+n/parallelGets+3*pages(n))
	}
	return total
}

// seconds is the bound for any order of tasks: an even share for each worker, and the longest task once more.
func (s Stage) seconds(workers int, speed float64) float64 {
	if s.Tasks == 0 {
		return 0
	}
	n := math.Min(float64(workers), float64(s.Tasks))
	return s.CPU/speed/n + s.Wait/n + (1-1/n)*s.Longest.seconds(speed)
}

// CoreSeconds is the computing of all stages, on a core of the machine that was measured.
func (w *Work) CoreSeconds() float64 {
	total := 0.0
	for _, s := range w.Stages {
		total += s.CPU
	}
	return total
}

// useful is the number of workers beyond which nobody has anything to do.
func (w *Work) useful() int {
	most := int64(1)
	for _, s := range w.Stages {
		most = max(most, s.Tasks)
	}
	return int(most)
}

// Workers is the least number of workers that finish in so many seconds. Where none does, it is the least number that
// comes within a tenth of the fastest, and ok is false.
func (w *Work) Workers(seconds, speed float64) (n int, ok bool) {
	run := func(n int) float64 { return w.Seconds(Run{Workers: n, Speed: speed}) }
	most := w.useful()
	fastest := run(most)
	ok = fastest <= seconds
	if !ok {
		seconds = 1.1 * fastest
	}
	return 1 + sort.Search(most-1, func(i int) bool { return run(i+1) <= seconds }), ok
}
