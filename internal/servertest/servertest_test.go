package servertest

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestScratchOfDeadProcessesGoes(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"1", "2", "odd"} {
		if err := os.MkdirAll(filepath.Join(dir, scratchPrefix+name, "data"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	sweepScratch(dir, func(pid int) bool { return pid == 2 })
	left, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(left) != 2 || slices.Contains(left, filepath.Join(dir, scratchPrefix+"1")) {
		t.Errorf("left %q, %v", left, err)
	}
}

func TestBuildEnv(t *testing.T) {
	got := strings.Join(buildEnv([]string{"GOFLAGS=-mod=vendor", "GOOS=plan9", "GOPROXY=p", "GOBIN=x"}, "dir"), " ")
	if want := "GOBIN=dir GOFLAGS= GOWORK=off CGO_ENABLED=0 GOPROXY=p"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestInstallFails builds what cannot be built: the error names it, and nothing is left behind.
func TestInstallFails(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("DICE_TEST_BIN", dir)
	t.Setenv("GOPROXY", "off")
	p := Program{Name: "none", Module: "example.com/none", Version: "v1.0.0", Note: "never"}
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			if _, err := p.Install(t.Context()); err == nil || !strings.Contains(err.Error(), "example.com/none@v1.0.0") {
				t.Errorf("got %v, want an error that names the module", err)
			}
		})
	}
	wg.Wait()
	if left, err := filepath.Glob(filepath.Join(dir, "*")); err != nil || len(left) != 1 {
		t.Errorf("left %q, %v, want the lock alone", left, err)
	}
}

// TestServerLives goes through all that can be done with a server.
func TestServerLives(t *testing.T) {
	s := StartMinIO(t)
	url, env := s.Bucket(t)
	if !strings.HasPrefix(url, "s3://test-") || !slices.Contains(env, "AWS_ENDPOINT_URL_S3=http://"+s.Addr) {
		t.Errorf("Bucket: got %s, %q", url, env)
	}
	if !answers(s.Addr) {
		t.Fatal("it does not answer")
	}
	for _, end := range []func(){s.Stop, s.Kill} {
		end()
		end()
		if answers(s.Addr) {
			t.Error("it answers after its end")
		}
		if err := s.Pause(); err == nil {
			t.Error("Pause of what does not run: got no error")
		}
		for range 2 {
			if err := s.Start(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := s.Pause(); err != nil {
		t.Fatal(err)
	}
	if answers(s.Addr) {
		t.Error("it answers while paused")
	}
	if err := s.Resume(); err != nil {
		t.Fatal(err)
	}
	if !answers(s.Addr) {
		t.Error("it does not answer after Resume")
	}
}

func answers(addr string) bool {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr+"/minio/health/live", nil)
	if err != nil {
		return false
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	return resp.Body.Close() == nil
}

func TestSharedServers(t *testing.T) {
	first, _, _ := MinIO(t)
	second, _, _ := MinIO(t)
	one, other := NATS(t), NATS(t)
	if first != second || one != other {
		t.Error("a second server was started")
	}
	if one, _ := Bucket(t); one == "s3://" {
		t.Error("no bucket")
	}
}
