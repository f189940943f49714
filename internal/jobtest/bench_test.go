package jobtest

import (
	"os"
	"strconv"
	"testing"

	"github.com/dice-engine/dice/internal/synth"
	"github.com/dice-engine/dice/shard"
)

// BenchmarkJob classifies a synthetic scan from plan to publish on one slot. DICE_BENCH_ROWS sets its size.
func BenchmarkJob(b *testing.B) {
	rows := int64(200_000)
	if s := os.Getenv("DICE_BENCH_ROWS"); s != "" {
		n, err := strconv.ParseInt(s, 10, 64)
		if err != nil {
			b.Fatal(err)
		}
		rows = n
	}
	for _, c := range []struct {
		name     string
		layout   string
		distinct bool
		mode     shard.Mode
	}{
		{"parquet/all", "parquet", false, shard.All},
		{"parquet/labelled", "parquet", false, shard.Labelled},
		{"parquet/distinct", "parquet", true, shard.All},
		{"jsonl/all", "jsonl", false, shard.All},
	} {
		b.Run(c.name, func(b *testing.B) {
			dir, _ := scan(b, synth.Config{Rows: rows, Seed: 1, Layout: c.layout, Distinct: c.distinct})
			command := scanCommand(dir)
			command.Options.Mode = c.mode
			command.Options.ShardBytes = 64 << 20
			b.ReportAllocs()
			for b.Loop() {
				Run(b, Options{Command: command, Output: b.TempDir()})
			}
			b.ReportMetric(float64(rows)*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
		})
	}
}
