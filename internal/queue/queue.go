// Package queue hands tasks to workers over NATS JetStream.
//
// A job has one work-queue stream and one durable pull consumer that all workers share. A task that a worker took is
// leased to it: the lease must be extended while the work goes on, and a task whose lease ends unextended goes to
// another worker. So a task may run twice, and it may be lost with the server. Both are harmless, as what is done
// stands in the job's output and not here: a worker looks there before it begins, and the coordinator publishes again
// what is missing.
//
// The coordinator holds a Queue, a worker a Taker, and both connect to a Server in their own process or to any NATS
// server by URL. Progress is told over plain NATS messages, which may get lost.
package queue

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Task names a piece of work. What the work is stands in the job's plan.
type Task struct {
	Job        string `json:"job"`
	Output     string `json:"output,omitempty"` // where the plan is
	Stage      string `json:"stage"`
	ID         int    `json:"id"`
	Generation int    `json:"generation,omitempty"` // raised when a task must run again although it was handed out before
}

// Validate says what is wrong with a task.
func (t Task) Validate() error {
	if !isToken(t.Job) || !isToken(t.Stage) || t.ID < 0 || t.Generation < 0 {
		return fmt.Errorf("task %s: job and stage must be 1 to 64 letters, digits, '-' or '_', numbers not negative", t)
	}
	return nil
}

// String names the task as its message id does.
func (t Task) String() string { return fmt.Sprintf("%s/%s/%d/%d", t.Job, t.Stage, t.ID, t.Generation) }

// isToken tells whether s can be a part of stream names and subjects.
func isToken(s string) bool {
	for _, c := range []byte(s) {
		if !(c == '-' || c == '_' || '0' <= c && c <= '9' || 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z') {
			return false
		}
	}
	return s != "" && len(s) <= 64
}

const (
	duplicateWindow = time.Hour        // for which the server knows the ids of messages
	publishChunk    = 512              // messages that wait for their acknowledgement at a time
	publishPatience = 2 * time.Minute  // for a server that does not answer
	openPatience    = time.Minute      // likewise; one that lacks the right to open a queue gets no answer either
	openAgain       = 10 * time.Second // how often people are told that it is not open yet
	publishTimeout  = 15 * time.Second // for one acknowledgement
	answerTimeout   = 5 * time.Second  // for one answer
	versionKey      = "dice-version"   // of a stream's metadata
	outputKey       = "dice-output"    // likewise
)

// Config is how a job's queue is set up. Its zero value is sensible.
type Config struct {
	MaxWorkers int           // processes that may wait at a time; default 4096
	Lease      time.Duration // how long a task is a worker's without a sign of life; default 30 s
	Replicas   int           // copies of the stream in a cluster; default 1
	Version    int           // of the job's results; workers of another one refuse it; 0: none of them does
	Output     string        // where the results go, for those who clean up
	Logger     *slog.Logger  // nil: nobody
}

