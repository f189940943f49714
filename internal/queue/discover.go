package queue

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
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
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
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
		if t.js, err = jetstream.New(t.conn); err != nil {
			return fmt.Errorf("use JetStream: %w", err)
		}
	}
	if t.hints == nil {
		if t.hints, err = t.conn.Subscribe(announceSubject, func(m *nats.Msg) { t.hint(string(m.Data)) }); err != nil {
			return fmt.Errorf("listen to announcements: %w", err)
		}
	}
	return nil
}

// list returns the jobs that have a queue, oldest first. A stream whose consumer is not there yet will be announced.
func (t *Taker) list(ctx context.Context) ([]source, error) {
	var found []source
	streams := t.js.ListStreams(ctx, jetstream.WithStreamListSubject(taskSubjects))
	for info := range streams.Info() {
		job, ok := strings.CutPrefix(info.Config.Name, streamName(""))
		if !ok {
			continue
		}
		consumer, err := t.js.Consumer(ctx, info.Config.Name, consumerName)
		if errors.Is(err, jetstream.ErrConsumerNotFound) || errors.Is(err, jetstream.ErrStreamNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		lease := consumer.CachedInfo().Config.AckWait
		found = append(found, source{job: job, created: info.Created, lease: lease, consumer: consumer})
	}
	slices.SortFunc(found, func(a, b source) int {
		return cmp.Or(a.created.Compare(b.created), strings.Compare(a.job, b.job))
	})
	return found, streams.Err()
}

// hint notes that a job has new tasks and ends a wait for the tasks of another one. A wait for the same job's tasks
// gets them anyway.
func (t *Taker) hint(job string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if job == t.pulling {
		return
	}
	t.hinted = true
	t.unknown = t.unknown || !t.known[job]
	if t.interrupt != nil {
		t.interrupt()
	}
}

// waiting returns the context of a wait for the oldest job's next task, which ends early when another job announces
// tasks, and what to call when it is over.
func (t *Taker) waiting(ctx context.Context) (context.Context, func()) {
	limit := t.cfg.Rescan
	if len(t.jobs) > 1 {
		limit = min(limit, waitAmongJobs)
	}
	limit += rand.N(limit/4 + 1) // so that workers that began together do not ask together
	ctx, cancel := context.WithTimeout(ctx, limit)
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.jobs) > 0 {
		t.pulling = t.jobs[0].job
	}
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
