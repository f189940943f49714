package coordinator

import (
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/dice-engine/dice/shard"
)

var allowActions = cmp.AllowUnexported(publish{}, list{}, finish{}, fail{})

// step is an event and what it should lead to.
type step struct {
	event event
	want  []action
}

func play(t *testing.T, m *machine, steps []step) {
	t.Helper()
	for i, s := range steps {
		if diff := cmp.Diff(s.want, m.handle(s.event), allowActions); diff != "" {
			t.Fatalf("step %d, %+v: want - got +\n%s", i, s.event, diff)
		}
	}
}

// after returns a time.
func after(seconds int) time.Time { return time.Unix(int64(seconds), 0) }

func TestMachine(t *testing.T) {
	start := func(stage shard.Stage, tasks int, done []int, waiting, generation int) began {
		return began{listed{stage: stage, done: done, waiting: waiting}, tasks, generation}
	}
	list1 := func(stage shard.Stage, done []int, waiting, taken int) listed {
		return listed{stage: stage, done: done, waiting: waiting, taken: taken}
	}
	other := []string{"y"}
	play(t, &machine{policy: policy{maxTrouble: 2}}, []step{
		{start(shard.Map, 3, []int{1}, 0, 5), []action{publish{shard.Map, []int{0, 2}, 6, false}}},
		{reported{shard.Map, 0, "z", after(0)}, nil},
		{reported{shard.Map, 0, "z", after(0)}, nil},
		{reported{shard.Reuse, 2, "z", after(0)}, nil},
		{reported{shard.Map, 99, "z", after(0)}, nil},
		{troubled{shard.Map, 2, "a", other, false, false, "store is slow"}, nil},
		{troubled{shard.Map, 2, "a", other, false, false, "store is slow"}, nil}, // one worker's trouble may be its own
		{troubled{shard.Map, -1, "a", other, false, false, "nonsense"}, nil},
		{doomed{shard.Map, 0, "late news of a task that is done"}, nil},
		{list1(shard.Map, []int{0, 1}, 1, 0), nil},
		{list1(shard.Map, []int{0, 1}, 0, 1), nil},
		{list1(shard.Map, []int{1}, -1, 0), nil}, // the queue cannot be reached
		{list1(shard.Map, []int{1}, 0, 0), []action{publish{shard.Map, []int{0, 2}, 7, false}}},
		{reported{shard.Map, 0, "z", after(0)}, nil},
		{reported{shard.Map, 2, "z", after(0)}, []action{list{shard.Map}}},
		{list1(shard.Map, []int{0, 1, 2}, -1, 0), []action{finish{shard.Map}}},
		{list1(shard.Map, []int{0, 1, 2}, 0, 0), nil},
		{doomed{shard.Map, 0, "late"}, nil},
		{start(shard.Write, 0, nil, 0, 0), []action{finish{shard.Write}}},
		{start(shard.Write, 1, nil, 1, 0), nil},
		{list1(shard.Write, nil, 0, 0), []action{publish{shard.Write, []int{0}, 1, false}}},
		{doomed{shard.Map, 0, "of an earlier stage"}, nil},
		{troubled{shard.Write, 0, "a", other, false, false, "a"}, nil},
		{troubled{shard.Write, 0, "b", other, false, false, "b"}, []action{fail{"b"}}},
		{reported{shard.Write, 0, "z", after(0)}, nil},
		{start(shard.Map, 1, nil, 1, 0), nil},
		{troubled{shard.Map, 0, "a", other, false, false, "a"}, nil},
		{troubled{shard.Map, 0, "a", nil, false, false, "there is nobody else"}, []action{fail{"there is nobody else"}}},
		{start(shard.Map, 1, nil, 1, 0), nil},
		{doomed{shard.Map, 0, "input changed"}, []action{fail{"input changed"}}},
	})
	play(t, &machine{policy: policy{maxTrouble: 8}}, []step{ // plain answers: of two workers, or twice of the only one
		{start(shard.Map, 2, nil, 2, 0), nil},
		{troubled{shard.Map, 0, "a", other, false, true, "denied"}, nil},
		{troubled{shard.Map, 0, "a", other, false, true, "denied"}, nil},
		{troubled{shard.Map, 1, "b", other, false, true, "denied"}, nil},
		{troubled{shard.Map, 0, "b", other, false, true, "denied"}, []action{fail{"denied"}}},
		{start(shard.Map, 1, nil, 1, 0), nil},
		{troubled{shard.Map, 0, "a", nil, false, true, "denied"}, nil},
		{troubled{shard.Map, 0, "a", nil, false, true, "denied"}, []action{fail{"denied"}}},
	})
}

