package jobtest

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/dice-engine/dice/internal/queue"
	"github.com/dice-engine/dice/internal/servertest"
	"github.com/dice-engine/dice/internal/servertest/faultproxy"
	"github.com/dice-engine/dice/shard"
)

// cluster is what fleets of all rounds run on: real servers, and a proxy that spoils what passes to the store.
type cluster struct {
	minio  *servertest.Server
	nats   *servertest.Server
	proxy  *faultproxy.Proxy
	island *island // nil where this machine has none
	bucket string
	calm   []string // the environment that reaches the store directly
}

// fleet is the processes of one round.
type fleet struct {
	*cluster
	t       *testing.T
	s       script
	command []string // of the coordinator
	queue   string   // where NATS listens
	env     []string

	mu      sync.Mutex
	workers []*member
	leader  *member
	begun   int // attempts of coordinators' own workers
	counts  map[calamity]int
}

// member is a process of the fleet.
type member struct {
	*process
	island bool
}

func (m *member) signal(sig syscall.Signal) { _ = m.Process.Signal(sig) } // an error means that it has ended

// launch starts a dice process with its own environment.
func (f *fleet) launch(isolated bool, args ...string) *member {
	f.t.Helper()
	cmd := exec.Command(build(f.t), append([]string{"--log-level", "debug"}, args...)...)
	env := f.env
	if isolated {
		cmd = f.island.command(build(f.t), append([]string{"--log-level", "debug"}, args...)...)
		store, err := f.island.forward(func() string { return f.proxy.Addr })
		if err != nil {
			f.t.Fatal(err)
		}
		env = append(env, "AWS_ENDPOINT_URL_S3=http://"+store)
	}
	m := &member{process: &process{Cmd: cmd}, island: isolated}
	m.Env, m.Stdout, m.Stderr = append(os.Environ(), env...), &m.output, &m.output
	if err := m.Start(); err != nil {
		f.t.Fatal(err)
	}
	return m
}

// join starts one more worker. Where there is an island, every third one is on it.
func (f *fleet) join() {
	f.mu.Lock()
	defer f.mu.Unlock()
	isolated := f.island != nil && len(f.workers)%3 == 1
	nats := f.queue
	if isolated {
		var err error
		if nats, err = f.island.forward(func() string { return f.queue }); err != nil {
			f.t.Fatal(err)
		}
	}
	f.workers = append(f.workers, f.launch(isolated, "worker", "--nats", "nats://"+nats, "--workers", strconv.Itoa(f.s.Slots),
		"--memory", "128MiB", "--grace", f.s.Grace.String(), "--scratch", f.t.TempDir()))
}

// newLeader gives the command.
func (f *fleet) newLeader() *member {
	m := f.launch(false, f.command...)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.leader = m
	return m
}

