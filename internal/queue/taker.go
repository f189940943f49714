package queue

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// TakerConfig is how a worker takes tasks. Its zero value is sensible.
type TakerConfig struct {
	Logger  *slog.Logger  // nil: nobody
	Rescan  time.Duration // how often jobs are looked for without a hint; default one minute
	Version int           // of the results that this worker makes; jobs of another one are refused; 0: none is
	Worker  string        // who this is, for the coordinator of a job that is refused
}

// Taker takes tasks for one worker process from all jobs that the server has, the oldest job first. Take may be called
// by one goroutine at a time, Report by any.
type Taker struct {
	conn *Conn
	cfg  TakerConfig
	log  *slog.Logger

	js      jetstream.JetStream
	hints   *nats.Subscription
	jobs    []source // oldest first
	refused map[string]bool

	shunning sync.Mutex
	shunned  map[string]shun // jobs in trouble
	scanned  time.Time
	mistrust bool // jobs must be looked for again

	mu         sync.Mutex
	known      map[string]bool // the jobs found
	pulling    string          // the one whose next task is being waited for
	reconnects uint64          // of the connection when that wait began
	hinted     bool            // another one announced tasks since Take last looked
	unknown    bool            // it is not among the jobs found
	interrupt  context.CancelFunc
}

// source is the queue of one job.
type source struct {
	job      string
	created  time.Time
	version  string // of the results
	output   string // where they go
	lease    time.Duration
	consumer jetstream.Consumer
}

// How long a wait for a task lasts before other jobs are looked at. With one job nothing is missed meanwhile. With
// several, their announcements end it, but a task that comes back from a lost worker is not announced.
const (
	defaultRescan = time.Minute
	waitAmongJobs = 5 * time.Second
	askTimeout    = 10 * time.Second // for a few answers of the server, one after the other
)

// How long a worker can take no tasks until people are told, and how often they are told.
const (
	muteFor   = 5 * time.Second
	muteAgain = time.Minute
)

// NewTaker returns a taker. It sends nothing before the first Take.
func NewTaker(conn *Conn, cfg TakerConfig) *Taker {
	t := &Taker{conn: conn, cfg: cfg, log: cfg.Logger, refused: map[string]bool{}, shunned: map[string]shun{}}
	if t.log == nil {
		t.log = slog.New(slog.DiscardHandler)
	}
	if t.cfg.Rescan <= 0 {
		t.cfg.Rescan = defaultRescan
	}
	return t
}

// shun says until when a job is passed over, and until when it is served after all others.
type shun struct{ over, last time.Time }

// lastFor is for how long a job that was shunned is served after all others.
const lastFor = 10 * time.Minute

// Shun passes a job over for a while, and serves it after all others for longer, so that a job in trouble keeps nobody
// from their tasks. It may be called by any goroutine.
func (t *Taker) Shun(job string, d time.Duration) {
	if d <= 0 {
		return
	}
	t.shunning.Lock()
	s, now := t.shunned[job], time.Now()
	if over := now.Add(d); over.After(s.over) {
		s.over = over
	}
	s.last = now.Add(lastFor)
	t.shunned[job] = s
	t.shunning.Unlock()
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.pulling == job && t.interrupt != nil {
		t.interrupt()
	}
}

// open returns the jobs that are not passed over in the order in which they are served, and when the first of the rest
// is open again; zero: there are none.
func (t *Taker) open() (jobs []source, again time.Time) {
	t.shunning.Lock()
	defer t.shunning.Unlock()
	now := time.Now()
	maps.DeleteFunc(t.shunned, func(_ string, s shun) bool { return now.After(s.last) && now.After(s.over) })
	var last []source
	for _, s := range t.jobs {
		switch shunned, ok := t.shunned[s.job]; {
		case !ok:
			jobs = append(jobs, s)
		case !shunned.over.After(now):
			last = append(last, s)
		case again.IsZero() || shunned.over.Before(again):
			again = shunned.over
		}
	}
	return append(jobs, last...), again
}

// Report tells progress of a job's task.
func (t *Taker) Report(job string, p Progress) { Report(t.conn, job, p) }

// Close ends the subscription to announcements. Leases are not touched.
func (t *Taker) Close() {
	if t.hints != nil {
		_ = t.hints.Unsubscribe() // fails only on a closed connection
	}
}

