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
	Idle    int // workers that wait for a task
}

// All counts the tasks that wait or are at work.
func (p Pending) All() int { return p.Waiting + p.Taken }

// Pending looks into the queue. One that its server has lost is made anew, empty: what is done stands elsewhere.
func (q *Queue) Pending(ctx context.Context) (Pending, error) {
	question, cancel := asking(ctx)
	defer cancel()
	consumer, err := q.js.Consumer(question, streamName(q.conn.pool, q.job), consumerName(q.conn.pool))
	if errors.Is(err, jetstream.ErrStreamNotFound) || errors.Is(err, jetstream.ErrConsumerNotFound) {
		q.cfg.Logger.Warn("the server has lost the queue; it is made anew", "job", q.job)
		return Pending{}, q.create(ctx)
	}
	if err != nil {
		return Pending{}, fmt.Errorf("look into queue of job %s: %w", q.job, q.conn.explain(ctx, err))
	}
	return pendingOf(consumer.CachedInfo()), nil // Consumer asked for it just now
}

func pendingOf(info *jetstream.ConsumerInfo) Pending {
	return Pending{Waiting: int(info.NumPending), Taken: info.NumAckPending, Idle: info.NumWaiting}
}

// Purge drops the tasks of a stage. Leases that are out end without effect.
func (q *Queue) Purge(ctx context.Context, stage string) error {
	question, cancel := asking(ctx)
	defer cancel()
	stream, err := q.js.Stream(question, streamName(q.conn.pool, q.job))
	if err == nil {
		err = stream.Purge(question, jetstream.WithPurgeSubject(taskSubject(Task{Job: q.job, Stage: stage}, q.conn.pool)))
	}
	if err != nil {
		return fmt.Errorf("purge queue of job %s: %w", q.job, q.conn.explain(ctx, err))
	}
	return nil
}

// Delete drops the queue. One that is gone is no error.
func (q *Queue) Delete(ctx context.Context) error { return Delete(ctx, q.conn, q.job) }

// Delete drops the queue of a job whose coordinator is gone. One that is not there is no error.
func Delete(ctx context.Context, conn *Conn, job string) error {
	js, err := jetstream.New(conn.Conn)
	if err != nil {
		return fmt.Errorf("use JetStream: %w", err)
	}
	question, cancel := asking(ctx)
	defer cancel()
	err = js.DeleteStream(question, streamName(conn.pool, job))
	if err != nil && !errors.Is(err, jetstream.ErrStreamNotFound) {
		return fmt.Errorf("delete queue of job %s: %w", job, conn.explain(ctx, err))
	}
	return nil
}

// Watch tells the progress of the queue's job. See the function Watch.
func (q *Queue) Watch(ctx context.Context) (<-chan Progress, error) { return Watch(ctx, q.conn, q.job) }