// TestEachInTroubleWithItsOwn: the job also fails when no two workers fail at the same task, once none is left that has
// done anything.
func TestEachInTroubleWithItsOwn(t *testing.T) {
	trouble := func(task int, worker string, idle bool) event {
		others := slices.DeleteFunc([]string{"a", "b", "c"}, func(name string) bool { return name == worker })
		return troubled{shard.Map, task, worker, others, idle, false, worker}
	}
	play(t, &machine{policy: policy{maxTrouble: 2}}, []step{
		{began{listed{stage: shard.Map, waiting: 9}, 9, 0}, nil},
		{trouble(0, "a", false), nil}, {trouble(0, "a", false), nil},
		{trouble(1, "b", false), nil}, {trouble(1, "b", false), nil},
		{trouble(2, "c", false), nil},
		{reported{shard.Map, 3, "c", after(1)}, nil}, // so that c is well
		{trouble(0, "a", false), nil},                // c may help
		{trouble(2, "c", true), nil},                 // somebody waits
		{trouble(1, "b", false), nil},                // c failed once in a row
		{trouble(4, "c", false), nil},
		{trouble(1, "b", false), []action{fail{"b"}}},
	})
}

// TestStragglersAreOfferedTwice: once, when nothing waits, and only far behind their peers.
func TestStragglersAreOfferedTwice(t *testing.T) {
	m := &machine{policy: policy{maxTrouble: 2, patience: 5 * time.Second}}
	at := func(seconds int, done []int, waiting, taken int) listed {
		return listed{shard.Map, done, waiting, taken, after(seconds)}
	}
	steps := []step{{began{at(0, nil, 6, 0), 6, 0}, nil}}
	for task := range 6 {
		steps = append(steps, step{heard{shard.Map, task, after(0)}, nil}, step{heard{shard.Map, task, after(3)}, nil})
	}
	steps = append(steps, []step{
		{reported{shard.Map, 0, "z", after(3)}, nil},
		{reported{shard.Map, 1, "z", after(4)}, nil},
		{at(100, []int{0, 1}, 0, 4), nil}, // two peers tell nothing
		{reported{shard.Map, 2, "z", after(5)}, nil},
		{at(12, []int{0, 1, 2}, 0, 3), nil},  // three times their four seconds have not passed
		{at(13, []int{0, 1, 2}, 1, 2), nil},  // something waits
		{at(13, []int{0, 1, 2}, -1, 0), nil}, // nobody knows whether something waits
		{at(13, []int{0, 1, 2}, 0, 3), []action{publish{shard.Map, []int{3, 4, 5}, 1, true}}},
		{at(99, []int{0, 1, 2}, 0, 3), nil}, // once
		{reported{shard.Map, 3, "z", after(100)}, nil},
		{at(101, []int{0, 1, 2, 3, 4, 5}, 0, 1), []action{finish{shard.Map}}},
	}...)
	play(t, m, steps)

	quick := &machine{policy: policy{patience: 5 * time.Second}}
	play(t, quick, []step{
		{began{at(0, nil, 4, 0), 4, 0}, nil},
		{heard{shard.Map, 0, after(0)}, nil}, {heard{shard.Map, 1, after(0)}, nil},
		{heard{shard.Map, 2, after(0)}, nil}, {heard{shard.Map, 3, after(0)}, nil},
		{reported{shard.Map, 0, "z", after(0)}, nil}, {reported{shard.Map, 1, "z", after(0)}, nil}, {reported{shard.Map, 2, "z", after(0)}, nil},
		{at(5, []int{0, 1, 2}, 0, 1), nil}, // within the patience
		{at(6, []int{0, 1, 2}, 0, 1), []action{publish{shard.Map, []int{3}, 1, true}}},
	})
	early := &machine{policy: policy{patience: time.Second}} // three of ten are done: the others may be on their way
	steps = []step{{began{at(0, nil, 10, 0), 10, 0}, nil}}
	for task := range 10 {
		steps = append(steps, step{heard{shard.Map, task, after(0)}, nil})
	}
	for task := range 3 {
		steps = append(steps, step{reported{shard.Map, task, "z", after(1)}, nil})
	}
	play(t, early, append(steps, step{at(50, []int{0, 1, 2}, 0, 7), nil},
		step{at(101, []int{0, 1, 2}, 0, 7), []action{publish{shard.Map, []int{3, 4, 5, 6, 7, 8, 9}, 1, true}}}))
	single := &machine{policy: policy{patience: time.Second}} // without peers it takes far longer
	play(t, single, []step{
		{began{at(0, nil, 1, 0), 1, 0}, nil}, {heard{shard.Map, 0, after(0)}, nil},
		{at(100, nil, 0, 1), nil}, {at(101, nil, 0, 1), []action{publish{shard.Map, []int{0}, 1, true}}},
	})
}

