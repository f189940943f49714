package worker

import (
	"context"
	"sync"

	"golang.org/x/sync/singleflight"
)

// shared holds what several tasks use, by name, and has each opened once for all that ask for it meanwhile. Who asks for
// one that is slow to open keeps nobody waiting who asks for another one. It is safe for concurrent use.
type shared[V any] struct {
	most    int // that are kept; 0: all
	opening singleflight.Group

	mu    sync.Mutex
	known map[string]V
}

// get returns what has a name, opening it the first time. The opening goes on when ctx ends, as others may wait for it.
func (s *shared[V]) get(ctx context.Context, name string, open func(context.Context) (V, error)) (v V, err error) {
	if v, ok := s.look(name); ok {
		return v, nil
	}
	opened := s.opening.DoChan(name, func() (any, error) {
		if v, ok := s.look(name); ok { // somebody was faster
			return v, nil
		}
		v, err := open(context.WithoutCancel(ctx))
		if err == nil {
			s.keep(name, v)
		}
		return v, err
	})
	select {
	case <-ctx.Done():
		return v, context.Cause(ctx)
	case r := <-opened:
		v, _ = r.Val.(V)
		return v, r.Err
	}
}

func (s *shared[V]) look(name string) (v V, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	v, ok = s.known[name]
	return v, ok
}

func (s *shared[V]) keep(name string, v V) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.known == nil || s.most > 0 && len(s.known) >= s.most {
		s.known = map[string]V{}
	}
	s.known[name] = v
}