// lead has the command, which was given, come to its end: it is given again and again. lead returns how often that was.
func (f *fleet) lead(ctx context.Context, m *member) (times int, err error) {
	for ctx.Err() == nil {
		if times++; times > 1 {
			m = f.newLeader()
		}
		code := m.waitFor(ctx)
		f.begun += attempts(m.output.String())
		switch {
		case code == 0:
			return times, nil
		case code > 0 && !strings.Contains(m.output.String(), "\ndice: "):
			return times, fmt.Errorf("exit %d without a reason:\n%s", code, m.output.String())
		case code > 0:
			text := m.output.String()
			f.t.Logf("seed %d: the job failed: %s", f.s.Seed, text[strings.LastIndex(text, "\ndice: ")+1:])
		}
		time.Sleep(100 * time.Millisecond)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return times, fmt.Errorf("no end: %w\n%s", context.Cause(ctx), lastLines(f.leader.output.String(), 40))
}

// attempts counts the tasks that a process began.
func attempts(output string) int { return strings.Count(output, `msg="task begun"`) }

// waitFor waits for a process to end, and kills it when ctx does. It returns a negative code for one that was killed.
func (p *process) waitFor(ctx context.Context) int {
	stop := context.AfterFunc(ctx, func() {
		_ = p.Process.Signal(syscall.SIGCONT)
		_ = p.Process.Kill()
	})
	defer stop()
	_ = p.Cmd.Wait() // the state says it
	return p.ProcessState.ExitCode()
}

func lastLines(s string, n int) string {
	lines := strings.Split(s, "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}

// befall lets an event happen. What passes is mended in the background; mended is done when it is.
func (f *fleet) befall(e event, mended *sync.WaitGroup) {
	f.mu.Lock()
	f.counts[e.What]++
	leader := f.leader
	var worker *member
	if len(f.workers) > 0 {
		worker = f.workers[e.Whom%len(f.workers)]
	}
	f.mu.Unlock()
	later := func(do func()) {
		mended.Go(func() {
			time.Sleep(e.Long)
			do()
		})
	}
	switch e.What {
	case killWorker:
		worker.signal(syscall.SIGKILL)
		later(f.join)
	case freezeWorker:
		worker.signal(syscall.SIGSTOP)
		later(func() { worker.signal(syscall.SIGCONT) })
	case sendWorkerAway:
		worker.signal(syscall.SIGTERM)
		later(f.join)
	case joinWorker:
		f.join()
	case killCoordinator:
		leader.signal(syscall.SIGKILL)
	case freezeCoordinator:
		leader.signal(syscall.SIGSTOP)
		later(func() { leader.signal(syscall.SIGCONT) })
	case secondCoordinator:
		second := f.launch(false, f.command...)
		mended.Go(func() {
			ctx, cancel := context.WithTimeout(f.t.Context(), e.Long)
			defer cancel()
			second.waitFor(ctx)
		})
	case deliverTwice:
		f.deliverTwice()
	default:
		f.befallServers(e, later)
	}
}

// befallServers is befall for what happens to servers and networks.
func (f *fleet) befallServers(e event, later func(func())) {
	restart := func(s *servertest.Server) {
		later(func() {
			if err := s.Start(); err != nil {
				f.t.Errorf("seed %d: %v", f.s.Seed, err)
			}
		})
	}
	switch e.What {
	case restartQueue:
		f.nats.Kill()
		restart(f.nats)
	case wipeQueue:
		if err := f.nats.Wipe(); err != nil {
			f.t.Error(err)
		}
		restart(f.nats)
	case freezeQueue:
		_ = f.nats.Pause() // an error means that it is down
		later(func() { _ = f.nats.Resume() })
	case restartStore:
		f.minio.Kill()
		restart(f.minio)
	case cutStore:
		f.proxy.Cut()
		later(func() {
			if err := f.proxy.Heal(); err != nil {
				f.t.Error(err)
			}
		})
	case cutNetwork:
		if f.island == nil {
			f.counts[cutNetwork]--
			return
		}
		if err := f.island.pull(true); err != nil {
			f.t.Error(err)
		}
		later(func() {
			if err := f.island.pull(false); err != nil {
				f.t.Error(err)
			}
		})
	}
}

// deliverTwice hands tasks of the running job out again, all of the stage at hand.
func (f *fleet) deliverTwice() {
	ctx, cancel := context.WithTimeout(f.t.Context(), 2*time.Second)
	defer cancel()
	conn, err := queue.Dial(ctx, "nats://"+f.queue, queue.ConnConfig{})
	if err != nil {
		return // the server is down
	}
	defer conn.Close()
	all, err := queue.Statuses(ctx, conn)
	if err != nil || len(all) == 0 || all[0].Silent || len(all[0].Stages) == 0 {
		return // nobody answers just now
	}
	stage := all[0].Stages[len(all[0].Stages)-1]
	q, err := queue.Open(ctx, conn, all[0].Job, queue.Config{Lease: f.s.Lease, Version: shard.ResultVersion})
	if err != nil {
		return
	}
	tasks := make([]queue.Task, stage.Tasks)
	for i := range tasks {
		tasks[i] = queue.Task{Job: all[0].Job, Output: f.command[len(f.command)-1], Stage: stage.Name, ID: i, Generation: int(time.Now().UnixNano())}
	}
	_ = q.Publish(ctx, tasks) // it may be that only some come through
}

// dismiss wakes the workers, sends them away and waits for them. It returns what they and those before them began.
func (f *fleet) dismiss() (begun int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, w := range f.workers {
		w.signal(syscall.SIGCONT)
		w.signal(syscall.SIGTERM)
	}
	ctx, cancel := context.WithTimeout(f.t.Context(), time.Minute)
	defer cancel()
	begun = f.begun
	for _, w := range f.workers {
		if code := w.waitFor(ctx); code > 0 || ctx.Err() != nil {
			f.t.Errorf("seed %d: a worker ended with exit code %d:\n%s", f.s.Seed, code, lastLines(w.output.String(), 30))
		}
		text := w.output.String()
		begun += attempts(text)
		if at := strings.Index(text, "panic"); at >= 0 {
			f.t.Errorf("seed %d: a worker panicked:\n%.3000s", f.s.Seed, text[at:])
		}
	}
	return begun
}

// newFleet prepares the processes of a round over a scan.
func (c *cluster) newFleet(t *testing.T, s script, scan string) *fleet {
	t.Helper()
	f := &fleet{cluster: c, t: t, s: s, counts: map[calamity]int{}, queue: c.nats.Addr}
	f.env = append(append([]string{}, c.calm...), "AWS_ENDPOINT_URL_S3=http://"+c.proxy.Addr)
	f.command = append(chaosCommand(scan), "--lease", s.Lease.String(), "--memory", "128MiB", "--scratch", t.TempDir())
	if s.Separate {
		f.command = append(f.command, "--workers", "0", "--nats", "nats://"+f.queue)
	} else {
		f.queue = freeAddress(t)
		f.command = append(f.command, "--workers", "1", "--listen", f.queue)
	}
	f.command = append(f.command, "-o", fmt.Sprintf("%s/out-%d", c.bucket, s.Seed))
	return f
}

// chaosCommand classifies a scan in the bucket in many small tasks.
func chaosCommand(scan string) []string {
	files := "/zgrab2_*"
	if strings.HasSuffix(scan, "parquet") {
		files = "/protocol=*/*"
	}
	return []string{
		"classify", "-f", scan + files, "--certificates", scan + "/certificates.*", "--mode", "all",
		"--shard-size", "96KiB", "--partition-rows", "400",
	}
}

// calmRun classifies a scan undisturbed, and returns the output's place and how many tasks that took.
func (c *cluster) calmRun(t *testing.T, scan string) (out string, tasks int) {
	t.Helper()
	out = filepath.Join(t.TempDir(), "calm")
	p := &process{Cmd: exec.Command(build(t), append(append([]string{"--log-level", "debug"}, chaosCommand(scan)...), "-o", out)...)}
	p.Env, p.Stdout, p.Stderr = append(os.Environ(), c.calm...), &p.output, &p.output
	if err := p.Run(); err != nil {
		t.Fatalf("calm run over %s: %v\n%s", scan, err, p.output.String())
	}
	return out, attempts(p.output.String())
}
