package queue

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/nats-io/nats.go"
)

// Progress is what a worker tells about a task. The counts are the attempt's so far, not since the last report.
type Progress struct {
	Job     string `json:"job"` // filled in by Report
	Worker  string `json:"worker"`
	Stage   string `json:"stage"`
	Task    int    `json:"task"`
	Attempt int    `json:"attempt,omitempty"` // how often the task was handed out
	Rows    int64  `json:"rows"`
	Bytes   int64  `json:"bytes"`
	Done    bool   `json:"done,omitempty"`    // the task's result exists
	Left    bool   `json:"left,omitempty"`    // the attempt ended without saying anything about the task
	Error   string `json:"error,omitempty"`   // why this attempt failed
	Plain   bool   `json:"plain,omitempty"`   // it was a plain answer, like "denied", that this worker will get again
	Unfit   string `json:"unfit,omitempty"`   // why this machine failed, which says nothing about the task
	Fault   string `json:"fault,omitempty"`   // why this attempt failed, which the data is to blame for
	Fatal   string `json:"fatal,omitempty"`   // why no attempt can succeed
	Refused string `json:"refused,omitempty"` // why this worker does not take part in the job
}

// Report tells progress. It may get lost and says nothing when it does. Without a connection only what ends an attempt is
// kept for later: all workers' counts of an outage would come at once.
func Report(conn *Conn, job string, p Progress) {
	p.Job = job
	if p.isUnderway() && !conn.IsConnected() {
		return
	}
	if body, err := json.Marshal(p); err == nil && isToken(job) {
		_ = conn.Publish(progressSubject(conn.pool, job), body)
	}
}

// isUnderway says whether the attempt goes on.
func (p Progress) isUnderway() bool {
	return !p.Done && !p.Left && p.Error+p.Unfit+p.Fault+p.Fatal+p.Refused == ""
}

// watchBuffer is how many reports may wait for their reader before they get lost.
const watchBuffer = 1 << 14

// Watch returns what is reported of a job from now until ctx ends; then the channel is closed. Reports that cannot be
// read are passed over.
func Watch(ctx context.Context, conn *Conn, job string) (<-chan Progress, error) {
	if !isToken(job) {
		return nil, fmt.Errorf("watch job %q: not a job's name", job)
	}
	messages := make(chan *nats.Msg, watchBuffer)
	sub, err := conn.ChanSubscribe(progressSubject(conn.pool, job), messages)
	if err != nil {
		return nil, fmt.Errorf("watch job %s: %w", job, err)
	}
	_ = conn.FlushTimeout(askTimeout) // so that nothing is missed from now on; a server that is away hears later
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
