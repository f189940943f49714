package coordinator

import (
	"cmp"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/dice-engine/dice/internal/queue"
)

// view is what a coordinator has heard of the running job, for people who ask. All that is decided by it is whether there are
// others to do what a worker is in trouble with, and whether there are any. It is safe for concurrent use.
type view struct {
	mu      sync.Mutex
	began   time.Time
	stages  []queue.StageStatus
	since   time.Time // when the current stage began
	at      int       // tasks of it that were done by then
	rows    int64
	bytes   int64
	counted []counts // of its tasks: what the attempt that came furthest reported
	pending queue.Pending
	retries int
	taken   int
	offered int
	workers map[string]*hand
	moving  map[attempt]queue.Progress // what running attempts reported last
	ended   map[attempt]bool           // attempts that are over: what they report late was counted
}

// attempt is a worker at a task of the current stage, which was handed out so many times.
type attempt struct {
	worker       string
	task, number int
}

// counts are rows and octets that were read.
type counts struct{ rows, bytes int64 }

// hand is what is known of a worker.
type hand struct {
	heard   time.Time
	first   time.Time
	rows    int64
	done    int
	trouble string
	refused bool // it does not take part
}

func newView(now time.Time) *view {
	return &view{began: now, workers: map[string]*hand{}, moving: map[attempt]queue.Progress{}, ended: map[attempt]bool{}}
}

// stage notes that a stage began, with some tasks done.
func (v *view) stage(name string, tasks, done int, now time.Time) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if current := v.current(); current == nil || current.Name != name { // else it is begun once more
		v.stages = append(v.stages, queue.StageStatus{Name: name})
	}
	current := v.current()
	current.Tasks, current.Done = tasks, done
	v.since, v.at, v.rows, v.bytes, v.counted = now, done, 0, 0, make([]counts, tasks)
	clear(v.moving)
	clear(v.ended)
	maps.DeleteFunc(v.workers, func(_ string, w *hand) bool { return now.Sub(w.heard) > forgotten })
}

// listed notes how full the queue is.
func (v *view) listed(p queue.Pending) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.pending = p
}

// handedOut notes that tasks went into the queue since.
func (v *view) handedOut(tasks int) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.pending.Waiting += tasks
}

// count notes how many tasks of the current stage are done.
func (v *view) count(done int) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if current := v.current(); current != nil {
		current.Done = done
	}
}

// again notes that stragglers were offered a second time.
func (v *view) again(tasks int) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.offered += tasks
}

// hear takes a worker's report and returns how many rows and octets it tells of that no attempt had come to before: those
// of one that failed count once, though they are read again.
func (v *view) hear(p queue.Progress, now time.Time) (rows, bytes int64) {
	v.mu.Lock()
	defer v.mu.Unlock()
	w := v.workers[p.Worker]
	if w == nil {
		w = &hand{first: now}
		v.workers[p.Worker] = w
	}
	w.heard, w.refused = now, p.Refused != ""
	w.trouble = cmp.Or(p.Refused, p.Unfit, p.Fatal, p.Fault, p.Error)
	if p.Refused != "" {
		return 0, 0
	}
	current := v.current()
	if current == nil || current.Name != p.Stage {
		return 0, 0 // late news
	}
	name := attempt{p.Worker, p.Task, p.Attempt}
	if v.ended[name] {
		return 0, 0
	}
	last, known := v.moving[name]
	if !known && p.Attempt > 1 {
		v.taken++
	}
	w.rows += max(0, p.Rows-last.Rows)
	rows, bytes = v.further(p)
	v.rows, v.bytes = v.rows+rows, v.bytes+bytes
	v.moving[name] = p
	if p.Done {
		w.done++
	}
	failed := p.Error != "" || p.Unfit != "" || p.Fault != ""
	if failed {
		v.retries++
	}
	if p.Done || p.Left || failed {
		delete(v.moving, name)
		v.ended[name] = true
	}
	return rows, bytes
}

// further returns by how much a report goes beyond all others of its task.
func (v *view) further(p queue.Progress) (rows, bytes int64) {
	if p.Task < 0 || p.Task >= len(v.counted) {
		return 0, 0
	}
	most := &v.counted[p.Task]
	rows, bytes = max(0, p.Rows-most.rows), max(0, p.Bytes-most.bytes)
	most.rows, most.bytes = most.rows+rows, most.bytes+bytes
	return rows, bytes
}

// others returns the workers but one that are there, as far as was heard lately, and whether any waits for a task: one of
// those that wait may be the worker itself. Those that do not take part are left out.
func (v *view) others(worker string, now time.Time) (names []string, idle bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for name, w := range v.workers {
		if name != worker && !w.refused && now.Sub(w.heard) < lately {
			names = append(names, name)
		}
	}
	return names, v.pending.Idle > 1 || v.pending.Idle > 0 && worker == ""
}

// current is the stage at hand; nil before the first.
func (v *view) current() *queue.StageStatus {
	if len(v.stages) == 0 {
		return nil
	}
	return &v.stages[len(v.stages)-1]
}

// How long a worker may be silent.
const (
	silent    = 30 * time.Second // and count as being at its tasks
	lately    = time.Minute      // and count as there, for those who wait for somebody else
	forgotten = 5 * time.Minute  // and be shown
)

// status describes the job for those who ask.
func (v *view) status(now time.Time) queue.Status {
	v.mu.Lock()
	defer v.mu.Unlock()
	s := queue.Status{
		Elapsed: now.Sub(v.began).Seconds(), Stages: slices.Clone(v.stages), Rows: v.rows, Bytes: v.bytes,
		Waiting: v.pending.Waiting, AtWork: v.pending.Taken, Idle: v.pending.Idle,
		Retries: v.retries, Taken: v.taken, Offered: v.offered, Workers: []queue.WorkerStatus{},
	}
	current, passed := v.current(), now.Sub(v.since).Seconds()
	if current != nil && passed > 0 {
		s.RowsPerSecond, s.BytesPerSecond = float64(v.rows)/passed, float64(v.bytes)/passed
		if fresh := current.Done - v.at; fresh > 0 {
			s.Left = passed / float64(fresh) * float64(current.Tasks-current.Done)
		}
	}
	moving := 0
	for name, w := range v.workers {
		if now.Sub(w.heard) > forgotten {
			continue
		}
		line := queue.WorkerStatus{Name: name, Done: w.done, Heard: now.Sub(w.heard).Seconds(), Trouble: w.trouble}
		for a := range v.moving {
			if a.worker == name && now.Sub(w.heard) < silent {
				line.Tasks++
			}
		}
		moving += line.Tasks
		if passed := now.Sub(w.first).Seconds(); passed > 0 {
			line.RowsPerSecond = float64(w.rows) / passed
		}
		s.Workers = append(s.Workers, line)
	}
	if since := moving - s.AtWork; since > 0 { // they were taken after the queue was looked into
		s.AtWork, s.Waiting = moving, max(0, s.Waiting-since)
	}
	slices.SortFunc(s.Workers, func(a, b queue.WorkerStatus) int { return cmp.Compare(a.Name, b.Name) })
	return s
}
