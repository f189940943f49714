package queue

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/nats-io/nats.go"
)

// Progress is what a worker tells about a task. The counts are the attempt's so far, not since the last report.
type Progress struct {
	Job    string `json:"job"` // filled in by Report
	Worker string `json:"worker"`
	Stage  string `json:"stage"`
	Task   int    `json:"task"`
	Phase  string `json:"phase,omitempty"` // what the worker is at
	Rows   int64  `json:"rows"`
	Bytes  int64  `json:"bytes"`
	Done   bool   `json:"done,omitempty"`  // the task's result exists
	Error  string `json:"error,omitempty"` // why this attempt failed
	Fatal  string `json:"fatal,omitempty"` // why no attempt can succeed
}

// AnyJob watches all jobs.
const AnyJob = "*"

func progressSubject(job string) string { return "dice." + job + ".progress" }

// Report tells progress. It may get lost and says nothing when it does.
func Report(conn *nats.Conn, job string, p Progress) {
	p.Job = job
	if body, err := json.Marshal(p); err == nil && isToken(job) {
		_ = conn.Publish(progressSubject(job), body)
	}
}

// watchBuffer is how many reports may wait for their reader before they get lost.
const watchBuffer = 1 << 14

// Watch returns what is reported of a job, or of AnyJob, from now until ctx ends; then the channel is closed. Reports
// that cannot be read are passed over.
func Watch(ctx context.Context, conn *nats.Conn, job string) (<-chan Progress, error) {
	if job != AnyJob && !isToken(job) {
		return nil, fmt.Errorf("watch job %q: not a job's name", job)
	}
	messages := make(chan *nats.Msg, watchBuffer)
	sub, err := conn.ChanSubscribe(progressSubject(job), messages)
	if err == nil {
		err = conn.FlushTimeout(askTimeout) // so that nothing reported from now on is missed
	}
	if err != nil {
		return nil, fmt.Errorf("watch job %s: %w", job, err)
	}
	out := make(chan Progress)
	go func() {
		defer close(out)
		defer func() { _ = sub.Unsubscribe() }() // fails only on a closed connection
		pass(ctx, messages, out)
	}()
	return out, nil
}

// pass decodes messages until ctx ends.
func pass(ctx context.Context, messages <-chan *nats.Msg, out chan<- Progress) {
	for {
		var p Progress
		select {
		case <-ctx.Done():
			return
		case m := <-messages:
			if json.Unmarshal(m.Data, &p) != nil {
				continue
			}
		}
		select {
		case out <- p:
		case <-ctx.Done():
			return
		}
	}
}
