package queue_test

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/dice-engine/dice/internal/queue"
)

// heard is a log that a test reads while others write it.
type heard struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (h *heard) Write(p []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.text.Write(p)
}

func (h *heard) String() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.text.String()
}

func (h *heard) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(h, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// says waits until something was logged.
func (h *heard) says(t *testing.T, words string) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !strings.Contains(h.String(), words); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("nothing says %q:\n%s", words, h)
		}
	}
}

// dialLogged connects with a log.
func dialLogged(t *testing.T, url string, log *slog.Logger) *queue.Conn {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	conn, err := queue.Dial(ctx, url, queue.ConnConfig{Logger: log})
	check(t, err)
	t.Cleanup(conn.Close)
	return conn
}

// TestTokensAreNotTold by a connection that waits, is lost and comes back.
func TestTokensAreNotTold(t *testing.T) {
	address := freeAddr(t)
	cfg := queue.ServerConfig{StoreDir: t.TempDir(), Listen: address, Token: "s3cret"}
	began := make(chan *queue.Server, 1)
	var said heard
	var wg sync.WaitGroup
	wg.Go(func() {
		for deadline := time.Now().Add(30 * time.Second); !strings.Contains(said.String(), "waiting for NATS") && time.Now().Before(deadline); {
			time.Sleep(10 * time.Millisecond)
		}
		srv, err := queue.Start(cfg)
		if err != nil {
			t.Error(err)
		}
		began <- srv
	})
	conn := dialLogged(t, "nats://s3cret@"+address, said.logger())
	wg.Wait()
	if got, want := conn.Server(), "nats://"+address; got != want {
		t.Errorf("server: got %s, want %s", got, want)
	}
	(<-began).Shutdown()
	said.says(t, "lost NATS connection")
	again, err := queue.Start(cfg)
	check(t, err)
	t.Cleanup(again.Shutdown)
	said.says(t, "reconnected to NATS")
	said.says(t, "url=nats://"+address)
	if strings.Contains(said.String(), "s3cret") {
		t.Errorf("the token is told:\n%s", said.String())
	}
}
