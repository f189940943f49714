package servertest

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
)

// A Program is a server that tests run, pinned to one version.
type Program struct {
	Name    string // of the executable
	Module  string // import path of its main package
	Version string
	Note    string // what a person who waits for the build should know
}

// Programs lists the servers that tests need.
func Programs() []Program { return []Program{minioProgram(), natsProgram()} }

func minioProgram() Program {
	return Program{
		Name: "minio", Module: "github.com/minio/minio", Version: "v0.0.0-20260212201848-7aac2a2c5b7c",
		Note: "this takes five to six minutes once",
	}
}

func natsProgram() Program {
	return Program{
		Name: "nats-server", Module: "github.com/nats-io/nats-server/v2", Version: "v2.15.2",
		Note: "this takes about a minute once",
	}
}

// Path says where the executable is, or will be after Install: in the folder DICE_TEST_BIN if that is set, else in the
// user's cache folder under the program's version.
func (p Program) Path() (string, error) {
	if dir := os.Getenv("DICE_TEST_BIN"); dir != "" {
		return filepath.Join(dir, p.Name), nil
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("find cache folder for %s: %w", p.Name, err)
	}
	return filepath.Join(cache, "dice-test", "bin-"+p.Version, p.Name), nil
}

// Install returns the path of the executable and builds it first where it is missing. Processes that want it at the
// same time build it once: the others wait for a file lock.
func (p Program) Install(ctx context.Context) (string, error) {
	path, err := p.Path()
	if err != nil || isFile(path) {
		return path, err
	}
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", fmt.Errorf("install %s: %w", p.Name, err)
	}
	unlock, err := lock(filepath.Join(dir, p.Name+".lock"))
	if err != nil {
		return "", fmt.Errorf("install %s: %w", p.Name, err)
	}
	defer unlock()
	if isFile(path) {
		return path, nil
	}
	return path, p.build(ctx, path)
}

// build compiles the program beside path and renames it into place, so that a broken build leaves nothing behind.
func (p Program) build(ctx context.Context, path string) error {
	fmt.Fprintf(os.Stderr, "servertest: building %s %s into %s: %s\n", p.Name, p.Version, path, p.Note)
	temp, err := os.MkdirTemp(filepath.Dir(path), "build-")
	if err != nil {
		return fmt.Errorf("build %s: %w", p.Name, err)
	}
	defer os.RemoveAll(temp)
	cmd := exec.CommandContext(ctx, "go", "install", "-trimpath", p.Module+"@"+p.Version)
	cmd.Dir = temp
	cmd.Env = buildEnv(os.Environ(), temp)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build %s@%s: %w\n%s", p.Module, p.Version, err, tail(string(out), 4000))
	}
	if err := os.Rename(filepath.Join(temp, p.Name), path); err != nil {
		return fmt.Errorf("build %s: %w", p.Name, err)
	}
	return nil
}

// buildEnv is the environment of the build: the caller's, without what would make it build for elsewhere or by a
// vendor folder.
func buildEnv(env []string, bin string) []string {
	out := []string{"GOBIN=" + bin, "GOFLAGS=", "GOWORK=off", "CGO_ENABLED=0"}
	for _, kv := range env {
		switch name, _, _ := strings.Cut(kv, "="); name {
		case "GOBIN", "GOFLAGS", "GOWORK", "CGO_ENABLED", "GOOS", "GOARCH":
		default:
			out = append(out, kv)
		}
	}
	return out
}

// lock waits for the exclusive lock on a file, which ends with the process at the latest.
func lock(path string) (unlock func(), err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		f.Close()
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	return func() { f.Close() }, nil
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

// tail returns the last n octets of s.
func tail(s string, n int) string {
	if len(s) > n {
		return "…" + s[len(s)-n:]
	}
	return s
}
