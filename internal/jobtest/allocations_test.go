//go:build !race

package jobtest

import (
	"path/filepath"
	"runtime"
	"testing"

	"github.com/dice-engine/dice/internal/synth"
)

// TestAllocationsPerRow guards what jobs cost by what can be counted on any machine: objects and octets that are
// allocated for a row of the scan. A limit is at most a fifth over what was measured; one that is met no more calls for a look at
// what was added, or for a new figure in the commit that is worth it. The race detector allocates by itself.
func TestAllocationsPerRow(t *testing.T) {
	const rows = 100_000
	for _, c := range []struct {
		name            string
		synth           synth.Config
		pattern         string
		objects, octets float64
	}{
		{"parquet", synth.Config{Layout: "parquet"}, "protocol=*", 7.5, 3100},
		{"lines", synth.Config{Layout: "jsonl"}, "zgrab2_*", 7.7, 3500},
		{"distinct", synth.Config{Layout: "parquet", Distinct: true}, "protocol=*", 22, 5200},
	} {
		c.synth.Rows, c.synth.Seed = rows, 8
		dir, _ := scan(t, c.synth)
		command := Command(filepath.Join(dir, c.pattern))
		command.Certificates = []string{filepath.Join(dir, "certificates.*")}
		command.Options.Mode = "all"
		command.Options.ShardBytes = 16 << 20
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		Run(t, Options{Command: command})
		runtime.ReadMemStats(&after)
		objects, octets := float64(after.Mallocs-before.Mallocs)/rows, float64(after.TotalAlloc-before.TotalAlloc)/rows
		t.Logf("%s: %.1f objects and %.0f octets a row", c.name, objects, octets)
		if objects > c.objects || octets > c.octets {
			t.Errorf("%s: %.1f objects and %.0f octets a row, at most %.1f and %.0f", c.name, objects, octets, c.objects, c.octets)
		}
	}
}
