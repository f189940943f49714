package queue_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/dice-engine/dice/internal/queue"
)

func startListening(t *testing.T, address, token string) *queue.Server {
	t.Helper()
	srv, err := queue.Start(queue.ServerConfig{StoreDir: t.TempDir(), Listen: address, Token: token})
	check(t, err)
	t.Cleanup(srv.Shutdown)
	return srv
}

// TestOutdatedTokenIsToldSeldom, though it is tried every second or two.
func TestOutdatedTokenIsToldSeldom(t *testing.T) {
	t.Parallel()
	address := freeAddr(t)
	srv := startListening(t, address, "old")
	var said heard
	conn := dialLogged(t, "nats://old@"+address, said.logger())
	srv.Shutdown()
	startListening(t, address, "new")
	said.says(t, "--nats-token (DICE_NATS_TOKEN)")
	time.Sleep(8 * time.Second)
	if n := strings.Count(strings.ToLower(said.String()), "authorization violation"); n < 1 || n > 2 || conn.IsConnected() {
		t.Errorf("told %d times in eight seconds, want 1 (or 2 on a slow machine):\n%s", n, said.String())
	}
}

// TestDialTellsWhatItWaitsFor: where, and why in vain.
func TestDialTellsWhatItWaitsFor(t *testing.T) {
	t.Parallel()
	address := freeAddr(t)
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	var said heard
	_, err := queue.Dial(ctx, "nats://s3cret@"+address, queue.ConnConfig{Logger: said.logger()})
	if err == nil || !strings.Contains(err.Error(), "connect to NATS at nats://"+address) || !strings.Contains(err.Error(), "connection refused") {
		t.Errorf("got %v", err)
	}
	if text := said.String(); strings.Count(text, "waiting for NATS") != 1 || !strings.Contains(text, "url=nats://"+address) ||
		!strings.Contains(text, "connection refused") || strings.Contains(text, "s3cret") {
		t.Errorf("it says:\n%s", text)
	}
}

// TestRefusalOfALateServer is noticed as well: workers may be there before their server.
func TestRefusalOfALateServer(t *testing.T) {
	t.Parallel()
	address := freeAddr(t)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	var said heard
	dialled := make(chan error, 1)
	go func() {
		_, err := queue.Dial(ctx, "nats://wrong@"+address, queue.ConnConfig{Logger: said.logger()})
		dialled <- err
	}()
	said.says(t, "waiting for NATS")
	startListening(t, address, "right")
	if err := <-dialled; !errors.Is(err, nats.ErrAuthorization) || !strings.Contains(err.Error(), "--nats-token") {
		t.Errorf("got %v", err)
	}
}