func (c Config) withDefaults() Config {
	if c.MaxWorkers <= 0 {
		c.MaxWorkers = 4096
	}
	if c.Lease <= 0 {
		c.Lease = 30 * time.Second
	}
	if c.Replicas <= 0 {
		c.Replicas = 1
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c
}

// Queue is the queue of one job, as its coordinator sees it. It is safe for concurrent use.
type Queue struct {
	job  string
	cfg  Config
	conn *Conn
	js   jetstream.JetStream
}

// Open makes the queue of a job, or finds the one that is there with its tasks.
func Open(ctx context.Context, conn *Conn, job string, cfg Config) (*Queue, error) {
	if !isToken(job) {
		return nil, fmt.Errorf("open queue of job %q: want 1 to 64 letters, digits, '-' or '_'", job)
	}
	js, err := jetstream.New(conn.Conn, jetstream.WithPublishAsyncMaxPending(2*publishChunk),
		jetstream.WithPublishAsyncTimeout(publishTimeout))
	if err != nil {
		return nil, fmt.Errorf("open queue of job %s: %w", job, err)
	}
	q := &Queue{job: job, cfg: cfg.withDefaults(), conn: conn, js: js}
	told := seldom{every: openAgain}
	var last error // that says why, other than that time is up
	for deadline := time.Now().Add(openPatience); ; {
		err := q.create(ctx)
		if err == nil {
			return q, nil
		}
		if ctx.Err() != nil && last != nil {
			return nil, fmt.Errorf("open queue of job %s: %w; last try: %w", job, context.Cause(ctx), last)
		}
		if last = err; ctx.Err() != nil || time.Now().After(deadline) || hopeless(err) {
			return nil, fmt.Errorf("open queue of job %s: %w", job, err)
		}
		if told.due(time.Now()) {
			q.cfg.Logger.Warn("open queue again", "job", job, "error", err)
		}
		if cause := sleep(ctx, rand.N(time.Second)); cause != nil {
			return nil, fmt.Errorf("open queue of job %s: %w; last try: %w", job, cause, err)
		}
	}
}

// hopeless says whether the server has answered, so that asking again does not help.
func hopeless(err error) bool {
	var answer *jetstream.APIError
	return errors.Is(err, jetstream.ErrJetStreamNotEnabledForAccount) || errors.Is(err, errOwnStore) ||
		errors.As(err, &answer) && answer.Code < 500 || overReplicated(err)
}

func (q *Queue) create(ctx context.Context) error {
	question, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	if err := q.createStream(question); err != nil {
		return fmt.Errorf("make stream: %w", advise(q.conn.explain(ctx, err)))
	}
	return q.conn.explain(ctx, q.createConsumer(question))
}

// createStream makes the stream, or brings the one that is there up to date. The numbers of a new one's tasks begin at
// the time: a lease names its task by that number, and one of a queue that was lost must not mean a task of this one.
func (q *Queue) createStream(ctx context.Context) error {
	cfg := jetstream.StreamConfig{
		Name: streamName(q.conn.pool, q.job), Subjects: []string{jobSubjects(q.conn.pool, q.job)}, Description: "tasks of DICE job " + q.job,
		Retention: jetstream.WorkQueuePolicy, Storage: jetstream.FileStorage, Replicas: q.cfg.Replicas,
		Duplicates: duplicateWindow, Metadata: map[string]string{versionKey: strconv.Itoa(q.cfg.Version), outputKey: q.cfg.Output},
	}
	there, err := q.js.Stream(ctx, cfg.Name)
	switch {
	case err == nil:
		cfg.FirstSeq = there.CachedInfo().Config.FirstSeq
		_, err = q.js.UpdateStream(ctx, cfg)
	case errors.Is(err, jetstream.ErrStreamNotFound):
		cfg.FirstSeq = uint64(time.Now().UnixMicro())
		_, err = q.js.CreateStream(ctx, cfg)
		if errors.Is(err, jetstream.ErrStreamNameAlreadyInUse) {
			err = nil // somebody else has made it meanwhile
		}
	}
	return err
}

// createConsumer makes the consumer that the workers share, or finds the one that is there. How many requests may wait
// is settled by who makes it: the server does not let that be changed.
func (q *Queue) createConsumer(ctx context.Context) error {
	stream := streamName(q.conn.pool, q.job)
	waiting := 2 * q.cfg.MaxWorkers // a worker that died leaves its request for a while
	there, err := q.js.Consumer(ctx, stream, consumerName(q.conn.pool))
	if err == nil {
		waiting = there.CachedInfo().Config.MaxWaiting
	} else if !errors.Is(err, jetstream.ErrConsumerNotFound) {
		return fmt.Errorf("look for consumer: %w", err)
	}
	_, err = q.js.CreateOrUpdateConsumer(ctx, stream, jetstream.ConsumerConfig{
		Durable: consumerName(q.conn.pool), AckPolicy: jetstream.AckExplicitPolicy, AckWait: q.cfg.Lease,
		MaxDeliver:    -1, // drains and lost leases are nobody's fault
		MaxWaiting:    waiting,
		MaxAckPending: -1, // workers ask for no more than they have slots
	})
	if err != nil {
		return fmt.Errorf("make consumer: %w", err)
	}
	return nil
}

// Publish hands out tasks and returns when the server has stored them all. A task that is in the queue already, or was
// within the last hour, is not added again: raise its generation. Failures are repeated for two minutes.
func (q *Queue) Publish(ctx context.Context, tasks []Task) error {
	for _, t := range tasks {
		if err := q.validate(t); err != nil {
			return fmt.Errorf("publish tasks of job %s: %w", q.job, err)
		}
	}
	for chunk := range slices.Chunk(tasks, publishChunk) {
		if err := q.publishChunk(ctx, chunk); err != nil {
			return fmt.Errorf("publish tasks of job %s: %w", q.job, err)
		}
	}
	if err := q.conn.Publish(announceSubject(q.conn.pool), []byte(q.job)); err != nil {
		q.cfg.Logger.Debug("announce tasks", "job", q.job, "error", err) // workers look by themselves after a while
	}
	return nil
}

func (q *Queue) publishChunk(ctx context.Context, tasks []Task) error {
	deadline := time.Now().Add(publishPatience)
	for {
		left, err := q.publishOnce(ctx, tasks)
		if err == nil {
			return nil
		}
		if ctx.Err() != nil || time.Now().After(deadline) {
			return err
		}
		q.cfg.Logger.Warn("publish tasks again", "job", q.job, "tasks", len(left), "error", err)
		if errors.Is(err, jetstream.ErrNoStreamResponse) {
			if err := q.create(ctx); err != nil { // the server has lost the queue
				q.cfg.Logger.Warn("make the queue anew", "job", q.job, "error", err)
			}
		}
		tasks = left
		if err := sleep(ctx, rand.N(time.Second)); err != nil {
			return err
		}
	}
}

// publishOnce sends tasks and waits for all answers. It returns those that were not stored, with a reason.
func (q *Queue) publishOnce(ctx context.Context, tasks []Task) (left []Task, err error) {
	futures := make([]jetstream.PubAckFuture, len(tasks))
	var unsent error // why the rest was not sent
	for i, t := range tasks {
		msg, err := q.message(t)
		if err != nil {
			return tasks, err
		}
		if futures[i], unsent = q.js.PublishMsgAsync(msg, jetstream.WithMsgID(t.String())); unsent != nil {
			left = append(left, tasks[i:]...)
			break
		}
	}
	for i, f := range futures {
		if f == nil {
			return left, errors.Join(err, fmt.Errorf("send task %s: %w", tasks[i], unsent))
		}
		select {
		case ack := <-f.Ok():
			if ack.Duplicate {
				q.cfg.Logger.Debug("task was in the queue already", "task", tasks[i].String())
			}
		case err = <-f.Err():
			left = append(left, tasks[i])
		case <-ctx.Done():
			return left, context.Cause(ctx)
		}
	}
	return left, err
}

func (q *Queue) validate(t Task) error {
	if t.Job != q.job {
		return fmt.Errorf("task %s: it belongs to another job", t)
	}
	return t.Validate()
}

func (q *Queue) message(t Task) (*nats.Msg, error) {
	body, err := json.Marshal(t)
	if err != nil {
		return nil, fmt.Errorf("encode task %s: %w", t, err)
	}
	return &nats.Msg{Subject: taskSubject(t, q.conn.pool), Data: body}, nil
}

// asking bounds the wait for an answer: one that went with its server never comes, and a context that ends late would have
// it waited for until then.
func asking(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, answerTimeout)
}

// sleep waits, or returns the cause of the context's end.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
