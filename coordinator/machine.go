package coordinator

import (
	"slices"
	"time"

	"github.com/dice-engine/dice/shard"
)

// The progress of a stage is decided by a pure state machine: events go in, actions come out, and nothing else happens.
// Events carry the time at which they happened.

// event is something the coordinator learned.
type event interface{ isEvent() }

// began: a stage of so many tasks is to be done, of which some were committed before and some are still in the queue.
type began struct {
	listed
	tasks      int
	generation int // over that of every earlier coordinator of the job
}

// heard: a worker has a task at work.
type heard struct {
	stage shard.Stage
	task  int
	at    time.Time
}

// reported: a worker says that a task is committed.
type reported struct {
	stage  shard.Stage
	task   int
	worker string
	at     time.Time
}

// troubled: an attempt of a worker failed for a reason that may pass.
type troubled struct {
	stage  shard.Stage
	task   int
	worker string
	others []string // who else is there
	idle   bool     // somebody waits for tasks
	plain  bool     // the worker would fail again
	cause  string
}

// doomed: a worker at a task found that the job cannot succeed.
type doomed struct {
	stage shard.Stage
	task  int
	cause string
}

// listed: these tasks have commit records, and this is how full the queue is.
type listed struct {
	stage   shard.Stage
	done    []int
	waiting int // tasks that nobody has; negative: the queue cannot be reached
	taken   int // tasks that workers have
	at      time.Time
}

// unsent: the queue did not take what was to be handed out, or not all of it.
type unsent struct{ publish }

func (began) isEvent()    {}
func (heard) isEvent()    {}
func (reported) isEvent() {}
func (troubled) isEvent() {}
func (doomed) isEvent()   {}
func (listed) isEvent()   {}
func (unsent) isEvent()   {}

// action is something the coordinator has to do.
type action interface{ isAction() }

// publish hands tasks out. A generation tells a wanted repetition from an accidental one.
type publish struct {
	stage      shard.Stage
	tasks      []int
	generation int
	again      bool // somebody is at them, too slowly
}

// list asks for the commit records of the stage.
type list struct{ stage shard.Stage }

// finish: every task of the stage has its commit record.
type finish struct{ stage shard.Stage }

// fail ends the job.
type fail struct{ cause string }

func (publish) isAction() {}
func (list) isAction()    {}
func (finish) isAction()  {}
func (fail) isAction()    {}

// policy is what a machine decides by.
type policy struct {
	maxTrouble int           // attempts of one task that may fail for somebody's trouble
	patience   time.Duration // for which no task is a straggler
}

// machine holds the progress of one stage.
type machine struct {
	policy

	stage      shard.Stage
	done       []bool
	missing    int
	generation int
	trouble    map[int]map[string]int // by task and worker
	failed     map[int]int            // attempts, by task
	row        map[string]int         // of a worker, since it did a task
	over       bool

	atWork  map[int]time.Time // since when
	took    []time.Duration   // of the tasks that were seen from beginning to end
	offered map[int]bool      // tasks that were handed out a second time for being slow
}

// handle takes an event and returns what to do about it. Events of other stages are late and change nothing.
func (m *machine) handle(e event) []action {
	switch e := e.(type) {
	case began:
		return m.begin(e)
	case heard:
		m.hear(e)
	case reported:
		return m.report(e)
	case troubled:
		return m.suffer(e)
	case listed:
		return m.compare(e)
	case unsent:
		m.keep(e.publish)
	case doomed:
		if m.knows(e.stage, e.task) && !m.done[e.task] { // else it is late news of a task that others have done
			return m.end(fail{e.cause})
		}
	}
	return nil
}

func (m *machine) begin(e began) []action {
	*m = machine{
		policy: m.policy, stage: e.stage, generation: e.generation,
		done: make([]bool, e.tasks), missing: e.tasks, trouble: map[int]map[string]int{}, failed: map[int]int{}, row: map[string]int{},
		atWork: map[int]time.Time{}, offered: map[int]bool{},
	}
	return m.compare(e.listed)
}

func (m *machine) knows(stage shard.Stage, task int) bool {
	return !m.over && stage == m.stage && task >= 0 && task < len(m.done)
}

func (m *machine) hear(e heard) {
	if !m.knows(e.stage, e.task) || m.done[e.task] {
		return
	}
	if _, ok := m.atWork[e.task]; !ok {
		m.atWork[e.task] = e.at
	}
}

