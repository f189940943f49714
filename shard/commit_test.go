package shard

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestFirstLines(t *testing.T) {
	plan, commits := countable()
	got := FirstLines(plan, commits[Map])
	if diff := cmp.Diff([][]int64{{0}, {5}}, got); diff != "" {
		t.Errorf("want - got +\n%s", diff)
	}
}
