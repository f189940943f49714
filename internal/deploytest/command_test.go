package deploytest

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/resource"
)

const root = "../.."

// command is a dice process as a deployment starts it.
type command struct {
	where  string
	args   []string
	env    map[string]string
	memory int64         // what the platform lets it have, in octets; 0: no limit
	stop   time.Duration // how long the platform waits until it kills it; 0: a default
}

// check holds a command to the program, and the platform's limits to what it is told.
func (c command) check(t *testing.T) {
	t.Helper()
	help := c.parse(t)
	for name := range c.env {
		if strings.HasPrefix(name, "DICE_") && !strings.Contains(help, "$"+name+"]") {
			t.Errorf("%s: dice %s does not read %s", c.where, c.name(), name)
		}
	}
	c.begin(t)
	if c.memory != 0 {
		if memory := octets(t, c.flag("memory")); c.memory < memory+memory/4 {
			t.Errorf("%s: memory is limited to %d, want a quarter over --memory %s", c.where, c.memory, c.flag("memory"))
		}
	}
	if c.name() != "worker" {
		return
	}
	grace, err := time.ParseDuration(c.flag("grace"))
	if err != nil {
		t.Fatalf("%s: --grace: %v", c.where, err)
	}
	if c.stop < grace+cleaning {
		t.Errorf("%s: killed after %s, want %s over --grace %s", c.where, c.stop, cleaning, grace)
	}
}

// cleaning is how long a worker may take beyond its grace: worker.cleanTime and worker.settleTime.
const cleaning = 35 * time.Second

// name is the command's name: the first argument that is neither a flag of all commands nor its value.
func (c command) name() string {
	for i := 0; i < len(c.args); i += 2 {
		if !strings.HasPrefix(c.args[i], "--") {
			return c.args[i]
		}
	}
	return ""
}

// flag returns the value of a flag, or of the variable that stands for it.
func (c command) flag(name string) string {
	if i := slices.Index(c.args, "--"+name); i >= 0 && i+1 < len(c.args) {
		return c.args[i+1]
	}
	return c.env["DICE_"+strings.ToUpper(strings.ReplaceAll(name, "-", "_"))]
}

// octets reads a size as DICE writes them.
func octets(t *testing.T, size string) int64 {
	t.Helper()
	q, err := resource.ParseQuantity(strings.TrimSuffix(size, "B"))
	if err != nil {
		t.Fatalf("size %q: %v", size, err)
	}
	return q.Value()
}

// environ is the command's environment on this machine: nothing is in reach of it.
func (c command) environ(t *testing.T, more ...string) []string {
	env := []string{
		"HOME=" + t.TempDir(), "AWS_EC2_METADATA_DISABLED=true", "AWS_ACCESS_KEY_ID=x", "AWS_SECRET_ACCESS_KEY=x",
		"AWS_ENDPOINT_URL_S3=http://127.0.0.1:1",
	}
	for _, name := range slices.Sorted(maps.Keys(c.env)) {
		if strings.HasPrefix(name, "DICE_") {
			env = append(env, name+"="+c.env[name])
		}
	}
	return append(env, more...)
}

// parse lets the program read the command line and the environment, and returns its help. Flags and variables are read
// before help is given.
func (c command) parse(t *testing.T) string {
	t.Helper()
	cmd := exec.Command(image(t), append(slices.Clone(c.args), "--help")...)
	cmd.Env = c.environ(t)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("%s: %v: %s", c.where, err, out)
	}
	return string(out)
}

// begin starts the command, which may not find fault with how it is used, and ends it.
func (c command) begin(t *testing.T) {
	t.Helper()
	if slices.Contains(c.args, "--listen") {
		return // it would
	}
	p := start(t, slices.Clone(c.args), c.environ(t, "DICE_SCRATCH="+t.TempDir(), "DICE_NATS=nats://127.0.0.1:1"))
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline) && p.said() == ""; {
		time.Sleep(10 * time.Millisecond)
	}
	if code := p.end(t); code == 2 || p.said() == "" {
		t.Errorf("%s: exit %d: %s", c.where, code, p.said())
	}
}

// process is a dice process on this machine.
type process struct {
	*exec.Cmd
	mu  sync.Mutex
	out bytes.Buffer
}

func start(t *testing.T, args, env []string) *process {
	t.Helper()
	p := &process{Cmd: exec.Command(image(t), args...)}
	p.Env, p.Stdout, p.Stderr = env, p, p
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Process.Kill() })
	return p
}

// Write collects what the process says.
func (p *process) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.out.Write(b)
}

func (p *process) said() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.out.String()
}

// end tells the process to leave and returns its exit code.
func (p *process) end(t *testing.T) int {
	t.Helper()
	_ = p.Process.Signal(syscall.SIGTERM) // it may have ended
	return p.wait(t)
}

func (p *process) wait(t *testing.T) int {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	defer context.AfterFunc(ctx, func() { _ = p.Process.Kill() })()
	var exit *exec.ExitError
	if err := p.Wait(); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return p.ProcessState.ExitCode()
}

// read returns a file of the repository.
func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// submatches returns what an expression's group matches.
func submatches(expression, text string) (all []string) {
	for _, m := range regexp.MustCompile(expression).FindAllStringSubmatch(text, -1) {
		all = append(all, m[1])
	}
	return all
}
