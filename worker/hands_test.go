package worker

import (
	"errors"
	"testing"
	"time"
)

func TestHandsTakeATaskOnce(t *testing.T) {
	h := newHands()
	if !h.take("a") || !h.take("b") || h.take("a") {
		t.Error("a task in hand was taken again, or a free one not")
	}
	h.drop("a")
	if !h.take("a") {
		t.Error("a task that was dropped cannot be taken again")
	}
}

// TestHandsEndWhenUnfit: by tasks one after the other, not by several at once, and not when others succeed in between.
func TestHandsEndWhenUnfit(t *testing.T) {
	at := func(seconds int) time.Time { return time.Unix(int64(seconds), 0) }
	full := errors.New("disk is full")
	type event struct {
		o            outcome
		begun, ended int
	}
	for name, c := range map[string]struct {
		events []event
		ends   bool
	}{
		"in a row":             {[]event{{unfit, 1, 2}, {unfit, 3, 4}, {unfit, 5, 6}}, true},
		"at once":              {[]event{{unfit, 1, 4}, {unfit, 2, 4}, {unfit, 3, 4}, {unfit, 3, 5}}, false},
		"with a success":       {[]event{{unfit, 1, 2}, {unfit, 3, 4}, {done, 5, 6}, {unfit, 7, 8}, {unfit, 9, 10}}, false},
		"with what is no sign": {[]event{{unfit, 1, 2}, {over, 3, 4}, {giveBack, 3, 4}, {unfit, 5, 6}, {retry, 7, 8}, {unfit, 9, 10}}, true},
		"trouble of others":    {[]event{{retry, 1, 2}, {retry, 3, 4}, {faulty, 5, 6}, {retry, 7, 8}}, false},
	} {
		h := newHands()
		var err error
		for _, e := range c.events {
			if err != nil {
				t.Errorf("%s: ended too early", name)
			}
			_, err = h.note(e.o, at(e.begun), at(e.ended), full)
		}
		if (err != nil) != c.ends || err != nil && !errors.Is(err, full) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

// TestHandsPause: the longer a worker fails, the longer it leaves tasks to others.
func TestHandsPause(t *testing.T) {
	h := newHands()
	last := time.Duration(0)
	for i := range 20 {
		pause, err := h.note(retry, time.Unix(0, 0), time.Unix(1, 0), errors.New("store is down"))
		if err != nil || pause < last || pause > maxPause || i > 0 && pause == 0 {
			t.Fatalf("failure %d: pause %v after %v, %v", i, pause, last, err)
		}
		last = pause
	}
	if last != maxPause {
		t.Errorf("pause of %v at last", last)
	}
	if pause, _ := h.note(done, time.Unix(2, 0), time.Unix(3, 0), nil); pause != 0 {
		t.Errorf("pause of %v after a success", pause)
	}
}
