package shard

import (
	"fmt"
	"slices"
	"strings"
)

// StageTally is what the commits of a stage add up to. It is all that a coordinator keeps of them.
type StageTally struct {
	IndexEnd
	Failures []Failure // what was given up, in the order of tasks

	plan   *Plan
	mapped *StageTally  // for a tally of write
	skips  map[int]bool // Skipped
	layout *layout
	fits   *fits

	lines, sideLines Lines
	inputs           []inputLines
	read             int64     // records, as they were counted when they were read
	loose            Records   // those of other protocols, and the rejected ones whose protocol is unknown
	rejects          int64     // entries of the rejects table
	records          []Records // by signature
	successes, kept  []int64   // by signature
	reuse            ReuseSummary
	outputs          []Output
	summaries        []ProtocolSummary // by signature
	fault            error             // the first that was found
}

// NewStageTally begins the tally of a stage; skipped are inputs that map's result is without. Mapped is the tally of map,
// for the stages after it.
func NewStageTally(p *Plan, mapped *StageTally, skipped []int) *StageTally {
	names := p.Command.Options.Signatures
	t := &StageTally{
		plan: p, mapped: mapped, skips: map[int]bool{},
		layout: newLayout(len(names), p.Command.Options.PartitionRows), fits: newFits(p), inputs: make([]inputLines, len(p.Inputs)),
		records: make([]Records, len(names)), successes: make([]int64, len(names)), kept: make([]int64, len(names)),
		summaries: make([]ProtocolSummary, len(names)),
	}
	for i := range t.summaries {
		t.summaries[i].Labels = map[string]int64{}
	}
	t.Skipped = slices.Compact(slices.Sorted(slices.Values(skipped)))
	for _, input := range t.Skipped {
		t.skips[input] = true
	}
	return t
}

// Add takes the commit of the next task. It takes what map found out of it, if the input is skipped: one that is cut into
// several shards has these for itself; the task of a shard of several inputs has done without it. A commit that does not
// go with the plan is an error.
func (t *StageTally) Add(c *Commit) error {
	task := t.Tasks
	if !t.fit(task, c) {
		return fmt.Errorf("commit record of task %d does not go with the plan", task)
	}
	t.Tasks++
	for _, f := range c.Skipped {
		f.Task = task
		t.Failures = append(t.Failures, f)
	}
	if c.Map != nil {
		if s := t.plan.Shards[task].Slices; len(s) == 1 && t.skips[s[0].Input] {
			c.Map = nil
		}
	}
	if c.Map != nil {
		t.addMap(task, c.Map)
	}
	if c.Resolve != nil {
		t.addResolve(c.Resolve)
	}
	if c.Write != nil {
		t.addWrite(task, c.Write)
	}
	return nil
}

// fit says whether what a commit tells of is in the plan.
func (t *StageTally) fit(task int, c *Commit) bool {
	if u := c.Unpack; u != nil {
		return task < len(t.plan.Streams) && u.fit()
	}
	if m := c.Map; m != nil {
		return task < len(t.plan.Shards) && len(m.Slices) == len(t.plan.Shards[task].Slices) && len(m.Protocols) <= len(t.records)
	}
	return c.Write == nil || t.mapped != nil && task < len(t.mapped.Partitions)
}

// End completes the tally. It returns what the stage's index ends with, or a Misfit when the slices of an input do not
// fit together.
func (t *StageTally) End() (IndexEnd, error) {
	t.Partitions = t.layout.partitions()
	err := t.fits.end()
	t.layout, t.fits = nil, nil
	return t.IndexEnd, err
}

func (t *StageTally) addMap(task int, m *MapResult) {
	t.layout.add(task, m)
	t.fits.add(task, m)
	lines, side := &t.lines, t.plan.Shards[task].Side
	if side {
		lines = &t.sideLines
	}
	for i, s := range m.Slices {
		if of := &t.inputs[t.plan.Shards[task].Slices[i].Input]; !side {
			of.empty += s.Empty
			of.held = of.held || s.WithRecords+s.Rejected > 0
		}
		lines.Lines += s.Lines
		lines.WithRecords += s.WithRecords
		lines.Empty += s.Empty
		lines.Rejected += s.Rejected
	}
	t.read += m.Records
	t.loose.Other += m.Other
	t.loose.Rejected += m.Strays
	t.rejects += m.Rejects
	for k, counts := range m.Protocols {
		r := &t.records[k]
		r.Excluded += counts.Excluded
		r.Rejected += counts.Rejected
		r.Filtered += counts.Filtered
		r.Duplicate += counts.Repeated
		t.kept[k] += counts.Kept
		t.successes[k] += counts.Successes
	}
}

func (t *StageTally) addResolve(r *ResolveResult) {
	t.reuse.Certificates += r.Found.Certificates
	t.reuse.Keys += r.Found.Keys
	if r.Output != nil {
		t.outputs = append(t.outputs, *r.Output)
	}
}

