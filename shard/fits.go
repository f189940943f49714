package shard

import "fmt"

// Misfit is the error of an input whose slices do not fit together.
type Misfit struct {
	Input int // place in Plan.Inputs
	text  string
}

func (m *Misfit) Error() string { return m.text }

// unknown is where a damaged slice ends.
const unknown = -1

// fitting follows the slices of one input.
type fitting struct {
	slices int
	whole  bool  // the first slice said that the object as a whole cannot be read
	end    int64 // of the last member, of a compressed object
}

// fits checks that the slices of every input fit together. Either all of them could read the object, or none. Those of a
// compressed object cover it: each begins with the member after the last one of the slice before, and the last member ends
// with the object. Where one was damaged nobody knows, and its reject says what is lost.
type fits struct {
	plan   *Plan
	inputs []fitting
	fault  error // a Misfit: the first that was found
}

func newFits(p *Plan) *fits { return &fits{plan: p, inputs: make([]fitting, len(p.Inputs))} }

// add takes what map found in the next shard; m is nil where there is nothing of it.
func (f *fits) add(shard int, m *MapResult) {
	if m == nil {
		return
	}
	for k, slice := range f.plan.Shards[shard].Slices {
		if err := f.inputs[slice.Input].check(f.plan, slice.Input, m.Slices[k]); err != nil && f.fault == nil {
			f.fault = err
		}
	}
}

// end returns a Misfit for the first input whose slices do not fit together.
func (f *fits) end() error {
	if f.fault != nil {
		return f.fault
	}
	for input, of := range f.inputs {
		if size := f.plan.Inputs[input].Size; of.end > 0 && of.end != size {
			return misfit(f.plan, input, "its last member ends at %d of %d octets", of.end, size)
		}
	}
	return nil
}

func (f *fitting) check(p *Plan, input int, counts SliceCounts) error {
	f.slices++
	switch {
	case f.slices == 1:
		f.whole = counts.Whole
	case f.whole != counts.Whole:
		return misfit(p, input, "one part of it could be read, and another could not")
	}
	if counts.Damaged {
		f.end = unknown
	}
	if counts.End == 0 {
		return nil
	}
	if f.end != unknown && counts.Start != f.end {
		return misfit(p, input, "what was taken for a member at offset %d is none, or the one before %d is damaged; "+
			"use a --shard-size over the object's size", counts.Start, counts.Start)
	}
	if !counts.Damaged {
		f.end = counts.End
	}
	return nil
}

func misfit(p *Plan, input int, format string, args ...any) error {
	return &Misfit{Input: input, text: p.Inputs[input].URL + ": " + fmt.Sprintf(format, args...)}
}
