package queue

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"
)

// Pending says how full a queue is.
type Pending struct {
	Waiting int // tasks that nobody has
	Taken   int // tasks that are leased, or wait for the end of a Retry's delay
	Again   int // of these, tasks that were handed out more than once
	Idle    int // workers that wait for a task
}

// Pending looks into the queue.
func (q *Queue) Pending(ctx context.Context) (Pending, error) {
	consumer, err := q.js.Consumer(ctx, streamName(q.job), consumerName)
	if err != nil {
		return Pending{}, fmt.Errorf("look into queue of job %s: %w", q.job, err)
	}
	info := consumer.CachedInfo() // Consumer asked for it just now
	return Pending{
		Waiting: int(info.NumPending), Taken: info.NumAckPending, Again: info.NumRedelivered, Idle: info.NumWaiting,
	}, nil
}

// Queued counts the tasks that wait or are at work.
func (q *Queue) Queued(ctx context.Context) (int, error) {
	p, err := q.Pending(ctx)
	return p.Waiting + p.Taken, err
}

// Purge drops all tasks. Leases that are out end without effect.
func (q *Queue) Purge(ctx context.Context) error {
	stream, err := q.js.Stream(ctx, streamName(q.job))
	if err == nil {
		err = stream.Purge(ctx)
	}
	if err != nil {
		return fmt.Errorf("purge queue of job %s: %w", q.job, err)
	}
	return nil
}

// Delete drops the queue. One that is gone is no error.
func (q *Queue) Delete(ctx context.Context) error {
	err := q.js.DeleteStream(ctx, streamName(q.job))
	if err != nil && !errors.Is(err, jetstream.ErrStreamNotFound) {
		return fmt.Errorf("delete queue of job %s: %w", q.job, err)
	}
	return nil
}

// Watch tells the progress of the queue's job. See the function Watch.
func (q *Queue) Watch(ctx context.Context) (<-chan Progress, error) { return Watch(ctx, q.conn, q.job) }
