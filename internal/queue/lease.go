package queue

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// ErrDisconnected: the server cannot be reached. Ask again later; a lease that could not be extended may be lost by then.
var ErrDisconnected = errors.New("not connected to NATS")

// Lease is a task that a worker took. It ends by Done, by Retry, or by itself when it is not extended in time; then
// the task goes to another worker. It is safe for concurrent use.
type Lease struct {
	Task    Task
	Attempt int           // 1 for the first time that the task was handed out
	Length  time.Duration // how long the lease lasts without Extend

	msg  jetstream.Msg
	conn *Conn
}

func newLease(msg jetstream.Msg, conn *Conn, length time.Duration) (*Lease, error) {
	l := &Lease{Length: length, msg: msg, conn: conn}
	if err := json.Unmarshal(msg.Data(), &l.Task); err != nil {
		return nil, fmt.Errorf("decode task: %w", err)
	}
	if err := l.Task.Validate(); err != nil {
		return nil, err
	}
	meta, err := msg.Metadata()
	if err != nil {
		return nil, fmt.Errorf("task %s: %w", l.Task, err)
	}
	l.Attempt = int(meta.NumDelivered)
	return l, nil
}

// Extend begins the lease's length anew. Call it at a third of that length, as long as the work moves. The server does
// not answer: an error means that it surely did not hear.
func (l *Lease) Extend() error {
	if !l.conn.IsConnected() {
		return fmt.Errorf("extend lease of task %s: %w", l.Task, ErrDisconnected)
	}
	if err := l.msg.InProgress(); err != nil {
		return fmt.Errorf("extend lease of task %s: %w", l.Task, err)
	}
	return nil
}

// Done takes the task out of the queue and returns when the server has confirmed it. Call it after the task's result
// has been committed. An error is harmless: the task is handed out again and its next taker finds it done.
func (l *Lease) Done(ctx context.Context) error {
	ctx, cancel := asking(ctx)
	defer cancel()
	if err := l.msg.DoubleAck(ctx); err != nil {
		return fmt.Errorf("finish task %s: %w", l.Task, err)
	}
	return nil
}

// Retry gives the task back, to be handed out again after a delay.
func (l *Lease) Retry(delay time.Duration) error {
	err := l.msg.NakWithDelay(max(0, delay))
	if err != nil {
		return fmt.Errorf("give back task %s: %w", l.Task, err)
	}
	return nil
}
