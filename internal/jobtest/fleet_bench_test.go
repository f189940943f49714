package jobtest

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/dice-engine/dice/internal/queue"
	"github.com/dice-engine/dice/internal/servertest"
	"github.com/dice-engine/dice/internal/servertest/faultproxy"
	"github.com/dice-engine/dice/internal/synth"
)

// The figures of docs/performance.md on fleets: go test -run '^$' -bench Fleet -benchtime 1x ./internal/jobtest

// processorTime is what a process that has ended took.
func processorTime(p *process) time.Duration {
	return p.ProcessState.UserTime() + p.ProcessState.SystemTime()
}

// fleetRun is a job of a coordinator without workers of its own, and of workers on the same machine.
type fleetRun struct {
	coordinator time.Duration // processor time
	memory      float64       // of the coordinator, MiB
	wall        time.Duration
	tasks       int
}

// runFleet runs a job and measures its processes.
func runFleet(b *testing.B, workers, slots int, args ...string) fleetRun {
	b.Helper()
	address, began := freeAddress(b), time.Now()
	lead := start(b, build(b), append(append([]string{"classify"}, args...), "-o", filepath.Join(b.TempDir(), "out"), "--workers", "0", "--listen", address)...)
	var hands []*process
	for range workers {
		hands = append(hands, start(b, build(b), "--log-level", "debug", "worker", "--nats", "nats://"+address, "--workers", strconv.Itoa(slots)))
	}
	var r fleetRun
	peak := peakOf(lead)
	code := lead.waitAtMost(b, 10*time.Minute)
	r.wall = time.Since(began)
	r.memory = peak()
	if code != 0 {
		b.Fatalf("exit %d: %s", code, lead.output.String())
	}
	r.coordinator = processorTime(lead)
	for _, p := range hands {
		if err := p.Process.Signal(syscall.SIGTERM); err != nil {
			b.Fatal(err)
		}
		p.wait(b)
		r.tasks += attempts(p.output.String())
	}
	return r
}

func sizeOf(b *testing.B, pattern string) (size int64) {
	b.Helper()
	files, err := filepath.Glob(pattern)
	if err != nil {
		b.Fatal(err)
	}
	for _, file := range files {
		info, err := os.Stat(file)
		if err != nil {
			b.Fatal(err)
		}
		size += info.Size()
	}
	return size
}

// BenchmarkFleetShards: what a task costs the coordinator, its embedded queue included, as the number of shards grows.
func BenchmarkFleetShards(b *testing.B) {
	dir, _ := scan(b, synth.Config{Rows: 20_000, Seed: 1, Layout: "jsonl"})
	for _, shards := range []int64{100, 1000, 10_000, 40_000} {
		b.Run(fmt.Sprint(shards), func(b *testing.B) {
			for b.Loop() {
				r := runFleet(b, 1, 2, "-f", dir+"/zgrab2_*", "--shard-size", fmt.Sprint(sizeOf(b, dir+"/zgrab2_*")/shards))
				b.ReportMetric(float64(r.coordinator.Microseconds())/1000/float64(r.tasks), "coordinator-ms/task")
				b.ReportMetric(r.memory, "coordinator-MiB")
				b.ReportMetric(float64(r.tasks)/r.wall.Seconds(), "tasks/s")
				b.ReportMetric(0, "ns/op")
			}
		})
	}
}

// BenchmarkFleetScaling: two workers against one, of one slot each, and how idle the coordinator is meanwhile.
func BenchmarkFleetScaling(b *testing.B) {
	b.Setenv("GOMAXPROCS", "1") // a worker is a core
	rows := 4_000_000
	dir, _ := scan(b, synth.Config{Rows: int64(rows), Seed: 2, Layout: "parquet"})
	for b.Loop() {
		var wall [3]time.Duration
		for _, workers := range []int{1, 2} {
			r := runFleet(b, workers, 1, "-f", dir+"/protocol=*", "--shard-size", "4MiB", "--partition-rows", "100000")
			wall[workers] = r.wall
			b.ReportMetric(float64(rows)/r.wall.Seconds(), fmt.Sprintf("rows/s-of-%d", workers))
			b.ReportMetric(100*(1-r.coordinator.Seconds()/r.wall.Seconds()), fmt.Sprintf("%%-idle-coordinator-of-%d", workers))
		}
		b.ReportMetric(wall[1].Seconds()/wall[2].Seconds(), "ratio")
		b.ReportMetric(0, "ns/op")
	}
}