func (t *StageTally) addWrite(task int, w *WriteResult) {
	if w.Output != nil {
		t.outputs = append(t.outputs, *w.Output)
	}
	k := t.mapped.Partitions[task].Protocol
	if k == len(t.records) {
		return
	}
	if w.Output != nil && w.Output.Rows != w.Rows && t.fault == nil {
		t.fault = fmt.Errorf("%s: %d rows in the file, %d written", w.Output.Key, w.Output.Rows, w.Rows)
	}
	t.records[k].Output += w.Rows
	t.records[k].Duplicate += w.Duplicates
	t.records[k].Unlabelled += w.Unlabelled
	s := &t.summaries[k]
	s.Flagged += w.Rows + w.Unlabelled
	s.Classified += w.Classified
	for label, n := range w.Labels {
		s.Labels[label] += n
	}
}

// inputLines is what is known of the lines of a scan.
type inputLines struct {
	empty int64 // without a record
	held  bool  // others are there
}

// Barren is a scan none of whose lines holds a record.
type Barren struct {
	URL   string
	Lines int64
}

// barren lists such scans, in the order of the inputs.
func (t *StageTally) barren() (list []Barren) {
	for i, of := range t.inputs {
		if of.empty > 0 && !of.held {
			list = append(list, Barren{t.plan.Inputs[i].URL, of.empty})
		}
	}
	return list
}

// Tally is what a finished job adds up to.
type Tally struct {
	Manifest  *Manifest
	Summary   *Summary
	Barren    []Barren
	Successes []int64 // by signature
	Kept      []int64 // by signature
}

// Count makes manifest and summary of the tallies of all stages. It fails when a row or a record is unaccounted for.
func Count(p *Plan, stages map[Stage]*StageTally) (*Tally, error) {
	mapped, shared, written := stages[Map], stages[Reuse], stages[Write]
	if written.fault != nil {
		return nil, written.fault
	}
	m := &Manifest{
		ResultVersion: ResultVersion, Digest: p.Digest, Command: p.Command,
		Lines: mapped.lines, SideLines: mapped.sideLines, Records: mapped.loose, Rejects: mapped.rejects,
		Protocols: map[string]Records{}, Skipped: []ManifestInput{}, Inputs: []ManifestInput{}, Side: []ManifestInput{},
		Outputs: append(append([]Output{}, shared.outputs...), written.outputs...),
	}
	slices.SortFunc(m.Outputs, func(a, b Output) int { return strings.Compare(a.Key, b.Key) })
	countInputs(p, m)
	for _, i := range mapped.Skipped {
		m.Skipped = append(m.Skipped, manifestInput(p.Inputs[i]))
	}
	s := &Summary{Protocols: map[string]ProtocolSummary{}, Skipped: m.Skipped, Reuse: shared.reuse}
	for i, name := range p.Command.Options.Signatures {
		r := mapped.records[i]
		r.add(written.records[i])
		if kept := r.Output + r.Duplicate + r.Unlabelled; kept != mapped.kept[i] {
			return nil, fmt.Errorf("%s: %d records passed the filter, %d are accounted for", name, mapped.kept[i], kept)
		}
		r.sum()
		m.Protocols[name] = r
		m.Records.add(r)
		s.Protocols[name] = written.summaries[i]
	}
	if m.Records.sum(); m.Records.Records != mapped.read {
		return nil, fmt.Errorf("%d records were read, %d are accounted for", mapped.read, m.Records.Records)
	}
	s.Lines, s.Records, s.Rejects = m.Lines, m.Records, m.Rejects
	return &Tally{Manifest: m, Summary: s, Barren: mapped.barren(), Successes: mapped.successes, Kept: mapped.kept}, checkLines(m)
}

func manifestInput(in Input) ManifestInput {
	return ManifestInput{URL: in.URL, Size: in.Size, ETag: in.ETag}
}

func checkLines(m *Manifest) error {
	for _, l := range []Lines{m.Lines, m.SideLines} {
		if l.Lines != l.WithRecords+l.Empty+l.Rejected {
			return fmt.Errorf("%d rows were read, %d with records, %d empty and %d rejected ones are accounted for",
				l.Lines, l.WithRecords, l.Empty, l.Rejected)
		}
	}
	return nil
}

func countInputs(p *Plan, m *Manifest) {
	side := p.SideInputs()
	for i, in := range p.Inputs {
		entry := manifestInput(in)
		if side[i] {
			m.Side = append(m.Side, entry)
		} else {
			m.Inputs = append(m.Inputs, entry)
		}
	}
}

func (r *Records) add(o Records) {
	r.Output += o.Output
	r.Duplicate += o.Duplicate
	r.Filtered += o.Filtered
	r.Unlabelled += o.Unlabelled
	r.Other += o.Other
	r.Excluded += o.Excluded
	r.Rejected += o.Rejected
}

func (r *Records) sum() {
	r.Records = r.Output + r.Duplicate + r.Filtered + r.Unlabelled + r.Other + r.Excluded + r.Rejected
}
