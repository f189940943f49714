package inputs

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/dice-engine/dice/internal/store"
	"github.com/dice-engine/dice/shard"
)

// holding lists some keys.
type holding struct {
	store.Bucket
	keys []string
}

func (b holding) List(_ context.Context, _ string, each func(store.Info) error) error {
	for _, key := range b.keys {
		if err := each(store.Info{Key: key}); err != nil {
			return err
		}
	}
	return nil
}

// TestNamesThatNoPlanHolds: a name that is not UTF-8 is refused before anything is done, unless the pattern leaves it out.
func TestNamesThatNoPlanHolds(t *testing.T) {
	open := func(context.Context, string) (store.Bucket, error) {
		return holding{keys: []string{"a.jsonl", "\xff\xfe.jsonl"}}, nil
	}
	_, err := List(t.Context(), []string{"/scan/*"}, "", open)
	if !errors.Is(err, ErrName) || !strings.Contains(err.Error(), `"/scan/\xff\xfe.jsonl"`) {
		t.Errorf("got %v", err)
	}
	if found, err := List(t.Context(), []string{"/scan/a*"}, "", open); len(found) != 1 || err != nil {
		t.Errorf("got %+v, %v", found, err)
	}
}

// TestOwnOutputIsNotRead: what lies in the output is left out, by the folder and by the endpoint that holds it.
func TestOwnOutputIsNotRead(t *testing.T) {
	open := func(context.Context, string) (store.Bucket, error) {
		return holding{keys: []string{"a.jsonl", "out/b.jsonl", "outer/c.jsonl"}}, nil
	}
	for _, c := range []struct {
		pattern, output string
		found           int
	}{
		{"/scans/**", "/scans/out", 2},
		{"/scans/**", "", 3},
		{"s3://scans/**", "s3://scans/out/", 2},
		{"s3://scans/**", "s3://others/out", 3},
		{"s3://scans/**?endpoint=http://a", "s3://scans/out?region=r&endpoint=http://a/", 2},
		{"s3://scans/**?profile=reader", "s3://scans/out?profile=writer", 2},
		{"s3://scans/**?endpoint=http://a", "s3://scans/out?endpoint=http://b", 3},
		{"s3://scans/**?endpoint=http://a", "s3://scans/out", 3},
	} {
		found, err := List(t.Context(), []string{c.pattern}, c.output, open)
		if len(found) != c.found || err != nil {
			t.Errorf("%s into %s: got %d objects, want %d, %v", c.pattern, c.output, len(found), c.found, err)
		}
	}
}

// TestWithoutSideTables: a side table is told from scans by the whole of its path and by its service.
func TestWithoutSideTables(t *testing.T) {
	side := []shard.Input{
		{Place: "/a?b/scan", Key: "certificates.jsonl"},
		{Place: "s3://scans/day?endpoint=http://one", Key: "certificates.jsonl"},
	}
	for _, c := range []struct {
		scan shard.Input
		kept bool
	}{
		{shard.Input{Place: "/a?b/scan/", Key: "certificates.jsonl"}, false},
		{shard.Input{Place: "/a?b", Key: "scan/certificates.jsonl"}, false},
		{shard.Input{Place: "/a?c/scan", Key: "certificates.jsonl"}, true},
		{shard.Input{Place: "/a?b/scan", Key: "zgrab2_mqtt.jsonl"}, true},
		{shard.Input{Place: "s3://scans?endpoint=http://one", Key: "day/certificates.jsonl"}, false},
		{shard.Input{Place: "s3://scans/day?endpoint=http://two", Key: "certificates.jsonl"}, true},
	} {
		if kept := len(Without([]shard.Input{c.scan}, side)) > 0; kept != c.kept {
			t.Errorf("%s %s: kept is %v, want %v", c.scan.Place, c.scan.Key, kept, c.kept)
		}
	}
}
