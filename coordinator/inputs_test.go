package coordinator

import (
	"testing"

	"github.com/dice-engine/dice/shard"
)

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
