package queue

import "time"

// seldom says when people are to be told of something that goes on: the first time after a while, and then again and
// again. It is made anew when the thing is over.
type seldom struct {
	after time.Duration // until the first time; 0: it is told at once
	every time.Duration
	next  time.Time
}

// due says whether now is such a time.
func (s *seldom) due(now time.Time) bool {
	if s.next.IsZero() {
		s.next = now.Add(s.after)
	}
	if now.Before(s.next) {
		return false
	}
	s.next = now.Add(s.every)
	return true
}
