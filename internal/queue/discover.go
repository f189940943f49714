package queue

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// discover looks for jobs, unless it did lately and nothing hints at a change.
func (t *Taker) discover(ctx context.Context) error {
	t.mu.Lock()
	unknown := t.unknown
	t.unknown, t.hinted = false, false
	t.mu.Unlock()
	if !unknown && !t.mistrust && time.Since(t.scanned) < t.cfg.Rescan {
		return nil
	}
	if err := t.listen(); err != nil {
		return err
	}
	jobs, err := t.list(ctx)
	if err != nil {
		return fmt.Errorf("look for jobs: %w", err)
	}
	t.jobs, t.scanned, t.mistrust = jobs, time.Now(), false
	t.mu.Lock()
	defer t.mu.Unlock()
	t.known = map[string]bool{}
	for _, s := range jobs {
		t.known[s.job] = true
	}
	return nil
}

// listen subscribes to announcements at the first time.
func (t *Taker) listen() (err error) {
	if t.js == nil {
		if t.js, err = jetstream.New(t.conn.Conn); err != nil {
			return fmt.Errorf("use JetStream: %w", err)
		}
	}
	if t.hints == nil {
		if t.hints, err = t.conn.Subscribe(announceSubject(t.conn.pool), func(m *nats.Msg) { t.hint(string(m.Data)) }); err != nil {
			return fmt.Errorf("listen to announcements: %w", err)
		}
	}
	return nil
}

// list returns the jobs that this worker serves, oldest first.
func (t *Taker) list(ctx context.Context) ([]source, error) {
	jobs, err := listJobs(ctx, t.js, t.conn)
	return slices.DeleteFunc(jobs, func(s source) bool { return t.refuse(s.job, s.version) }), err
}

// listJobs returns the jobs of a pool that have a queue, oldest first. A stream whose consumer is not there yet will be
// announced.
func listJobs(ctx context.Context, js jetstream.JetStream, conn *Conn) ([]source, error) {
	question, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	pool := conn.pool
	var found []source
	streams := js.ListStreams(question, jetstream.WithStreamListSubject(fmt.Sprintf(taskSubjects, pool)))
	for info := range streams.Info() {
		job, ok := jobOf(info.Config.Subjects, pool)
		if !ok {
			continue
		}
		consumer, err := js.Consumer(question, info.Config.Name, consumerName(pool))
		if errors.Is(err, jetstream.ErrConsumerNotFound) || errors.Is(err, jetstream.ErrStreamNotFound) {
			continue
		}
		if err != nil {
			return nil, conn.explain(ctx, err)
		}
		found = append(found, source{
			job: job, created: info.Created, version: info.Config.Metadata[versionKey], output: info.Config.Metadata[outputKey],
			lease: consumer.CachedInfo().Config.AckWait, consumer: consumer,
		})
	}
	slices.SortFunc(found, func(a, b source) int {
		return cmp.Or(a.created.Compare(b.created), strings.Compare(a.job, b.job))
	})
	return found, conn.explain(ctx, streams.Err())
}

// refuse says whether a job is not for this worker, as it would make other results. It tells people on both sides, once.
func (t *Taker) refuse(job, version string) bool {
	ours := strconv.Itoa(t.cfg.Version)
	if t.cfg.Version == 0 || version == ours || version == "0" {
		return false
	}
	if !t.refused[job] {
		t.refused[job] = true
		why := fmt.Sprintf("the job has result version %s and this dice makes %s: run the same version of dice everywhere", version, ours)
		t.log.Error("job refused", "job", job, "error", why)
		t.Report(job, Progress{Worker: t.cfg.Worker, Refused: why})
	}
	return true
}

// hint notes that a job has new tasks and ends a wait for the tasks of another one. A wait for the same job's tasks
// gets them anyway, unless the connection broke meanwhile: the server may have lost the queue that was waited at.
func (t *Taker) hint(job string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if job == t.pulling && t.conn.Stats().Reconnects == t.reconnects {
		return
	}
	t.hinted = true
	t.unknown = t.unknown || !t.known[job]
	if t.interrupt != nil {
		t.interrupt()
	}
}

// waiting returns the context of a wait for the first job's next task, which ends early when another job announces
// tasks or is open again, and what to call when it is over.
func (t *Taker) waiting(ctx context.Context, jobs []source, again time.Time) (context.Context, func()) {
	limit := t.cfg.Rescan
	if len(jobs) > 1 {
		limit = min(limit, waitAmongJobs)
	}
	limit += rand.N(limit/4 + 1) // so that workers that began together do not ask together
	if !again.IsZero() {
		limit = min(limit, time.Until(again))
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(jobs) > 0 {
		t.pulling = jobs[0].job
	}
	t.reconnects = t.conn.Stats().Reconnects
	t.interrupt = cancel
	if t.hinted {
		cancel()
	}
	return ctx, func() {
		cancel()
		t.mu.Lock()
		defer t.mu.Unlock()
		t.pulling, t.interrupt = "", nil
	}
}
