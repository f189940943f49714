package store

import (
	"context"
	"sync"
)

// gate limits how many requests a process has under way. It halves the limit when the store is busy and raises it by
// one for each full round of good answers: the rule by which TCP shares a line.
type gate struct {
	mu     sync.Mutex
	limit  float64
	max    float64
	inside int
	queue  []chan struct{} // who waits, first come first served
}

func newGate(max int) *gate { return &gate{limit: float64(max), max: float64(max)} }

// enter waits for a place.
func (g *gate) enter(ctx context.Context) error {
	g.mu.Lock()
	if g.inside < int(g.limit) {
		g.inside++
		g.mu.Unlock()
		return nil
	}
	place := make(chan struct{})
	g.queue = append(g.queue, place)
	g.mu.Unlock()
	select {
	case <-place:
		return nil
	case <-ctx.Done():
		g.forget(place)
		return context.Cause(ctx)
	}
}

// forget takes a waiting call out of the queue, or gives back the place that it got meanwhile.
func (g *gate) forget(place chan struct{}) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for i, p := range g.queue {
		if p == place {
			g.queue = append(g.queue[:i], g.queue[i+1:]...)
			return
		}
	}
	g.inside--
	g.admit()
}

// leave gives a place back and says how the request fared.
func (g *gate) leave(busy bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.inside--
	if busy {
		g.limit = max(1, g.limit/2)
	} else {
		g.limit = min(g.max, g.limit+1/g.limit)
	}
	g.admit()
}

func (g *gate) admit() {
	for len(g.queue) > 0 && g.inside < int(g.limit) {
		close(g.queue[0])
		g.queue = g.queue[1:]
		g.inside++
	}
}
