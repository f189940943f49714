package main

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/dice-engine/dice/internal/estimate"
	"github.com/dice-engine/dice/internal/store"
	"github.com/dice-engine/dice/internal/survey"
	"github.com/dice-engine/dice/shard"
)

// planReport is what dice plan tells programs. Sizes are in octets, times in seconds. docs/operations.md explains it.
type planReport struct {
	Objects       planObjects      `json:"objects"`
	Rows          int64            `json:"rows"`         // of scans
	RowsCounted   bool             `json:"rows_counted"` // in footers, every one; else estimated
	Shards        int              `json:"shards"`
	KeyPartitions int              `json:"key_partitions"`
	InputOctets   int64            `json:"input_octets"`
	ReadOctets    int64            `json:"read_octets"` // of the columns that are needed
	Intermediate  planIntermediate `json:"intermediate"`
	OutputOctets  int64            `json:"output_octets"`
	OutputRows    int64            `json:"output_rows"`
	Stages        []planStage      `json:"stages"`
	CoreSeconds   float64          `json:"core_seconds"` // of all stages, on the machine that was measured
	Requests      planRequests     `json:"requests"`
	Deadline      planDeadline     `json:"deadline"`
	Fleets        []planFleet      `json:"fleets"` // that meet the deadline, by type of machine
	Prices        *estimate.Prices `json:"prices"`
	Measured      planMeasured     `json:"measured"`
	Warnings      []string         `json:"warnings"`
	work          *estimate.Work   // what the rest follows from
}

type planObjects struct {
	Scans      int         `json:"scans"`
	SideTables int         `json:"certificates"`
	Looked     int         `json:"looked_at"`  // the others are taken to be like their neighbours
	Unreadable []planFault `json:"unreadable"` // of those looked at; they count for nothing
}

type planFault struct {
	Object string `json:"object"`
	Error  string `json:"error"`
}

// planIntermediate is what lies in the output beside the result until the job is published.
type planIntermediate struct {
	Texts     int64 `json:"texts"`
	Segments  int64 `json:"segments"`
	Sightings int64 `json:"sightings"`
	Verdicts  int64 `json:"verdicts"`
	Octets    int64 `json:"octets"` // their sum
}

type planStage struct {
	Name        string  `json:"name"`
	Tasks       int64   `json:"tasks"`
	CoreSeconds float64 `json:"core_seconds"`
	Longest     float64 `json:"longest_task_seconds"`
}

type planRequests struct {
	Input        estimate.Requests `json:"input"`
	Output       estimate.Requests `json:"output"`
	InputBilled  bool              `json:"input_billed"` // it is on S3
	OutputBilled bool              `json:"output_billed"`
}

type planDeadline struct {
	Seconds float64 `json:"seconds"`
	Workers int     `json:"workers"` // tasks at a time, a core each
	InTime  bool    `json:"in_time"` // false: no number of workers is fast enough
	Takes   float64 `json:"takes_seconds"`
}

type planFleet struct {
	Instance string  `json:"instance"`
	Machines int     `json:"machines"`
	Workers  int     `json:"workers"`
	InTime   bool    `json:"in_time"`
	Takes    float64 `json:"takes_seconds"`
	Spot     float64 `json:"spot"`      // of the machines
	OnDemand float64 `json:"on_demand"` // likewise
	Requests float64 `json:"requests"`
	Total    float64 `json:"total"` // spot and requests
}

type planMeasured struct {
	Date    string `json:"date"`
	Method  string `json:"method"`
	Machine string `json:"machine"`
}