// lossyWorld is a queue and workers that lose, repeat and reorder whatever they can.
type lossyWorld struct {
	r         *rand.Rand
	clock     int
	queue     []int
	taken     []int
	committed map[int]bool
}

// events lets some tasks be taken and some be done, and returns what the coordinator hears of it.
func (w *lossyWorld) events() []event {
	w.clock++
	var told []event
	for len(w.queue) > 0 && w.r.IntN(3) > 0 {
		at := w.r.IntN(len(w.queue))
		task := w.queue[at]
		if w.r.IntN(4) > 0 { // else delivered again later
			w.queue = slices.Delete(w.queue, at, at+1)
		}
		w.taken = append(w.taken, task)
		if w.r.IntN(3) > 0 {
			told = append(told, heard{shard.Map, task, after(w.clock)})
		}
	}
	for len(w.taken) > 0 && w.r.IntN(3) > 0 {
		at := w.r.IntN(len(w.taken))
		task := w.taken[at]
		w.taken = slices.Delete(w.taken, at, at+1)
		if w.r.IntN(5) == 0 {
			continue // the task is lost with its worker and its queue
		}
		w.committed[task] = true
		if w.r.IntN(3) > 0 {
			told = append(told, reported{shard.Map, task, "z", after(w.clock)})
		}
	}
	return append(told, w.listing())
}

func (w *lossyWorld) listing() event {
	done := slices.Collect(maps.Keys(w.committed))
	return listed{stage: shard.Map, done: done, waiting: len(w.queue), taken: len(w.taken), at: after(w.clock)}
}

// send queues tasks, unless the queue is in trouble.
func (w *lossyWorld) send(p publish) []event {
	if w.r.IntN(5) == 0 {
		return []event{unsent{p}}
	}
	w.queue = append(w.queue, p.tasks...)
	return nil
}

// TestMachineFinishesExactlyWhenAllIsCommitted whatever is lost, repeated or late. While tasks wait or are at work, only those
// that are slow are handed out.
func TestMachineFinishesExactlyWhenAllIsCommitted(t *testing.T) {
	offered := 0
	for seed := range uint64(300) {
		w := &lossyWorld{r: rand.New(rand.NewPCG(seed, 1)), committed: map[int]bool{}}
		n := 1 + w.r.IntN(20)
		m := &machine{policy: policy{maxTrouble: 3, patience: time.Second}}
		pending := []event{began{listed{stage: shard.Map, at: after(0)}, n, 0}}
		finished := false
		for round := 0; !finished; round++ {
			if round > 10_000 {
				t.Fatalf("seed %d: %d of %d tasks after %d rounds", seed, len(w.committed), n, round)
			}
			if len(pending) == 0 {
				pending = w.events()
			}
			seen, _ := pending[0].(listed)
			actions := m.handle(pending[0])
			pending = pending[1:]
			for _, a := range actions {
				switch a := a.(type) {
				case publish:
					if a.again {
						offered++
					} else if seen.waiting+seen.taken > 0 {
						t.Fatalf("seed %d: tasks are handed out anew while %+v", seed, seen)
					}
					pending = append(pending, w.send(a)...)
				case list:
					pending = append(pending, w.listing())
				case finish:
					finished = true
				case fail:
					t.Fatalf("seed %d: failed with %s", seed, a.cause)
				}
			}
		}
		if len(w.committed) != n {
			t.Fatalf("seed %d: finished with %d of %d tasks", seed, len(w.committed), n)
		}
	}
	if offered == 0 {
		t.Error("no world had a slow task")
	}
	t.Logf("%d times slow tasks were offered", offered)
}

// TestOneWorkerDoesNotFailTheJob: while another one is at its task for long, a worker that would always fail may do so
// many times, but not for ever.
func TestOneWorkerDoesNotFailTheJob(t *testing.T) {
	m := &machine{policy: policy{maxTrouble: 8}}
	m.handle(began{listed{stage: shard.Map, waiting: 2}, 2, 0})
	failed := 0
	for len(m.handle(troubled{shard.Map, 1, "bad", []string{"good"}, false, true, "denied"})) == 0 {
		failed++
	}
	if failed != farTooMuch*8-1 {
		t.Errorf("the job failed after %d attempts", failed+1)
	}
}
