package queue_test

import (
	"testing"
	"time"

	"github.com/dice-engine/dice/internal/queue"
)

// BenchmarkTask hands out, takes and finishes tasks by one worker with 16 slots on an embedded server.
func BenchmarkTask(b *testing.B) {
	srv, err := queue.Start(queue.ServerConfig{StoreDir: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	defer srv.Shutdown()
	conn, err := srv.Connect(queue.ConnConfig{})
	if err != nil {
		b.Fatal(err)
	}
	defer conn.Close()
	q, err := queue.Open(b.Context(), conn, "job", queue.Config{})
	if err != nil {
		b.Fatal(err)
	}
	b.ResetTimer()
	start := time.Now()
	if err := q.Publish(b.Context(), tasks("job", b.N)); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(b.N)/time.Since(start).Seconds(), "published/s")
	taker := queue.NewTaker(conn, queue.TakerConfig{})
	defer taker.Close()
	for done := 0; done < b.N; {
		leases, err := taker.Take(b.Context(), 16)
		if err != nil {
			b.Fatal(err)
		}
		for _, l := range leases {
			if err := l.Done(b.Context()); err != nil {
				b.Fatal(err)
			}
		}
		done += len(leases)
	}
}