// BenchmarkFleetIdle: a hundred workers that wait for tasks which do not come.
func BenchmarkFleetIdle(b *testing.B) {
	const workers, seconds = 100, 20
	for b.Loop() {
		srv, err := queue.Start(queue.ServerConfig{StoreDir: b.TempDir(), Listen: "127.0.0.1:0"})
		if err != nil {
			b.Fatal(err)
		}
		conn := Connect(b, srv)
		if _, err := queue.Open(b.Context(), conn, "job", queue.Config{}); err != nil {
			b.Fatal(err)
		}
		var all []*process
		for range workers {
			all = append(all, start(b, build(b), "worker", "--nats", srv.URL(), "--workers", "1"))
		}
		for _, p := range all {
			p.says(b, "waiting for tasks")
		}
		time.Sleep(2 * time.Second)
		before := processorTimes(b, all)
		time.Sleep(seconds * time.Second)
		used := processorTimes(b, all) - before
		b.ReportMetric(100*used.Seconds()/seconds, "%-of-a-core")
		b.ReportMetric(memory(all[0]), "MiB-each")
		for _, p := range all {
			_ = p.Process.Kill()
			p.wait(b)
		}
		b.ReportMetric(0, "ns/op")
		conn.Close()
		srv.Shutdown()
	}
}

// processorTimes adds up what running processes have used, in ticks of 10 ms.
func processorTimes(b *testing.B, all []*process) (sum time.Duration) {
	b.Helper()
	for _, p := range all {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.Process.Pid))
		if err != nil {
			b.Skipf("processor times of running processes are read from Linux's /proc: %v", err)
		}
		fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')'):]))
		for _, field := range fields[12:14] { // utime and stime
			ticks, err := strconv.Atoi(field)
			if err != nil {
				b.Fatal(err)
			}
			sum += time.Duration(ticks) * 10 * time.Millisecond
		}
	}
	return sum
}

// BenchmarkFleetTakeOver: the time from the death of a worker with a task in hand until another one has it, by lease.
func BenchmarkFleetTakeOver(b *testing.B) {
	for _, lease := range []time.Duration{2 * time.Second, 5 * time.Second, 10 * time.Second, 30 * time.Second} {
		b.Run(lease.String(), func(b *testing.B) {
			var sum time.Duration
			for b.Loop() {
				sum += takeOver(b, lease)
			}
			b.ReportMetric(sum.Seconds()/float64(b.N), "s")
			b.ReportMetric(sum.Seconds()/float64(b.N)/lease.Seconds(), "leases")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// takeOver kills a worker that waits for an answer of the store, and waits until its task is begun by another.
func takeOver(b *testing.B, lease time.Duration) time.Duration {
	url, env, proxy := servertest.FaultyBucket(b)
	servertest.SetEnv(b, env)
	dir, _ := scan(b, synth.Config{Rows: 1000, Seed: 4, Layout: "jsonl"})
	upload(b, dir, url+"/scan")
	proxy.Set(faultproxy.Rule{Fault: faultproxy.SlowStart, Rate: 1, Method: "GET", Match: "/scan/zgrab2", Wait: time.Hour, Times: 1})
	address := freeAddress(b)
	lead := start(b, build(b), "classify", "-f", url+"/scan/zgrab2_*", "-o", filepath.Join(b.TempDir(), "out"), "--workers", "0",
		"--listen", address, "--lease", lease.String(), "--shard-size", "4GiB")
	conn := dialQueue(b, address)
	worker := func() *process {
		return start(b, build(b), "--log-level", "debug", "worker", "--nats", "nats://"+address, "--workers", "1")
	}
	victim := worker()
	victim.says(b, "task begun")
	heir := worker()
	heir.says(b, "waiting for tasks")
	time.Sleep(lease / 2) // the lease is extended meanwhile
	if err := victim.Process.Kill(); err != nil {
		b.Fatal(err)
	}
	killed := time.Now()
	heir.says(b, "task begun")
	took := time.Since(killed)
	for _, p := range []*process{heir, lead} {
		_ = p.Process.Kill()
	}
	conn.Close()
	return took
}

// BenchmarkFleetKills: how many tasks are done again per worker that is killed, two slots each.
func BenchmarkFleetKills(b *testing.B) {
	dir, _ := scan(b, synth.Config{Rows: 300_000, Seed: 3, Layout: "jsonl"})
	for b.Loop() {
		address, kills, again := freeAddress(b), 0, 0
		args := []string{"-f", dir + "/zgrab2_*", "--shard-size", "1MiB", "--lease", "1s"}
		lead := start(b, build(b), append([]string{"classify", "-o", filepath.Join(b.TempDir(), "out"), "--workers", "0", "--listen", address}, args...)...)
		ctx, cancel := context.WithCancel(b.Context())
		go func() {
			lead.wait(b)
			cancel()
		}()
		tasks := map[string]bool{}
		for ctx.Err() == nil {
			p := start(b, build(b), "--log-level", "debug", "worker", "--nats", "nats://"+address, "--workers", "2")
			select {
			case <-ctx.Done():
			case <-time.After(700 * time.Millisecond):
				kills++
			}
			_ = p.Process.Kill()
			p.wait(b)
			for line := range strings.Lines(p.output.String()) {
				if _, rest, ok := strings.Cut(line, `msg="task begun" `); ok {
					name, _, _ := strings.Cut(rest, " attempt=")
					if tasks[name] {
						again++
					}
					tasks[name] = true
				}
			}
		}
		b.ReportMetric(float64(kills), "kills")
		b.ReportMetric(float64(len(tasks)), "tasks")
		b.ReportMetric(float64(again)/float64(kills), "tasks-again/kill")
		b.ReportMetric(0, "ns/op")
	}
}
