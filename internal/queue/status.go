package queue

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/dice-engine/dice/internal/words"
)

// Status is how a running job is going, as its coordinator knows.
type Status struct {
	Job            string         `json:"job"`
	Output         string         `json:"output"`
	Coordinator    string         `json:"coordinator"` // the process that leads it
	Elapsed        float64        `json:"elapsed"`     // seconds since this coordinator began
	Stages         []StageStatus  `json:"stages"`      // those begun, the current one last
	Rows           int64          `json:"rows"`        // of the current stage, as far as this coordinator heard
	Bytes          int64          `json:"bytes"`
	RowsPerSecond  float64        `json:"rows_per_second"`
	BytesPerSecond float64        `json:"bytes_per_second"`
	Left           float64        `json:"left,omitempty"`   // seconds until the current stage is done, at the pace so far; 0: unknown
	Waiting        int            `json:"waiting"`          // tasks that nobody has
	AtWork         int            `json:"at_work"`          // tasks that workers have
	Idle           int            `json:"idle"`             // workers that wait for a task
	Retries        int            `json:"retries"`          // attempts that failed and are repeated
	Taken          int            `json:"taken_over"`       // tasks that were handed out again after their worker fell silent or left
	Offered        int            `json:"offered_twice"`    // stragglers
	Workers        []WorkerStatus `json:"workers"`          // by name; of very many those heard last
	Untold         int            `json:"untold,omitempty"` // workers that are left out
	Silent         bool           `json:"silent"`           // no coordinator answers: only the queue is known
}

// StageStatus is how far a stage is.
type StageStatus struct {
	Name  string `json:"name"`
	Tasks int    `json:"tasks"`
	Done  int    `json:"done"`
}

// WorkerStatus is what a worker was last heard of.
type WorkerStatus struct {
	Name          string  `json:"name"`
	Tasks         int     `json:"tasks"` // at work
	Done          int     `json:"done"`  // tasks finished
	RowsPerSecond float64 `json:"rows_per_second"`
	Heard         float64 `json:"heard"` // seconds ago
	Trouble       string  `json:"trouble,omitempty"`
}

// Job names a job that has a queue, and where its result goes.
type Job struct{ Name, Output string }

// Jobs lists the jobs of the connection's pool that have a queue, oldest first.
func Jobs(ctx context.Context, conn *Conn) ([]Job, error) {
	js, err := jetstream.New(conn.Conn)
	if err != nil {
		return nil, fmt.Errorf("use JetStream: %w", err)
	}
	found, err := listJobs(ctx, js, conn)
	if err != nil {
		return nil, fmt.Errorf("look for jobs: %w", err)
	}
	jobs := make([]Job, len(found))
	for i, s := range found {
		jobs[i] = Job{s.job, s.output}
	}
	return jobs, nil
}

// Answer tells whoever asks how the job is going, until ctx ends.
func (q *Queue) Answer(ctx context.Context, status func() Status) error {
	inbox := inboxPrefix + q.conn.pool + "."
	sub, err := q.conn.Subscribe(statusSubject(q.conn.pool, q.job), func(m *nats.Msg) {
		if !strings.HasPrefix(m.Reply, inbox) {
			return // somebody wants the answer sent to others, with this process's rights
		}
		if body, err := json.Marshal(status().bounded()); err == nil {
			_ = m.Respond(body) // who asked has left, or asks again
		}
	})
	if err != nil {
		return fmt.Errorf("answer for job %s: %w", q.job, err)
	}
	context.AfterFunc(ctx, func() { _ = sub.Unsubscribe() }) // fails only on a closed connection
	return nil
}

// What of a status is told, so that it fits into a message of a mebioctet.
const (
	maxTold     = 2000
	maxTrouble  = 400        // octets, so that the remedy at the end is told as well
	maxTroubles = 160 * 2000 // octets of all workers' troubles
)

// bounded returns the status with as many workers as fit, those heard last.
func (s Status) bounded() Status {
	if len(s.Workers) > maxTold {
		heard := slices.SortedFunc(slices.Values(s.Workers), func(a, b WorkerStatus) int { return cmp.Compare(a.Heard, b.Heard) })
		s.Workers, s.Untold = heard[:maxTold], len(heard)-maxTold
	}
	most := min(maxTrouble, maxTroubles/max(1, len(s.Workers)))
	for i := range s.Workers {
		if w := &s.Workers[i]; len(w.Trouble) > most {
			w.Trouble = words.Cut(w.Trouble, most) + "…"
		}
	}
	return s
}

// answerTime is how long a coordinator may take to answer.
const answerTime = 2 * time.Second

// Statuses asks how the jobs of the connection's pool are going, oldest first. A job whose coordinator does not answer
// is described by its queue.
func Statuses(ctx context.Context, conn *Conn) ([]Status, error) {
	js, err := jetstream.New(conn.Conn)
	if err != nil {
		return nil, fmt.Errorf("use JetStream: %w", err)
	}
	jobs, err := listJobs(ctx, js, conn)
	if err != nil {
		return nil, fmt.Errorf("look for jobs: %w", err)
	}
	all := make([]Status, len(jobs))
	for i, j := range jobs {
		if all[i], err = askStatus(ctx, conn, j); err != nil {
			return nil, err
		}
	}
	return all, nil
}

func askStatus(ctx context.Context, conn *Conn, j source) (Status, error) {
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	answer, err := conn.RequestWithContext(ctx, statusSubject(conn.pool, j.job), nil)
	if errors.Is(err, nats.ErrNoResponders) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, nats.ErrTimeout) {
		p := pendingOf(j.consumer.CachedInfo())
		return Status{Job: j.job, Output: j.output, Silent: true, Waiting: p.Waiting, AtWork: p.Taken, Idle: p.Idle}, nil
	}
	if err != nil {
		return Status{}, fmt.Errorf("ask for job %s: %w", j.job, err)
	}
	var s Status
	if err := json.Unmarshal(answer.Data, &s); err != nil {
		return Status{}, fmt.Errorf("read status of job %s: %w", j.job, err)
	}
	return s, nil
}
