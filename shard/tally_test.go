package shard

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// countable is a finished job of one input in two slices.
func countable() (*Plan, map[Stage][]Commit) {
	plan := &Plan{
		Command: Command{Options: Options{Signatures: []string{"mqtt"}}},
		Inputs:  []Input{{URL: "a"}},
		Shards:  []Shard{{Slices: []Slice{{0, 0, 5}}}, {Slices: []Slice{{0, 5, 9}}}},
	}
	slice := SliceCounts{Lines: 5, WithRecords: 3, Empty: 1, Rejected: 1}
	counts := ProtocolCounts{Filtered: 1, Kept: 2, Repeated: 1, Carried: 1}
	one := Commit{Map: &MapResult{Slices: []SliceCounts{slice}, Protocols: []ProtocolCounts{counts}, Records: 3}}
	other := one
	other.Map = &MapResult{Slices: []SliceCounts{slice}, Protocols: []ProtocolCounts{counts}, Records: 3}
	return plan, map[Stage][]Commit{
		Map:   {one, other},
		Reuse: {{Resolve: &ResolveResult{Found: ReuseSummary{Keys: 1}}}},
		Write: {{Write: &WriteResult{
			Output: &Output{Key: "k", Rows: 1}, Rows: 1, Duplicates: 1, Classified: 1, Labels: map[string]int64{"l": 1},
		}}},
	}
}

// count adds all commits up.
func count(p *Plan, commits map[Stage][]Commit) (*Tally, error) {
	tallies := map[Stage]*StageTally{}
	for _, stage := range Stages {
		tallies[stage] = NewStageTally(p, tallies[Map], nil)
		for i := range commits[stage] {
			if err := tallies[stage].Add(&commits[stage][i]); err != nil {
				return nil, err
			}
		}
		if _, err := tallies[stage].End(); err != nil {
			return nil, err
		}
	}
	return Count(p, tallies)
}

func TestCount(t *testing.T) {
	got, err := count(countable())
	if err != nil {
		t.Fatal(err)
	}
	want := Records{Records: 6, Output: 1, Duplicate: 3, Filtered: 2}
	if got.Manifest.Protocols["mqtt"] != want || got.Manifest.Records != want {
		t.Errorf("got %+v, want %+v", got.Manifest.Protocols["mqtt"], want)
	}
	if got.Manifest.Lines != (Lines{10, 6, 2, 2}) || got.Summary.Reuse.Keys != 1 {
		t.Errorf("got %+v, %+v", got.Manifest.Lines, got.Summary)
	}
}

// TestCountNoticesLosses: a record or a row that is unaccounted for fails the job.
func TestCountNoticesLosses(t *testing.T) {
	for name, lose := range map[string]func(map[Stage][]Commit){
		"a kept record":     func(c map[Stage][]Commit) { c[Write][0].Write.Duplicates-- },
		"a filtered record": func(c map[Stage][]Commit) { c[Map][0].Map.Protocols[0].Filtered-- },
		"a line":            func(c map[Stage][]Commit) { c[Map][1].Map.Slices[0].Empty-- },
		"a row of a file":   func(c map[Stage][]Commit) { c[Write][0].Write.Output.Rows-- },
	} {
		plan, commits := countable()
		lose(commits)
		if _, err := count(plan, commits); err == nil {
			t.Errorf("losing %s went unnoticed", name)
		}
	}
}

