package coordinator

import "github.com/dice-engine/dice/shard"

// The progress of a stage is decided by a pure state machine: events go in, actions come out, and nothing else happens.

// event is something the coordinator learned.
type event interface{ isEvent() }

// began: a stage of n tasks is to be done, of which some were committed before and some are still in the queue.
type began struct {
	stage      shard.Stage
	tasks      int
	done       []int
	queued     int
	generation int // over that of every earlier coordinator of the job
}

// reported: a worker says that a task is committed.
type reported struct {
	stage shard.Stage
	task  int
}

// troubled: an attempt failed for a reason that may pass.
type troubled struct {
	stage shard.Stage
	task  int
	cause string
}

// doomed: a worker found that the job cannot succeed.
type doomed struct{ cause string }

// listed: these tasks have commit records; queued tasks are still in the queue, waiting or at work.
type listed struct {
	stage  shard.Stage
	done   []int
	queued int
}

func (began) isEvent()    {}
func (reported) isEvent() {}
func (troubled) isEvent() {}
func (doomed) isEvent()   {}
func (listed) isEvent()   {}

// action is something the coordinator has to do.
type action interface{ isAction() }

// publish hands tasks out. A generation tells a wanted repetition from an accidental one.
type publish struct {
	stage      shard.Stage
	tasks      []int
	generation int
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

// machine holds the progress of one stage.
type machine struct {
	maxTrouble int // attempts of one task that may fail for somebody's trouble

	stage      shard.Stage
	done       []bool
	missing    int
	generation int
	trouble    map[int]int
	over       bool
}

// handle takes an event and returns what to do about it. Events of other stages are late and change nothing.
func (m *machine) handle(e event) []action {
	switch e := e.(type) {
	case began:
		return m.begin(e)
	case reported:
		return m.report(e)
	case troubled:
		return m.suffer(e)
	case listed:
		return m.compare(e)
	case doomed:
		return m.end(fail(e))
	}
	return nil
}

func (m *machine) begin(e began) []action {
	*m = machine{
		maxTrouble: m.maxTrouble, stage: e.stage, generation: e.generation,
		done: make([]bool, e.tasks), missing: e.tasks, trouble: map[int]int{},
	}
	return m.compare(listed{e.stage, e.done, e.queued})
}

// report notes a task as done. What a worker says is not proof: when all are said to be done, the records are listed.
func (m *machine) report(e reported) []action {
	if m.over || e.stage != m.stage || e.task < 0 || e.task >= len(m.done) {
		return nil
	}
	m.mark([]int{e.task})
	if m.missing == 0 {
		return []action{list{m.stage}}
	}
	return nil
}

func (m *machine) suffer(e troubled) []action {
	if m.over || e.stage != m.stage {
		return nil
	}
	m.trouble[e.task]++
	if m.trouble[e.task] >= m.maxTrouble {
		return m.end(fail{e.cause})
	}
	return nil
}

// compare replaces what was said by what is there. Tasks that are neither done nor queued were lost by the queue.
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
	case e.queued == 0:
		m.generation++
		return []action{publish{m.stage, m.open(), m.generation}}
	}
	return nil
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