// newPlanReport makes a report of a plan and of what was found of its objects.
func newPlanReport(job *shard.Plan, found *survey.Findings, output string, m *estimate.Measures) *planReport {
	distant := slices.ContainsFunc(job.Inputs, func(in shard.Input) bool { return isRemote(in.Place) })
	r := &planReport{
		Objects: planObjects{Looked: found.Looked, Unreadable: []planFault{}}, RowsCounted: found.Counted, Shards: len(job.Shards),
		KeyPartitions: job.KeyPartitions, Measured: planMeasured{m.Date, m.Method, m.Machine}, Warnings: []string{},
		Requests: planRequests{InputBilled: distant, OutputBilled: isRemote(output) || output == "" && distant},
	}
	r.count(job)
	r.fill(found.Work(job, m, distant || r.Requests.OutputBilled))
	r.warn(found)
	return r
}

// count counts inputs.
func (r *planReport) count(job *shard.Plan) {
	side := job.SideInputs()
	for i, in := range job.Inputs {
		r.InputOctets += in.Size
		if side[i] {
			r.Objects.SideTables++
		} else {
			r.Objects.Scans++
		}
	}
}

func isRemote(place string) bool { return strings.HasPrefix(place, store.SchemeS3+"://") }

// fill takes over what the work comes to.
func (r *planReport) fill(w *estimate.Work) {
	r.work = w
	r.Rows, r.ReadOctets, r.OutputOctets, r.OutputRows = whole(w.Rows), whole(w.Read), whole(w.Output), whole(w.OutputRows)
	r.Intermediate = planIntermediate{whole(w.Texts), whole(w.Segments), whole(w.Sightings), whole(w.Verdicts), whole(w.Intermediate())}
	r.CoreSeconds = digits(w.CoreSeconds())
	for _, s := range w.Stages {
		r.Stages = append(r.Stages, planStage{s.Name, s.Tasks, digits(s.CPU), digits(s.Longest.CPU + s.Longest.Wait)})
	}
}

// warn says what makes the estimate worse than others, or the job slower.
func (r *planReport) warn(found *survey.Findings) {
	for _, fault := range found.Faults {
		r.Objects.Unreadable = append(r.Objects.Unreadable, planFault{fault.URL, fault.Err.Error()})
	}
	if n := len(found.Whole); n > 0 {
		r.Warnings = append(r.Warnings, fmt.Sprintf("%d objects were compressed in one piece and are not unpacked first, so that one task reads each of them whole, and others in vain: "+
			"let their names end in .gz or .zst and the first piece be no small one, or compress them in pieces; the first is %s", n, found.Whole[0]))
	}
	if n := len(found.Faults); n > 0 && n == r.Objects.Looked {
		r.Warnings = append(r.Warnings, "no object can be read, so nothing is known of them but their sizes")
	}
}

// price finds out who finishes in time, and for how much.
func (r *planReport) price(p *estimate.Prices, deadline time.Duration) {
	r.Prices = p
	workers, ok := r.work.Workers(deadline.Seconds(), 1)
	run := estimate.Run{Workers: workers, Processes: 1, Speed: 1, Poll: pollEvery.Seconds()}
	r.Deadline = planDeadline{deadline.Seconds(), workers, ok, digits(r.work.Seconds(run))}
	r.Requests.Input, r.Requests.Output = r.work.InputRequests(), r.work.OutputRequests(run)
	for _, i := range p.Instances {
		o := r.work.Offer(p, i, deadline.Seconds(), run.Poll, r.Requests.InputBilled, r.Requests.OutputBilled)
		r.Fleets = append(r.Fleets, planFleet{
			i.Name, o.Machines, o.Workers, o.InTime, digits(o.Seconds), digits(o.Spot), digits(o.OnDemand), digits(o.Requests), digits(o.Spot + o.Requests),
		})
	}
}

// whole rounds to a number of things.
func whole(x float64) int64 { return int64(math.Round(min(x, math.MaxInt64/2))) }

// digits rounds to the three digits that an estimate is worth at the most.
func digits(x float64) float64 {
	if x <= 0 || math.IsInf(x, 0) {
		return 0
	}
	scale := math.Pow(10, 2-math.Floor(math.Log10(x)))
	return math.Round(x*scale) / scale
}