func TestSlicesFit(t *testing.T) {
	plan, _ := countable()
	plan.Inputs[0].Size = 9
	for _, c := range []struct {
		name string
		a, b SliceCounts
		fits bool
	}{
		{"side by side", SliceCounts{Start: 0, End: 7}, SliceCounts{Start: 7, End: 9}, true},
		{"one member in both", SliceCounts{Start: 0, End: 9}, SliceCounts{}, true},
		{"overlapping", SliceCounts{Start: 0, End: 7}, SliceCounts{Start: 6, End: 9}, false},
		{"with a gap", SliceCounts{Start: 0, End: 6}, SliceCounts{Start: 7, End: 9}, false},
		{"without the end", SliceCounts{Start: 0, End: 7}, SliceCounts{}, false},
		{"after damage", SliceCounts{Start: 0, End: 7, Damaged: true}, SliceCounts{Start: 8, End: 9}, true},
		{"damaged at the end", SliceCounts{Start: 0, End: 7}, SliceCounts{Start: 7, End: 8, Damaged: true}, true},
		{"not compressed", SliceCounts{Lines: 3}, SliceCounts{Lines: 4}, true},
		{"unreadable", SliceCounts{Whole: true, Damaged: true}, SliceCounts{Whole: true, Damaged: true}, true},
		{"unreadable in part", SliceCounts{Lines: 3}, SliceCounts{Whole: true, Damaged: true}, false},
	} {
		tally := NewStageTally(plan, nil, nil)
		for _, counts := range []SliceCounts{c.a, c.b} {
			if err := tally.Add(&Commit{Map: &MapResult{Slices: []SliceCounts{counts}}}); err != nil {
				t.Fatal(err)
			}
		}
		_, err := tally.End()
		var misfit *Misfit
		if fits := err == nil; fits != c.fits || !fits && (!errors.As(err, &misfit) || misfit.Input != 0) {
			t.Errorf("%s: got %v", c.name, err)
		}
	}
}

// TestLeaveOut drops the shards that an input has for itself; a shard of several inputs has done without it.
func TestLeaveOut(t *testing.T) {
	plan := &Plan{Inputs: make([]Input, 4), Shards: []Shard{
		{Slices: []Slice{{Input: 0}}}, {Slices: []Slice{{Input: 1}}}, {Slices: []Slice{{Input: 1}}}, {Slices: []Slice{{Input: 2}, {Input: 3}}},
	}}
	tally := NewStageTally(plan, nil, []int{3, 1, 1})
	var there []bool
	for _, s := range plan.Shards {
		c := &Commit{Map: &MapResult{Slices: make([]SliceCounts, len(s.Slices))}}
		if err := tally.Add(c); err != nil {
			t.Fatal(err)
		}
		there = append(there, c.Map != nil)
	}
	if diff := cmp.Diff([]bool{true, false, false, true}, there); diff != "" {
		t.Errorf("shards that stay: want - got +\n%s", diff)
	}
	end, err := tally.End()
	if diff := cmp.Diff([]int{1, 3}, end.Skipped); diff != "" || err != nil {
		t.Errorf("%v, inputs that are left out: want - got +\n%s", err, diff)
	}
}

// TestForeignCommits: commits that do not go with the plan are errors.
func TestForeignCommits(t *testing.T) {
	plan, commits := countable()
	for name, c := range map[string]Commit{
		"slices that the shard has not":   {Map: &MapResult{Slices: make([]SliceCounts, 2)}},
		"protocols that nobody asked for": {Map: &MapResult{Slices: make([]SliceCounts, 1), Protocols: make([]ProtocolCounts, 2)}},
		"a part of the output before map": commits[Write][0],
		"a stream that was not planned":   {Unpack: &UnpackResult{}},
	} {
		if err := NewStageTally(plan, nil, nil).Add(&c); err == nil {
			t.Errorf("%s: got no error", name)
		}
	}
	tally := NewStageTally(plan, nil, nil)
	for range plan.Shards {
		if err := tally.Add(&commits[Map][0]); err != nil {
			t.Fatal(err)
		}
	}
	if err := tally.Add(&commits[Map][0]); err == nil {
		t.Error("a shard too many: got no error")
	}
}

// TestTextsThatDoNotFit: blocks that cannot be those of the text are an error.
func TestTextsThatDoNotFit(t *testing.T) {
	plan, _ := countable()
	plan.Streams = []int{0}
	good := UnpackResult{Text: &Blob{Size: 10}, Size: BlockText + 1, Blocks: []int64{7, 3}}
	for name, change := range map[string]func(*UnpackResult){
		"none":                     nil,
		"a block too many":         func(u *UnpackResult) { u.Blocks = []int64{7, 2, 1} },
		"blocks of another length": func(u *UnpackResult) { u.Blocks = []int64{7, 4} },
		"an empty block":           func(u *UnpackResult) { u.Blocks = []int64{10, 0} },
		"a negative block":         func(u *UnpackResult) { u.Blocks = []int64{12, -2} },
		"no text":                  func(u *UnpackResult) { u.Size = 0 },
	} {
		u := good
		if change != nil {
			change(&u)
		}
		if err := NewStageTally(plan, nil, nil).Add(&Commit{Unpack: &u}); (err == nil) != (change == nil) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}
