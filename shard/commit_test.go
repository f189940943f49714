package shard

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func mapped(counts ...ProtocolCounts) Commit { return Commit{Map: &MapResult{Protocols: counts}} }

func TestPartitions(t *testing.T) {
	commits := []Commit{
		mapped(ProtocolCounts{Kept: 5, Carried: 5}, ProtocolCounts{}),
		mapped(ProtocolCounts{Kept: 5, Carried: 5}, ProtocolCounts{Kept: 3}),
		mapped(ProtocolCounts{Kept: 1, Carried: 1}, ProtocolCounts{}),
		{Map: &MapResult{Rejects: 2}}, // a side table's
	}
	got := Partitions(commits, 2, 10)
	want := []Partition{
		{Protocol: 0, From: 0, To: 2, Part: 0},
		{Protocol: 0, From: 2, To: 3, Part: 1},
		{Protocol: 1, From: 1, To: 2, Part: 0},
		{Protocol: 2, From: 3, To: 4, Part: 0},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("want - got +\n%s", diff)
	}
}

// countable is a finished job of one input in two slices.
func countable() (*Plan, map[Stage]*Index) {
	plan := &Plan{
		Command: Command{Options: Options{Signatures: []string{"mqtt"}}},
		Inputs:  []Input{{URL: "a"}},
		Shards:  []Shard{{Slices: []Slice{{0, 0, 5}}}, {Slices: []Slice{{0, 5, 9}}}},
	}
	slice := SliceCounts{Lines: 5, WithRecords: 3, Empty: 1, Rejected: 1}
	counts := ProtocolCounts{Filtered: 1, Kept: 2, Repeated: 1, Carried: 1}
	one := Commit{Map: &MapResult{Slices: []SliceCounts{slice}, Protocols: []ProtocolCounts{counts}, Records: 3}}
	return plan, map[Stage]*Index{
		Map:   {Commits: []Commit{one, one}, Partitions: []Partition{{Protocol: 0, From: 0, To: 2}}},
		Reuse: {Commits: []Commit{{Resolve: &ResolveResult{Found: ReuseSummary{Keys: 1}}}}},
		Write: {Commits: []Commit{{Write: &WriteResult{
			Output: &Output{Key: "k", Rows: 1}, Rows: 1, Duplicates: 1, Classified: 1, Labels: map[string]int64{"l": 1},
		}}}},
	}
}

func TestCount(t *testing.T) {
	plan, indexes := countable()
	got, err := Count(plan, indexes)
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
	for name, lose := range map[string]func(map[Stage]*Index){
		"a kept record":     func(i map[Stage]*Index) { i[Write].Commits[0].Write.Duplicates-- },
		"a filtered record": func(i map[Stage]*Index) { i[Map].Commits[0].Map.Protocols[0].Filtered-- },
		"a line":            func(i map[Stage]*Index) { i[Map].Commits[1].Map.Slices[0].Empty-- },
		"a row of a file":   func(i map[Stage]*Index) { i[Write].Commits[0].Write.Output.Rows-- },
	} {
		plan, indexes := countable()
		lose(indexes)
		if _, err := Count(plan, indexes); err == nil {
			t.Errorf("losing %s went unnoticed", name)
		}
	}
}

func TestCheckSlices(t *testing.T) {
	plan, indexes := countable()
	commits := indexes[Map].Commits
	commits[0].Map = &MapResult{Slices: []SliceCounts{{Start: 0, End: 7}}}
	commits[1].Map = &MapResult{Slices: []SliceCounts{{Start: 7, End: 9}}}
	if err := CheckSlices(plan, commits); err != nil {
		t.Error(err)
	}
	commits[1].Map.Slices[0].Start = 6
	if CheckSlices(plan, commits) == nil {
		t.Error("slices that do not fit together went unnoticed")
	}
	commits[0].Map.Slices[0].Damaged = true
	if err := CheckSlices(plan, commits); err != nil {
		t.Errorf("after a damaged slice: %v", err)
	}
}

func TestFirstLines(t *testing.T) {
	plan, indexes := countable()
	got := FirstLines(plan, indexes[Map].Commits)
	if diff := cmp.Diff([][]int64{{0}, {5}}, got); diff != "" {
		t.Errorf("want - got +\n%s", diff)
	}
}
