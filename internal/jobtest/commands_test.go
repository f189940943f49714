package jobtest

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/dice-engine/dice/coordinator"
	"github.com/dice-engine/dice/internal/queue"
	"github.com/dice-engine/dice/internal/servertest"
	"github.com/dice-engine/dice/internal/synth"
)

// dice runs a command and returns its exit code and all that it said.
func dice(t testing.TB, args ...string) (code int, said string) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), build(t), args...).CombinedOutput()
	exit, ok := err.(*exec.ExitError) //nolint:errorlint // as CombinedOutput returns it
	switch {
	case err == nil:
		return 0, string(out)
	case ok:
		return exit.ExitCode(), string(out)
	}
	t.Fatal(err)
	return 0, ""
}

// wantSaid runs a command and checks its exit code, and that it says some words.
func wantSaid(t testing.TB, code int, args []string, words ...string) string {
	t.Helper()
	got, said := dice(t, args...)
	if got != code {
		t.Errorf("dice %s: exit %d, want %d\n%s", strings.Join(args, " "), got, code, said)
	}
	for _, w := range words {
		if !strings.Contains(said, w) {
			t.Errorf("dice %s does not say %q:\n%s", strings.Join(args, " "), w, said)
		}
	}
	return said
}

// TestStatusCancelAndSweep as users give the commands: to a job without workers, to a cancelled and to a finished one.
func TestStatusCancelAndSweep(t *testing.T) {
	dir, _ := scan(t, synth.Config{Rows: 2000, Seed: 13, Layout: "jsonl"})
	out, address := filepath.Join(t.TempDir(), "out"), freeAddress(t)
	nats := "nats://secret@" + address
	classify := []string{"classify", "-f", dir + "/zgrab2_*", "-o", out}
	leader := start(t, build(t), append(classify, "--workers", "0", "--listen", address, "--token", "secret")...)
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		if _, said := dice(t, "status", "--nats", nats); strings.Contains(said, "1 tasks wait") {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("no task waits:\n%s", leader.output.String())
		}
	}
	wantSaid(t, 0, []string{"status", "--nats", nats}, "Job 20", "into "+out, "STAGE", "map", "0 are at work, 0 workers are idle", "WORKER")
	wantSaid(t, 0, []string{"status", "--nats", nats, "--json"}, `"waiting": 1`, `"silent": false`)
	wantSaid(t, 0, []string{"status", out}, "is not finished", "map")
	wantSaid(t, 1, []string{"status", "--nats", "nats://wrong@" + address}, "Authorization")
	wantSaid(t, 2, []string{"status"}, "where the result is")
	wantSaid(t, 0, []string{"sweep", "--older", "0", out}, "0 work files", "is not finished")
	wantSaid(t, 0, []string{"sweep", "--nats", nats}, "0 of 1 queues")

	wantSaid(t, 0, []string{"cancel", out}, "is cancelled")
	if code := leader.wait(t); code != 4 || !strings.Contains(leader.output.String(), "job was cancelled") {
		t.Errorf("cancelled coordinator: exit %d\n%s", code, leader.output.String())
	}
	if left, err := os.ReadDir(out); err != nil || len(left) != 0 {
		t.Errorf("left by the cancelled job: %v, %v", left, err)
	}
	wantSaid(t, 2, []string{"cancel", out}, "no running job")
	wantSaid(t, 2, []string{"status", out}, "no running job")

	wantSaid(t, 0, append(classify, "--keep-work"))
	wantSaid(t, 0, []string{"status", out}, "is finished")
	wantSaid(t, 0, []string{"sweep", out}, "0 work files")
	wantSaid(t, 0, []string{"sweep", "--older", "0", "--json", out}, `"unfinished": ""`)
	wantSaid(t, 2, []string{"cancel", out}, "is finished")
	wantSaid(t, 2, []string{"sweep", "--older", "-1s", out}, "negative")
	wantSaid(t, 2, []string{"worker"}, "--nats names the queue")
	wantSaid(t, 2, []string{"worker", "--nats", nats, "--grace", "-1s"}, "negative")
	wantSaid(t, 2, []string{"worker", "--nats", nats, "--nats-user", "u"}, "needs a password")
	wantSaid(t, 2, append(classify, "--workers", "0"), "--listen or --nats")
	wantSaid(t, 2, append(classify, "--lease", "-1s"), "--lease -1s")
	wantSaid(t, 2, append(classify, "--listen", "0.0.0.0:1", "--listen-cert", "x"), "go together")
	wantSaid(t, 2, append(classify, "--pool", "a.b"), "pool")
}

// TestQueuesAreSwept: of jobs that ended while their queue was out of reach, and of no others.
func TestQueuesAreSwept(t *testing.T) {
	dir, _ := scan(t, synth.Config{Rows: 500, Seed: 14, Layout: "jsonl"})
	server := servertest.StartNATS(t)
	nats := "nats://" + server.Addr
	out := filepath.Join(t.TempDir(), "out")
	wantSaid(t, 0, []string{"classify", "-f", dir + "/zgrab2_*", "-o", out, "--nats", nats})
	bucket, err := Open(t.Context(), out)
	if err != nil {
		t.Fatal(err)
	}
	ended, _, _, err := coordinator.Look(t.Context(), bucket)
	if err != nil {
		t.Fatal(err)
	}
	conn := dialQueue(t, server.Addr)
	for job, place := range map[string]string{ended: out, "20260101t000000-00000000": out, "elsewhere": filepath.Join(out, "not-mounted"), "unknown": ""} {
		if _, err := queue.Open(t.Context(), conn, job, queue.Config{Output: place}); err != nil {
			t.Fatal(err)
		}
	}
	wantSaid(t, 0, []string{"sweep", "--nats", nats}, "2 of 4 queues were removed")
	wantSaid(t, 0, []string{"sweep", "--nats", nats, "--json"}, `"queues": []`)
}