// report notes a task as done. What a worker says is not proof: when all are said to be done, the records are listed.
func (m *machine) report(e reported) []action {
	if !m.knows(e.stage, e.task) {
		return nil
	}
	if since, ok := m.atWork[e.task]; ok && !m.done[e.task] {
		m.took = append(m.took, e.at.Sub(since))
	}
	delete(m.row, e.worker)
	m.mark([]int{e.task})
	if m.missing == 0 {
		return []action{list{m.stage}}
	}
	return nil
}

func (m *machine) suffer(e troubled) []action {
	if !m.knows(e.stage, e.task) {
		return nil
	}
	if m.trouble[e.task] == nil {
		m.trouble[e.task] = map[string]int{}
	}
	by, weight := m.trouble[e.task], 1
	if e.plain {
		weight = m.maxTrouble / 2 // so that two of them are enough
	}
	m.failed[e.task]++
	by[e.worker] += weight
	m.row[e.worker] += weight
	total := 0
	for _, n := range by {
		total += n
	}
	// One worker's trouble may be its own: how it was set up, its network. Others are to try before the job fails, but
	// they may be at another job for long.
	if total >= m.maxTrouble && (len(by) > 1 || !m.helped(e)) || m.failed[e.task] >= farTooMuch*m.maxTrouble {
		return m.end(fail{e.cause})
	}
	return nil
}

// farTooMuch is how many times as many attempts of a task as the limit may fail while others are waited for.
const farTooMuch = 8

// helped says whether somebody else may be able to do what a worker is in trouble with: who waits for tasks, or has not
// been in as much trouble since the last task it did.
func (m *machine) helped(e troubled) bool {
	return e.idle || slices.ContainsFunc(e.others, func(name string) bool { return m.row[name] < m.maxTrouble })
}

// compare replaces what was said by what is there. Tasks that are neither done nor queued were lost by the queue. Where
// nothing waits, workers are free for what others are slow at.
func (m *machine) compare(e listed) []action {
	if m.over || e.stage != m.stage {
		return nil
	}
	clear(m.done)
	m.missing = len(m.done)
	m.mark(e.done)
	switch {
	case m.missing == 0:
		return m.end(finish{m.stage})
	case e.waiting == 0 && e.taken == 0:
		return m.publish(m.open(), false)
	case e.waiting == 0:
		if slow := m.stragglers(e.at); len(slow) > 0 {
			return m.publish(slow, true)
		}
	}
	return nil
}

func (m *machine) publish(tasks []int, again bool) []action {
	m.generation++
	return []action{publish{m.stage, tasks, m.generation, again}}
}

// keep notes that tasks were not handed out a second time, so that they are tried again.
func (m *machine) keep(p publish) {
	if p.again && p.stage == m.stage {
		for _, task := range p.tasks {
			delete(m.offered, task)
		}
	}
}

// A straggler has been at work for straggling times as long as its peers took, the median of them, once enough of
// them are done to tell. Where there are not, as in a stage of one task or after a restart, it takes far longer.
const (
	straggling = 3
	enough     = 3
	peerless   = 100 // times the patience
)

// stragglers returns the tasks that are far slower than their peers, each once.
func (m *machine) stragglers(now time.Time) []int {
	limit := peerless * m.patience
	if len(m.took) >= enough && 2*m.missing <= len(m.done) {
		took := slices.Sorted(slices.Values(m.took))
		limit = max(m.patience, straggling*took[len(took)/2])
	}
	var slow []int
	for _, task := range m.open() {
		since, ok := m.atWork[task]
		if ok && !m.offered[task] && now.Sub(since) > limit {
			m.offered[task] = true
			slow = append(slow, task)
		}
	}
	return slow
}

func (m *machine) end(a action) []action {
	if m.over {
		return nil
	}
	m.over = true
	return []action{a}
}

func (m *machine) mark(tasks []int) {
	for _, task := range tasks {
		if task >= 0 && task < len(m.done) && !m.done[task] {
			m.done[task] = true
			m.missing--
			delete(m.atWork, task)
		}
	}
}

// open returns the tasks that are not done.
func (m *machine) open() []int {
	var tasks []int
	for task, done := range m.done {
		if !done {
			tasks = append(tasks, task)
		}
	}
	return tasks
}