// Take waits until there is a task and returns from 1 to n of them: as many as are there, all of one job. It returns
// an error only when ctx ends or the connection was closed; everything else passes, and is waited for.
func (t *Taker) Take(ctx context.Context, n int) ([]*Lease, error) {
	if n < 1 {
		return nil, fmt.Errorf("take %d tasks: want at least one", n)
	}
	trouble := seldom{after: muteFor, every: muteAgain}
	for failures := 0; ; {
		if ctx.Err() != nil {
			return nil, fmt.Errorf("take tasks: %w", context.Cause(ctx))
		}
		leases, err := t.round(ctx, n)
		switch {
		case len(leases) > 0:
			return leases, nil
		case ctx.Err() != nil:
			return nil, fmt.Errorf("take tasks: %w", context.Cause(ctx))
		case t.conn.IsClosed():
			return nil, fmt.Errorf("take tasks: %w", nats.ErrConnectionClosed)
		case err == nil:
			failures, trouble.next = 0, time.Time{}
			continue
		}
		t.mistrust = true
		t.log.Debug("take tasks", "error", err)
		if trouble.due(time.Now()) {
			t.log.Warn("no tasks can be taken, and this worker goes on trying", "error", err)
		}
		failures++
		if err := sleep(ctx, rand.N(min(3*time.Second, 100*time.Millisecond<<min(failures, 10)))); err != nil {
			return nil, fmt.Errorf("take tasks: %w", err)
		}
	}
}

// round looks once at every job and then waits at the oldest. It may come back with nothing.
func (t *Taker) round(ctx context.Context, n int) ([]*Lease, error) {
	if err := t.discover(ctx); err != nil {
		return nil, err
	}
	jobs, again := t.open()
	for _, s := range jobs {
		if leases, err := t.fetch(s, n); len(leases) > 0 || err != nil {
			return leases, err
		}
	}
	wait, done := t.waiting(ctx, jobs, again)
	defer done()
	if len(jobs) == 0 {
		<-wait.Done()
		return nil, nil
	}
	first, err := t.next(wait, jobs[0])
	if err != nil || len(first) == 0 || n == 1 {
		return first, err
	}
	more, err := t.fetch(jobs[0], n-1)
	if err != nil {
		t.mistrust = true
	}
	return append(first, more...), nil
}

// fetch takes what is there, up to n.
func (t *Taker) fetch(s source, n int) (leases []*Lease, err error) {
	batch, err := s.consumer.FetchNoWait(n)
	if err != nil {
		return nil, fmt.Errorf("fetch tasks of job %s: %w", s.job, err)
	}
	for msg := range batch.Messages() {
		leases = t.accept(leases, s, msg)
	}
	if err := batch.Error(); err != nil && !errors.Is(err, jetstream.ErrNoMessages) {
		return leases, fmt.Errorf("fetch tasks of job %s: %w", s.job, err)
	}
	return leases, nil
}

// next waits for one task until ctx ends. The request for it stays with the server, which sends a sign of life now and
// then; lost connections are mended below. When ctx ends, the subscription is drained rather than dropped, so that a
// task that is on its way is not lost for the length of a lease.
func (t *Taker) next(ctx context.Context, s source) ([]*Lease, error) {
	messages, err := s.consumer.Messages(jetstream.PullMaxMessages(1))
	if err != nil {
		return nil, fmt.Errorf("wait for task of job %s: %w", s.job, err)
	}
	defer messages.Stop()
	msg, err := messages.Next(jetstream.NextContext(ctx))
	if ctx.Err() != nil && msg == nil {
		messages.Drain()
		msg, _ = messages.Next(jetstream.NextMaxWait(2 * time.Second)) // the error says that there was none
		err = nil
	}
	if err != nil {
		return nil, fmt.Errorf("wait for task of job %s: %w", s.job, err)
	}
	if msg == nil {
		return nil, nil
	}
	return t.accept(nil, s, msg), nil
}

// accept adds a message's lease. What is no task cannot have come from a coordinator, and is dropped for good.
func (t *Taker) accept(leases []*Lease, s source, msg jetstream.Msg) []*Lease {
	l, err := newLease(msg, t.conn, s.lease)
	if err != nil {
		t.log.Warn("drop message that is no task", "job", s.job, "error", err)
		_ = msg.Term() // if it fails, the message comes again
		return leases
	}
	return append(leases, l)
}