// TestWorkersDoNotTellTheirToken, which is the user of the queue's URL.
func TestWorkersDoNotTellTheirToken(t *testing.T) {
	address := freeAddress(t)
	server, err := queue.Start(queue.ServerConfig{StoreDir: t.TempDir(), Listen: address, Token: "s3cret"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Shutdown)
	p := start(t, build(t), "--log-level", "debug", "worker", "--nats", "nats://s3cret@"+address, "--scratch", t.TempDir())
	p.says(t, "queue=nats://"+address)
	if said := p.output.String(); strings.Contains(said, "s3cret") {
		t.Errorf("the token is told:\n%s", said)
	}
}

// TestQueuesThatCannotBe are said to be so at once, in one line.
func TestQueuesThatCannotBe(t *testing.T) {
	dir, _ := scan(t, synth.Config{Rows: 500, Seed: 15, Layout: "jsonl"})
	build(t)
	began := time.Now()
	said := wantSaid(t, 1, []string{
		"classify", "-f", dir + "/zgrab2_*", "-o", filepath.Join(t.TempDir(), "out"), "--nats", servertest.NATS(t), "--nats-replicas", "3",
	}, "look at --nats-replicas")
	if took := time.Since(began); took > 20*time.Second || strings.Count(said, "open queue") != 1 {
		t.Errorf("after %v:\n%s", took, said)
	}
	plain, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: server.RANDOM_PORT, NoSigs: true, NoLog: true})
	if err != nil {
		t.Fatal(err)
	}
	plain.Start()
	t.Cleanup(plain.Shutdown)
	for _, command := range []string{"status", "sweep"} {
		wantSaid(t, 1, []string{command, "--nats", plain.ClientURL()}, "JetStream is not enabled", "nats-server -js")
	}
}

// TestQueuesGoWithTheirJob: also when it was cancelled by somebody who named no queue, after its coordinator was killed.
func TestQueuesGoWithTheirJob(t *testing.T) {
	dir, _ := scan(t, synth.Config{Rows: 2000, Seed: 16, Layout: "jsonl"})
	nats := "nats://" + servertest.StartNATS(t).Addr
	out := filepath.Join(t.TempDir(), "out")
	lead := func() {
		t.Helper()
		leader := start(t, build(t), "classify", "-f", dir+"/zgrab2_*", "-o", out, "--workers", "0", "--nats", nats)
		for deadline := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
			if _, said := dice(t, "status", "--nats", nats); strings.Contains(said, "1 tasks wait") {
				break
			}
			if time.Now().After(deadline) {
				t.Fatalf("no task waits:\n%s", leader.output.String())
			}
		}
		wantSaid(t, 2, []string{"cancel", "--nats", nats, filepath.Join(t.TempDir(), "elsewhere")}, "no running job")
		wantSaid(t, 0, []string{"status", "--nats", nats}, "led by")
		leader.Process.Kill()
		leader.wait(t)
		wantSaid(t, 0, []string{"status", "--nats", nats}, "into "+out+": no coordinator answers", "Unless it was cancelled", "dice cancel --nats URL OUT")
		wantSaid(t, 0, []string{"status", "--nats", nats, "--json"}, `"output": "`+out)
	}
	lead()
	wantSaid(t, 0, []string{"cancel", "--nats", nats, out}, "is cancelled")
	wantSaid(t, 0, []string{"status", "--nats", nats}, "No job")
	lead()
	wantSaid(t, 0, []string{"cancel", out}, "is cancelled", "dice cancel --nats URL "+out)
	wantSaid(t, 0, []string{"cancel", "--nats", nats, out + "/"}, "was left, and is removed")
	wantSaid(t, 0, []string{"status", "--nats", nats}, "No job")
	wantSaid(t, 2, []string{"cancel", "--nats", nats, out}, "no running job")
}

// TestQueuesOfLedJobsStay where their output cannot be seen: nobody cancelled them.
func TestQueuesOfLedJobsStay(t *testing.T) {
	nats := servertest.StartNATS(t)
	out := filepath.Join(t.TempDir(), "out")
	q, err := queue.Open(t.Context(), dialQueue(t, nats.Addr), "job", queue.Config{Output: out})
	if err != nil {
		t.Fatal(err)
	}
	if err := q.Answer(t.Context(), func() queue.Status { return queue.Status{Job: "job", Output: out, Coordinator: "leader"} }); err != nil {
		t.Fatal(err)
	}
	wantSaid(t, 2, []string{"cancel", "--nats", "nats://" + nats.Addr, out}, "no running job", "leader leads job job")
	wantSaid(t, 0, []string{"status", "--nats", "nats://" + nats.Addr}, "led by leader")
}
