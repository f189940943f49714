package coordinator

import (
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dice-engine/dice/shard"
)

var allowActions = cmp.AllowUnexported(publish{}, list{}, finish{}, fail{})

func TestMachine(t *testing.T) {
	m := &machine{maxTrouble: 2}
	for i, step := range []struct {
		event event
		want  []action
	}{
		{began{shard.Map, 3, []int{1}, 0, 5}, []action{publish{shard.Map, []int{0, 2}, 6}}},
		{reported{shard.Map, 0}, nil},
		{reported{shard.Map, 0}, nil},
		{reported{shard.Reuse, 2}, nil},
		{reported{shard.Map, 99}, nil},
		{troubled{shard.Map, 2, "store is slow"}, nil},
		{listed{shard.Map, []int{0, 1}, 1}, nil},
		{listed{shard.Map, []int{1}, 0}, []action{publish{shard.Map, []int{0, 2}, 7}}},
		{reported{shard.Map, 0}, nil},
		{reported{shard.Map, 2}, []action{list{shard.Map}}},
		{listed{shard.Map, []int{0, 1, 2}, 0}, []action{finish{shard.Map}}},
		{listed{shard.Map, []int{0, 1, 2}, 0}, nil},
		{doomed{"late"}, nil},
		{began{shard.Write, 0, nil, 0, 0}, []action{finish{shard.Write}}},
		{began{shard.Write, 1, nil, 1, 0}, nil},
		{listed{shard.Write, nil, 0}, []action{publish{shard.Write, []int{0}, 1}}},
		{troubled{shard.Write, 0, "a"}, nil},
		{troubled{shard.Write, 0, "b"}, []action{fail{"b"}}},
		{reported{shard.Write, 0}, nil},
	} {
		got := m.handle(step.event)
		if diff := cmp.Diff(step.want, got, allowActions); diff != "" {
			t.Fatalf("step %d, %+v: want - got +\n%s", i, step.event, diff)
		}
	}
}

// lossyWorld is a queue and workers that lose, repeat and reorder whatever they can.
type lossyWorld struct {
	r         *rand.Rand
	queue     []int
	committed map[int]bool
}

// events lets some tasks be done, and returns what the coordinator hears of it.
func (w *lossyWorld) events() []event {
	var heard []event
	for len(w.queue) > 0 && w.r.IntN(3) > 0 {
		at := w.r.IntN(len(w.queue))
		task := w.queue[at]
		if w.r.IntN(4) > 0 { // else delivered again later
			w.queue = append(w.queue[:at], w.queue[at+1:]...)
		}
		if w.r.IntN(5) == 0 {
			continue // the task is lost with its worker and its queue
		}
		w.committed[task] = true
		if w.r.IntN(3) > 0 {
			heard = append(heard, reported{shard.Map, task})
		}
	}
	return append(heard, w.listing())
}

func (w *lossyWorld) listing() event {
	var done []int
	for task := range w.committed {
		done = append(done, task)
	}
	return listed{shard.Map, done, len(w.queue)}
}

// TestMachineFinishesExactlyWhenAllIsCommitted whatever is lost, repeated or late.
func TestMachineFinishesExactlyWhenAllIsCommitted(t *testing.T) {
	for seed := range uint64(300) {
		w := &lossyWorld{r: rand.New(rand.NewPCG(seed, 1)), committed: map[int]bool{}}
		n := 1 + w.r.IntN(20)
		m := &machine{maxTrouble: 3}
		pending := []event{began{stage: shard.Map, tasks: n}}
		finished := false
		for round := 0; !finished; round++ {
			if round > 10_000 {
				t.Fatalf("seed %d: %d of %d tasks after %d rounds", seed, len(w.committed), n, round)
			}
			if len(pending) == 0 {
				pending = w.events()
			}
			actions := m.handle(pending[0])
			pending = pending[1:]
			for _, a := range actions {
				switch a := a.(type) {
				case publish:
					w.queue = append(w.queue, a.tasks...)
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
}
