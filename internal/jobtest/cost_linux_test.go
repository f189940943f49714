//go:build !race

package jobtest

import (
	"bufio"
	"encoding/json"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/dice-engine/dice/internal/synth"
	"github.com/dice-engine/dice/shard"
)

// TestCost guards what a job costs by a ratio that hardly depends on the machine: its processor time, from plan to publish,
// to that of encoding/json decoding the same lines into maps. The limit is half over what was measured; one that is met no
// more calls for a profile of what was added. The race detector slows the two down unequally.
func TestCost(t *testing.T) {
	const most = 1.4
	dir, _ := scan(t, synth.Config{Layout: "jsonl", Rows: 100_000, Seed: 8})
	pattern := filepath.Join(dir, "zgrab2_*")
	command := Command(pattern)
	command.Options.Mode, command.Options.ShardBytes = shard.All, 16<<20
	var job, reference time.Duration
	for i := range 3 {
		j := cost(t, func() { Run(t, Options{Command: command}) })
		r := cost(t, func() { decodeLines(t, pattern) })
		if i == 0 || j < job {
			job = j
		}
		if i == 0 || r < reference {
			reference = r
		}
	}
	ratio := job.Seconds() / reference.Seconds()
	t.Logf("a job takes %v, encoding/json %v: %.2f", job, reference, ratio)
	if ratio > most {
		t.Errorf("a job costs %.2f of what encoding/json takes, at most %.2f", ratio, most)
	}
}

// cost is the processor time that this process takes for something.
func cost(t *testing.T, do func()) time.Duration {
	t.Helper()
	used := func() time.Duration {
		var u syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
			t.Fatal(err)
		}
		return time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	before := used()
	do()
	return used() - before
}

func decodeLines(t *testing.T, pattern string) {
	t.Helper()
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) == 0 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, name := range files {
		file, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		decoder := json.NewDecoder(bufio.NewReader(file))
		for decoder.More() {
			var line any
			if err := decoder.Decode(&line); err != nil {
				t.Fatal(err)
			}
		}
		file.Close()
	}
}
