package notice

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// metadata stands in for EC2's instance metadata service, version 2: nothing is told without a session token.
type metadata struct {
	mu      sync.Mutex
	notices map[string]string
	asked   atomic.Int64
}

func (m *metadata) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodPut && r.URL.Path == "/latest/api/token" {
		w.Header().Set("X-Aws-Ec2-Metadata-Token-Ttl-Seconds", "21600")
		fmt.Fprint(w, "session")
		return
	}
	if r.Header.Get("X-Aws-Ec2-Metadata-Token") != "session" {
		http.Error(w, "no session", http.StatusUnauthorized)
		return
	}
	m.asked.Add(1)
	m.mu.Lock()
	defer m.mu.Unlock()
	text, ok := m.notices[strings.TrimPrefix(r.URL.Path, "/latest/meta-data/")]
	if !ok {
		http.NotFound(w, r)
		return
	}
	fmt.Fprint(w, text)
}

func watchContext(t *testing.T, cfg Config) context.Context {
	t.Helper()
	cfg.Every, cfg.Log = 10*time.Millisecond, slog.New(slog.NewTextHandler(t.Output(), nil))
	ctx, stop, err := Context(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	return ctx
}

// wantLeave waits for the context to end for a reason that has some words.
func wantLeave(t *testing.T, ctx context.Context, words string) {
	t.Helper()
	select {
	case <-ctx.Done():
	case <-time.After(10 * time.Second):
		t.Fatal("no notice came through")
	}
	var leave Leave
	if !errors.As(context.Cause(ctx), &leave) || !strings.Contains(leave.Reason, words) {
		t.Errorf("left for %v, want %q", context.Cause(ctx), words)
	}
}

func TestEC2(t *testing.T) {
	for path, text := range map[string]string{
		"spot/instance-action":             `{"action": "terminate", "time": "2026-11-26T08:22:00Z"}`,
		"events/recommendations/rebalance": `{"noticeTime": "2026-11-26T08:22:00Z"}`,
	} {
		service := &metadata{notices: map[string]string{}}
		server := httptest.NewServer(service)
		defer server.Close()
		t.Setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", server.URL)
		t.Setenv("AWS_EC2_METADATA_DISABLED", "false")
		ctx := watchContext(t, Config{EC2: true})
		for service.asked.Load() < 6 {
			time.Sleep(time.Millisecond)
		}
		if ctx.Err() != nil {
			t.Fatalf("left without a notice: %v", context.Cause(ctx))
		}
		service.mu.Lock()
		service.notices[path] = text
		service.mu.Unlock()
		wantLeave(t, ctx, path+": "+text)
	}
}

// TestEC2IsNotThere: a machine elsewhere goes on.
func TestEC2IsNotThere(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	t.Setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", server.URL)
	t.Setenv("AWS_EC2_METADATA_DISABLED", "false")
	file := filepath.Join(t.TempDir(), "drain")
	ctx := watchContext(t, Config{EC2: true, File: file})
	time.Sleep(100 * time.Millisecond)
	if ctx.Err() != nil {
		t.Fatalf("left: %v", context.Cause(ctx))
	}
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	wantLeave(t, ctx, "file "+file)
}

func TestStop(t *testing.T) {
	ctx, stop, err := Context(t.Context(), Config{})
	if err != nil {
		t.Fatal(err)
	}
	if ctx.Err() != nil {
		t.Error("a context that waits for nothing has ended")
	}
	stop()
	if ctx.Err() == nil {
		t.Error("stop did not end the context")
	}
}
