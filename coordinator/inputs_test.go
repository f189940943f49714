package coordinator

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

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
	c := New(Config{}, Deps{Open: open, Now: func() time.Time { return after(0) }})
	_, err := c.listInputs(t.Context(), []string{"/scan/*"})
	if !errors.Is(err, ErrName) || !strings.Contains(err.Error(), `"/scan/\xff\xfe.jsonl"`) {
		t.Errorf("got %v", err)
	}
	if found, err := c.listInputs(t.Context(), []string{"/scan/a*"}); len(found) != 1 || err != nil {
		t.Errorf("got %+v, %v", found, err)
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
		if kept := len(without([]shard.Input{c.scan}, side)) > 0; kept != c.kept {
			t.Errorf("%s %s: kept is %v, want %v", c.scan.Place, c.scan.Key, kept, c.kept)
		}
	}
}
