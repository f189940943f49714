package coordinator

import (
	"errors"
	"runtime"
	"strings"
	"testing"

	"github.com/dice-engine/dice/shard"
)

// TestTooManyShardsAreNotMade: the plan is refused before it takes memory, as a shard size that lacks its unit asks for
// billions.
func TestTooManyShardsAreNotMade(t *testing.T) {
	c := &Coordinator{cfg: Config{Command: shard.Command{Options: shard.Options{ShardBytes: 64}}}}
	in := &planned{
		scans: []shard.Input{{URL: "a", Size: 64 * shard.MaxShards}},
		side:  []shard.Input{{URL: "b", Size: 64 * 2}},
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err := c.makePlan("digest", in)
	runtime.ReadMemStats(&after)
	if !errors.Is(err, ErrFailed) || !strings.Contains(err.Error(), "16777218 shards") || !strings.Contains(err.Error(), "--shard-size") {
		t.Errorf("got %v", err)
	}
	if took := after.TotalAlloc - before.TotalAlloc; took > 1<<20 {
		t.Errorf("it took %d octets", took)
	}
}
