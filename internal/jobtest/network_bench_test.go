package jobtest

import (
	"fmt"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/dice-engine/dice/internal/servertest"
	"github.com/dice-engine/dice/internal/synth"
	"github.com/dice-engine/dice/shard"
)

// BenchmarkNetwork: a job that reads its input from MinIO on the same machine against one that reads a folder, in turn, and
// what it asks of MinIO: go test -run '^$' -bench Network -benchtime 5x ./internal/jobtest
func BenchmarkNetwork(b *testing.B) {
	for _, layout := range []string{"parquet", "jsonl"} {
		b.Run(layout, func(b *testing.B) {
			dir, _ := scan(b, synth.Config{Rows: 1_000_000, Seed: 3, Layout: layout})
			url, env := servertest.Bucket(b)
			servertest.SetEnv(b, env)
			upload(b, dir, url+"/scan")
			pattern := map[string]string{"parquet": "/protocol=*", "jsonl": "/zgrab2_*"}[layout]
			var ratios []float64
			for b.Loop() {
				local := classifyWall(b, dir+pattern)
				ratios = append(ratios, classifyWall(b, url+"/scan"+pattern).Seconds()/local.Seconds())
			}
			slices.Sort(ratios)
			b.ReportMetric(ratios[0], "min-ratio")
			b.ReportMetric(ratios[len(ratios)/2], "median-ratio")
			b.ReportMetric(ratios[len(ratios)-1], "max-ratio")
			reportRequests(b, url+"/scan"+pattern, sizeOf(b, dir+pattern+map[string]string{"parquet": "/*.parquet"}[layout]))
			b.ReportMetric(0, "ns/op")
		})
	}
}

// classifyWall is how long a process takes for a job whose result goes to a folder.
func classifyWall(b *testing.B, files string) time.Duration {
	b.Helper()
	began := time.Now()
	p := start(b, build(b), "classify", "--mode", "all", "-f", files, "-o", filepath.Join(b.TempDir(), fmt.Sprint(began.UnixNano())))
	if code := p.wait(b); code != 0 {
		b.Fatalf("exit %d: %s", code, p.output.String())
	}
	return time.Since(began)
}

// reportRequests runs the job once more and counts.
func reportRequests(b *testing.B, files string, size int64) {
	b.Helper()
	command := Command(files)
	command.Options.Mode, command.Options.ShardBytes = shard.All, 64<<20
	output := b.TempDir()
	counted := newCalls(output)
	Run(b, Options{Command: command, Output: output, Door: counted.door})
	requests, read := counted.requests(false)
	b.ReportMetric(float64(requests.Get)/(float64(size)/(1<<30)), "reads/GiB")
	b.ReportMetric(float64(read)/float64(size), "octets-read/size")
}
