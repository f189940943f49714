package queue_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	natsserver "github.com/nats-io/nats-server/v2/server"

	"github.com/dice-engine/dice/internal/queue"
	"github.com/dice-engine/dice/internal/servertest"
)

// startPlain starts a server that keeps no tasks.
func startPlain(t *testing.T) (url string) {
	t.Helper()
	srv, err := natsserver.NewServer(&natsserver.Options{Host: "127.0.0.1", Port: natsserver.RANDOM_PORT, NoSigs: true, NoLog: true})
	check(t, err)
	srv.Start()
	t.Cleanup(srv.Shutdown)
	if !srv.ReadyForConnections(20 * time.Second) {
		t.Fatal("the server accepts no connections")
	}
	return srv.ClientURL()
}

// wantTrouble lets a worker try for a while, and wants it to have said once that it takes no tasks, and why.
func wantTrouble(t *testing.T, conn *queue.Conn, within time.Duration, why string) {
	t.Helper()
	var said heard
	taker := queue.NewTaker(conn, queue.TakerConfig{Logger: said.logger()})
	t.Cleanup(taker.Close)
	wantNone(t, taker, within)
	const words = "no tasks can be taken"
	if got := strings.Count(said.String(), words); got != 1 || !strings.Contains(said.String(), why) {
		t.Errorf("it says %q %d times, want once and with %q:\n%s", words, got, why, said.String())
	}
}

// TestWithoutJetStream: who needs tasks kept is told that this server keeps none, once and not without end.
func TestWithoutJetStream(t *testing.T) {
	t.Parallel()
	conn := connectURL(t, startPlain(t))
	t.Run("coordinator", func(t *testing.T) {
		t.Parallel()
		var said heard
		ctx, cancel := context.WithTimeout(t.Context(), 4*time.Second)
		defer cancel()
		_, err := queue.Open(ctx, conn, "job", queue.Config{Logger: said.logger()})
		if !errors.Is(err, queue.ErrNoJetStream) || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("open: got %v", err)
		}
		if got := strings.Count(said.String(), "open queue again"); got != 1 {
			t.Errorf("it says that it tries again %d times in four seconds, want 1", got)
		}
	})
	t.Run("worker", func(t *testing.T) {
		t.Parallel()
		wantTrouble(t, conn, 9*time.Second, "JetStream is not enabled")
	})
	for what, err := range map[string]error{
		"jobs": second(queue.Jobs(t.Context(), conn)), "statuses": second(queue.Statuses(t.Context(), conn)), "delete": queue.Delete(t.Context(), conn, "job"),
	} {
		if !errors.Is(err, queue.ErrNoJetStream) {
			t.Errorf("%s: got %v", what, err)
		}
	}
}

func second[T any](_ T, err error) error { return err }

// TestWithoutRights: a server does not answer users who may not ask, which is what they are told.
func TestWithoutRights(t *testing.T) {
	t.Parallel()
	srv := servertest.StartNATSWith(t, readyMade, "DICE_COORDINATOR_PASSWORD=c1", "DICE_WORKER_PASSWORD=w1")
	connect := func(pool string) *queue.Conn {
		conn, err := queue.Dial(t.Context(), "nats://worker:w1@"+srv.Addr, queue.ConnConfig{Pool: pool})
		check(t, err)
		t.Cleanup(conn.Close)
		return conn
	}
	worker, stranger := connect(queue.DefaultPool), connect("team2")
	for what, ask := range map[string]func(context.Context) error{
		"delete":             func(ctx context.Context) error { return queue.Delete(ctx, worker, "job") },
		"jobs of a pool":     func(ctx context.Context) error { return second(queue.Jobs(ctx, stranger)) },
		"statuses of a pool": func(ctx context.Context) error { return second(queue.Statuses(ctx, stranger)) },
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			if err := ask(t.Context()); !errors.Is(err, queue.ErrUnanswered) || !strings.Contains(err.Error(), "--nats-user") {
				t.Errorf("got %v", err)
			}
		})
	}
	t.Run("open", func(t *testing.T) {
		t.Parallel()
		var said heard
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		opened := make(chan error, 1)
		go func() { opened <- second(queue.Open(ctx, worker, "job", queue.Config{Logger: said.logger()})) }()
		said.says(t, "may lack the right")
		cancel()
		if err := <-opened; !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
	})
	t.Run("take", func(t *testing.T) {
		t.Parallel()
		wantTrouble(t, stranger, 24*time.Second, "may lack the right")
	})
}

// TestSilenceOfALostServerIsNoLackOfRights.
func TestSilenceOfALostServerIsNoLackOfRights(t *testing.T) {
	srv := servertest.StartNATS(t)
	conn := connectURL(t, "nats://"+srv.Addr)
	srv.Kill()
	waitFor(t, 10*time.Second, "the connection is lost", func() bool { return !conn.IsConnected() })
	if err := queue.Delete(t.Context(), conn, "job"); !errors.Is(err, queue.ErrDisconnected) || errors.Is(err, queue.ErrUnanswered) {
		t.Errorf("got %v", err)
	}
}

// TestFinalAnswersEndTheWait: more copies than there are servers.
func TestFinalAnswersEndTheWait(t *testing.T) {
	conn := connectURL(t, servertest.NATS(t))
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	_, err := queue.Open(ctx, conn, newJob(), queue.Config{Replicas: 3})
	if err == nil || ctx.Err() != nil || !strings.Contains(err.Error(), "replicas > 1 not supported") ||
		!strings.Contains(err.Error(), "look at --nats-replicas") {
		t.Errorf("got %v, %v", err, ctx.Err())
	}
}
