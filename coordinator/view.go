package coordinator

import (
	"cmp"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/dice-engine/dice/internal/queue"
)

// view is what a coordinator has heard of the running job, for people who ask. Nothing is decided by it. It is safe for
// concurrent use.
type view struct {
	mu      sync.Mutex
	began   time.Time
	stages  []queue.StageStatus
	since   time.Time // when the current stage began
	at      int       // tasks of it that were done by then
	rows    int64
	bytes   int64
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
	v.since, v.at, v.rows, v.bytes = now, done, 0, 0
	clear(v.moving)
	clear(v.ended)
	maps.DeleteFunc(v.workers, func(_ string, w *hand) bool { return now.Sub(w.heard) > forgotten })
}

// listed notes what is done in the current stage, and how full the queue is.
func (v *view) listed(done int, p queue.Pending) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.pending = p
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

// hear takes a worker's report and returns how many more rows and octets it tells of.
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
	rows, bytes = max(0, p.Rows-last.Rows), max(0, p.Bytes-last.Bytes)
	w.rows, v.rows, v.bytes = w.rows+rows, v.rows+rows, v.bytes+bytes
	v.moving[name] = p
	if p.Done {
		w.done++
		current.Done = min(current.Done+1, current.Tasks)
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

// After such silence a worker is taken to be at no task, and is no longer shown.
const (
	silent    = 30 * time.Second
	lately    = time.Minute
	forgotten = 5 * time.Minute
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
		if passed := now.Sub(w.first).Seconds(); passed > 0 {
			line.RowsPerSecond = float64(w.rows) / passed
		}
		s.Workers = append(s.Workers, line)
	}
	slices.SortFunc(s.Workers, func(a, b queue.WorkerStatus) int { return cmp.Compare(a.Name, b.Name) })
	return s
}
