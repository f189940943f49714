package jobtest

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/dice-engine/dice/internal/queue"
	"github.com/dice-engine/dice/internal/servertest"
	"github.com/dice-engine/dice/internal/synth"
)

// program is the dice program, built once for all tests of this package.
var program struct {
	once sync.Once
	path string
	err  error
}

// build returns the path of the dice program.
func build(t testing.TB) string {
	t.Helper()
	program.once.Do(func() {
		var dir string
		if dir, program.err = os.MkdirTemp("", "dice-program-"); program.err != nil {
			return
		}
		program.path = filepath.Join(dir, "dice")
		if out, err := exec.Command("go", "build", "-o", program.path, "../../cmd/dice").CombinedOutput(); err != nil {
			program.err = fmt.Errorf("build dice: %w\n%s", err, out)
		}
	})
	if program.err != nil {
		t.Fatal(program.err)
	}
	return program.path
}

// TestMain removes what tests of this package share.
func TestMain(m *testing.M) {
	code := m.Run()
	if program.path != "" {
		os.RemoveAll(filepath.Dir(program.path))
	}
	os.Exit(code)
}

// process is a dice process under test.
type process struct {
	*exec.Cmd
	output talk
}

// talk collects what a process says, while others read it.
type talk struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *talk) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *talk) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// says waits until the process has said something.
func (p *process) says(t testing.TB, words string) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !strings.Contains(p.output.String(), words); {
		if time.Now().After(deadline) {
			t.Fatalf("%s never said %q:\n%s", p.Args[1], words, p.output.String())
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func start(t testing.TB, binary string, args ...string) *process {
	t.Helper()
	p := &process{Cmd: exec.Command(binary, args...)}
	p.Stdout, p.Stderr = &p.output, &p.output
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Process.Kill() })
	return p
}

// wait waits for the process and returns its exit code.
func (p *process) wait(t testing.TB) int { return p.waitAtMost(t, 5*time.Minute) }

// waitAtMost waits no longer than that, and then kills it.
func (p *process) waitAtMost(t testing.TB, patience time.Duration) int {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { p.Process.Kill() })
	defer stop()
	if err := p.Cmd.Wait(); err != nil && p.ProcessState == nil {
		t.Fatal(err)
	}
	return p.ProcessState.ExitCode()
}

// TestProcesses runs a job on MinIO and a separate nats-server: a coordinator without workers, a worker that is killed
// with a task in hand, one that joins late and one that is asked to leave. The result is that of one calm process.
func TestProcesses(t *testing.T) {
	binary := build(t)
	url, env := servertest.Bucket(t)
	servertest.SetEnv(t, env)
	nats := servertest.NATS(t)
	dir, _ := scan(t, synth.Config{Rows: 30_000, Seed: 9, Layout: "jsonl.zst"})
	upload(t, dir, url+"/scan")
	job := func(output string, more ...string) []string {
		args := []string{
			"classify", "-f", url + "/scan/zgrab2_*", "--certificates", url + "/scan/certificates.*", "-o", output,
			"--shard-size", "64KiB", "--partition-rows", "1000", "--lease", "2s",
		}
		return append(args, more...)
	}
	calmOutput := filepath.Join(t.TempDir(), "calm")
	calm := start(t, binary, job(calmOutput)...)
	if code := calm.wait(t); code != 0 {
		t.Fatalf("calm run: exit %d\n%s", code, calm.output.String())
	}

	coordinator := start(t, binary, job(url+"/out", "--nats", nats, "--workers", "0")...)
	victim := start(t, binary, "worker", "--nats", nats, "--workers", "1")
	victim.says(t, "waiting for tasks")
	time.Sleep(100 * time.Millisecond) // to have a task in hand
	if err := victim.Process.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	leaving := start(t, binary, "worker", "--nats", nats, "--workers", "4", "--memory", "191MiB")
	late := start(t, binary, "worker", "--nats", nats, "--workers", "2")
	leaving.says(t, "waiting for tasks")
	leaving.says(t, " slots=1\n") // as its memory is for one
	time.Sleep(100 * time.Millisecond)
	if err := leaving.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if code := leaving.wait(t); code != 0 {
		t.Errorf("worker that was asked to leave: exit %d\n%s", code, leaving.output.String())
	}
	if code := coordinator.wait(t); code != 0 {
		t.Fatalf("coordinator: exit %d\n%s\nworker:\n%s", code, coordinator.output.String(), late.output.String())
	}
	got, err := Open(t.Context(), url+"/out")
	if err != nil {
		t.Fatal(err)
	}
	want, err := Open(t.Context(), calmOutput)
	if err != nil {
		t.Fatal(err)
	}
	sameFiles(t, result(t, want), result(t, got))
	noWorkFiles(t, got)
}

