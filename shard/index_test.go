package shard

import (
	"errors"
	"slices"
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
	l := newLayout(2, 10)
	for i, c := range commits {
		l.add(i, c.Map)
	}
	got := l.partitions()
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

// written is an index of three tasks.
func written(t *testing.T, commits []Commit, end IndexEnd) []byte {
	t.Helper()
	w := NewIndexWriter()
	for i := range commits {
		if err := w.Add(&commits[i]); err != nil {
			t.Fatal(err)
		}
	}
	body, err := w.End(end)
	if err != nil {
		t.Fatal(err)
	}
	return body
}

func TestIndexComesBack(t *testing.T) {
	want := &Index{
		Commits:  []Commit{mapped(ProtocolCounts{Kept: 5}), {Task: 1}, {Write: &WriteResult{Rows: 3}}},
		IndexEnd: IndexEnd{Tasks: 3, Skipped: []int{2}, Partitions: []Partition{{Protocol: 1, From: 2, To: 5, Part: 1}}},
	}
	got, err := ReadIndex(written(t, want.Commits, want.IndexEnd))
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v, want - got +\n%s", err, diff)
	}
}

// TestDamagedIndexIsNoticed: an index that is not whole, or has an octet that matters damaged, is an error.
func TestDamagedIndexIsNoticed(t *testing.T) {
	want := &Index{Commits: make([]Commit, 3), IndexEnd: IndexEnd{Tasks: 3}}
	whole := written(t, want.Commits, want.IndexEnd)
	for n := range whole {
		if _, err := ReadIndex(whole[:n]); err == nil {
			t.Errorf("cut off after %d octets: got no error", n)
		}
	}
	for i := range whole {
		damaged := slices.Clone(whole)
		damaged[i] ^= 0x10
		got, err := ReadIndex(damaged)
		if err == nil && !cmp.Equal(want, got) {
			t.Errorf("octet %d of %d damaged: got no error, and another index", i, len(whole))
		}
	}
	for name, end := range map[string]IndexEnd{"a commit too many": {Tasks: 2}, "a commit missing": {Tasks: 4}} {
		if _, err := ReadIndex(written(t, want.Commits, end)); err == nil {
			t.Errorf("%s: got no error", name)
		}
	}
}

func TestScanIndexStops(t *testing.T) {
	stop := errors.New("stop")
	_, err := ScanIndex(written(t, make([]Commit, 3), IndexEnd{Tasks: 3}), func(*Commit) error { return stop })
	if !errors.Is(err, stop) {
		t.Errorf("got %v, want the error of each", err)
	}
}
