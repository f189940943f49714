package jobtest

import (
	"context"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/dice-engine/dice/coordinator"
	"github.com/dice-engine/dice/internal/servertest"
	"github.com/dice-engine/dice/internal/servertest/faultproxy"
	"github.com/dice-engine/dice/internal/synth"
	"github.com/dice-engine/dice/shard"
)

// The chaos of an ordinary test run. DICE_CHAOS_ROUNDS and DICE_CHAOS_SEED change it: see make chaos.
const (
	chaosRounds = 6
	chaosSeed   = 1
)

// recovery is how long a job may take once everything is mended.
const recovery = 5 * time.Minute

// tally is what all rounds came to.
type tally struct {
	counts   map[calamity]int
	store    faultproxy.Counts
	commands int // how often the command was given
	tasks    int // that had to be done
	begun    int // attempts at them
	swept    int // work files that killed processes left after publishing
}

// TestChaos runs fleets of real processes on real servers while all of them fail, and wants the bytes of a calm run.
func TestChaos(t *testing.T) {
	rounds, seed := number(t, "DICE_CHAOS_ROUNDS", chaosRounds), number(t, "DICE_CHAOS_SEED", chaosSeed)
	if testing.Short() {
		t.Log("short: one round only")
		rounds = 1
	}
	c, scans := newCluster(t)
	sum := tally{counts: map[calamity]int{}, store: faultproxy.Counts{}}
	calm, tasks := make([]map[string][]byte, len(scans)), make([]int, len(scans))
	for i, scan := range scans {
		var place string
		place, tasks[i] = c.calmRun(t, scan)
		out, err := Open(t.Context(), place)
		if err != nil {
			t.Fatal(err)
		}
		calm[i] = result(t, out)
	}
	failed, began := 0, time.Now()
	for i := range rounds {
		s := newScript(uint64(seed+i), len(scans))
		sum.tasks += tasks[s.Scan]
		if !t.Run(fmt.Sprint(s.Seed), func(t *testing.T) { c.round(t, s, scans[s.Scan], calm[s.Scan], &sum) }) {
			failed++
			t.Logf("the script was\n%s", s)
		}
	}
	t.Logf("%d rounds from seed %d in %v, %d failed", rounds, seed, time.Since(began).Round(time.Second), failed)
	for _, what := range slices.Sorted(maps.Keys(sum.counts)) {
		t.Logf("%5d %s", sum.counts[what], what)
	}
	t.Logf("%5d faults of the store: %s", sum.store.Total(), sum.store)
	t.Logf("%d tasks took %d attempts; the commands were given %d times; %d work files were left by killed processes",
		sum.tasks, sum.begun, sum.commands, sum.swept)
}

func number(t *testing.T, name string, otherwise int) int {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		t.Fatalf("%s=%q: want a number", name, text)
	}
	return n
}

// newCluster starts the servers and uploads the scans.
func newCluster(t *testing.T) (*cluster, []string) {
	t.Helper()
	c := &cluster{minio: servertest.StartMinIO(t), nats: servertest.StartNATS(t)}
	c.bucket, c.calm = c.minio.Bucket(t)
	servertest.SetEnv(t, c.calm)
	var err error
	if c.proxy, err = faultproxy.Start(c.minio.Addr, 1); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.proxy.Close)
	if c.island, err = newIsland(t); err != nil {
		t.Logf("no network is cut here: %v", err)
	}
	var scans []string
	for i, layout := range []string{"jsonl", "jsonl.zst", "parquet", "streams"} {
		made := strings.Replace(layout, "streams", "jsonl", 1)
		dir, _ := scan(t, synth.Config{Rows: 6000, Seed: uint64(20 + i), Layout: made})
		if made != layout {
			streams(t, dir, ".gz", gzipped)
		}
		scans = append(scans, c.bucket+"/scan-"+layout)
		upload(t, dir, scans[i])
	}
	return c, scans
}

// round plays a script and checks what is there at the end.
func (c *cluster) round(t *testing.T, s script, scan string, want map[string][]byte, sum *tally) {
	f := c.newFleet(t, s, scan)
	before := c.proxy.Counts()
	c.proxy.Set(s.Rules...)
	for range s.Workers {
		f.join()
	}
	ctx, cancel := context.WithTimeout(t.Context(), troubled+recovery)
	defer cancel()
	first := f.newLeader()
	over := make(chan struct{})
	var times int
	var failure error
	go func() {
		defer close(over)
		times, failure = f.lead(ctx, first)
	}()
	f.play(over)
	<-over
	begun := f.dismiss()
	if failure != nil {
		t.Fatal(failure)
	}
	out, err := Open(t.Context(), f.command[len(f.command)-1])
	if err != nil {
		t.Fatal(err)
	}
	swept, err := coordinator.Sweep(t.Context(), out, time.Now().Add(time.Hour))
	if err != nil || swept.Unfinished != "" {
		t.Errorf("sweep: %+v, %v", swept, err)
	}
	files := result(t, out)
	sameFiles(t, want, files)
	noWorkFiles(t, out)
	addsUp(t, files)
	c.account(f, before, sum, times, begun, swept.Removed)
	t.Logf("command given %d times, %d attempts, %d files swept", times, begun, swept.Removed)
}

// play lets the events of the script happen in their time, unless the job is over before, and mends everything.
func (f *fleet) play(over <-chan struct{}) {
	began := time.Now()
	var mended sync.WaitGroup
events:
	for _, e := range f.s.Events {
		select {
		case <-over:
			break events
		case <-time.After(time.Until(began.Add(e.At))):
			f.befall(e, &mended)
		}
	}
	mended.Wait()
	f.proxy.Set()
	f.join() // there may be no worker left
}

// account adds a round to the sum.
func (c *cluster) account(f *fleet, before faultproxy.Counts, sum *tally, times, begun, swept int) {
	for what, n := range f.counts {
		sum.counts[what] += n
	}
	for fault, n := range c.proxy.Counts() {
		sum.store[fault] += n - before[fault]
	}
	sum.commands += times
	sum.begun += begun
	sum.swept += swept
}

// addsUp checks the sums of a manifest, and that its files hold what it says.
func addsUp(t *testing.T, files map[string][]byte) {
	t.Helper()
	m := Manifest(t, files)
	var total int64
	for name, r := range m.Protocols {
		if r.Records != r.Output+r.Duplicate+r.Filtered+r.Unlabelled+r.Other+r.Excluded+r.Rejected {
			t.Errorf("%s: %+v does not add up", name, r)
		}
		total += r.Records
	}
	if m.Records.Records != total+m.Records.Other {
		t.Errorf("%d records in all, %d of all protocols", m.Records.Records, total)
	}
	for _, o := range m.Outputs {
		if int64(len(files[o.Key])) != o.Size {
			t.Errorf("%s: %d octets, the manifest says %d", o.Key, len(files[o.Key]), o.Size)
		}
		if strings.HasPrefix(o.Key, shard.WorkPrefix) {
			t.Errorf("%s is no result", o.Key)
		}
	}
}