// freeAddress finds a loopback address that is free right now.
func freeAddress(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// dialQueue connects to a queue for looking at it.
func dialQueue(t testing.TB, address string) *queue.Conn {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	conn, err := queue.Dial(ctx, "nats://"+address, queue.ConnConfig{Name: t.Name()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	return conn
}

// watchJob waits until the only job's status is as wanted, and returns it.
func watchJob(t testing.TB, conn *queue.Conn, what string, ok func(queue.Status) bool) queue.Status {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		all, err := queue.Statuses(t.Context(), conn)
		if err == nil && len(all) == 1 && ok(all[0]) {
			return all[0]
		}
	}
	t.Fatalf("waited a minute for %s", what)
	return queue.Status{}
}

// follow keeps the last status of the only job. The returned function stops and tells it.
func follow(t testing.TB, conn *queue.Conn) (stop func() queue.Status) {
	ctx, cancel := context.WithCancel(t.Context())
	last := make(chan queue.Status, 1)
	go func() {
		var s queue.Status
		for ctx.Err() == nil {
			if all, err := queue.Statuses(ctx, conn); err == nil && len(all) == 1 && !all[0].Silent {
				s = all[0]
			}
			time.Sleep(5 * time.Millisecond)
		}
		last <- s
	}()
	return func() queue.Status {
		cancel()
		return <-last
	}
}

// TestWorkersLeaveWell: told to leave in any way, a worker gives its task back at once or finishes it, and exits with 0.
// The lease is far longer than the test: nothing may wait for it.
func TestWorkersLeaveWell(t *testing.T) {
	binary := build(t)
	dir, _ := scan(t, synth.Config{Rows: 60_000, Seed: 11, Layout: "jsonl"})
	calm := filepath.Join(t.TempDir(), "calm")
	args := func(output string, more ...string) []string {
		return append([]string{"classify", "-f", dir + "/zgrab2_*", "-o", output, "--shard-size", "64MiB"}, more...) // one task of map, long enough to be met
	}
	if p := start(t, binary, args(calm)...); p.wait(t) != 0 {
		t.Fatalf("calm run: %s", p.output.String())
	}
	want, err := Open(t.Context(), calm)
	if err != nil {
		t.Fatal(err)
	}
	var notice atomic.Bool
	metadata := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == "/latest/api/token":
			w.Header().Set("X-Aws-Ec2-Metadata-Token-Ttl-Seconds", "21600")
			fmt.Fprint(w, "session")
		case r.URL.Path == "/latest/meta-data/spot/instance-action" && notice.Load():
			fmt.Fprint(w, `{"action": "terminate", "time": "2026-11-26T08:22:00Z"}`)
		default:
			http.NotFound(w, r)
		}
	}))
	defer metadata.Close()
	drain := filepath.Join(t.TempDir(), "drain")
	yes, no := true, false
	for _, c := range []struct {
		name   string
		flags  []string
		leave  func(*process) error
		reason string
		within time.Duration
		taken  *bool // whether a task goes to another; nil: it may be done before the notice comes
	}{
		{"SIGTERM", []string{"--grace", "0"}, func(p *process) error { return p.Process.Signal(syscall.SIGTERM) }, "signal", 10 * time.Second, &yes},
		{"SIGINT", []string{"--grace", "0"}, func(p *process) error { return p.Process.Signal(os.Interrupt) }, "signal", 10 * time.Second, &yes},
		{"grace", []string{"--grace", "1m"}, func(p *process) error { return p.Process.Signal(syscall.SIGTERM) }, "signal", 30 * time.Second, &no},
		{"drain file", []string{"--grace", "0", "--drain-file", drain}, func(*process) error { return os.WriteFile(drain, nil, 0o600) }, drain, 20 * time.Second, nil},
		{"EC2", []string{"--grace", "0", "--ec2-notices"}, func(*process) error { notice.Store(true); return nil }, "spot/instance-action", 20 * time.Second, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", metadata.URL)
			address := freeAddress(t)
			output := filepath.Join(t.TempDir(), "out")
			began := time.Now()
			coordinator := start(t, binary, args(output, "--workers", "0", "--listen", address, "--lease", "10m")...)
			conn := dialQueue(t, address)
			leaver := start(t, binary, append([]string{"worker", "--nats", "nats://" + address, "--workers", "1"}, c.flags...)...)
			watchJob(t, conn, "a task at work", func(s queue.Status) bool { return s.AtWork > 0 || len(s.Workers) > 0 && s.Workers[0].Tasks > 0 })
			if err := c.leave(leaver); err != nil {
				t.Fatal(err)
			}
			told := time.Now()
			if code := leaver.wait(t); code != 0 || !strings.Contains(leaver.output.String(), c.reason) {
				t.Errorf("exit %d\n%s", code, leaver.output.String())
			}
			if took := time.Since(told); took > c.within {
				t.Errorf("left after %v, want %v at most", took, c.within)
			}
			stop := follow(t, conn)
			other := start(t, binary, "worker", "--nats", "nats://"+address, "--workers", "2")
			if code := coordinator.wait(t); code != 0 {
				t.Fatalf("coordinator: exit %d\n%s\n%s", code, coordinator.output.String(), other.output.String())
			}
			last := stop()
			if given := last.Taken > 0; c.taken != nil && given != *c.taken {
				t.Errorf("%d tasks were taken over", last.Taken)
			}
			t.Logf("done after %v, %d tasks taken over", time.Since(began).Round(time.Millisecond), last.Taken)
			got, err := Open(t.Context(), output)
			if err != nil {
				t.Fatal(err)
			}
			sameFiles(t, result(t, want), result(t, got))
			noWorkFiles(t, got)
		})
	}
}
