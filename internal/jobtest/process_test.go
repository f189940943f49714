package jobtest

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/dice-engine/dice/internal/servertest"
	"github.com/dice-engine/dice/internal/synth"
)

// build makes the dice binary for a test.
func build(t testing.TB) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "dice")
	out, err := exec.CommandContext(t.Context(), "go", "build", "-o", binary, "../../cmd/dice").CombinedOutput()
	if err != nil {
		t.Fatalf("build dice: %v\n%s", err, out)
	}
	return binary
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
func (p *process) wait(t testing.TB) int {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
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
	leaving := start(t, binary, "worker", "--nats", nats, "--workers", "1")
	late := start(t, binary, "worker", "--nats", nats, "--workers", "2")
	leaving.says(t, "waiting for tasks")
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
