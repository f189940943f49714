package record

import (
	"context"
	"errors"
	"math"
	"testing"
)

// TestBudgetStaysSpent: a page that is refused for its size leaves nothing for the next one, whatever it claimed.
func TestBudgetStaysSpent(t *testing.T) {
	for _, claimed := range []struct{ entries, octets int64 }{
		{freeEntries + 1, 0}, {math.MaxInt64, 0}, {0, freeOctets + 1}, {0, math.MaxInt64}, {math.MaxInt64, math.MaxInt64},
	} {
		w := newWorkshop(DefaultLimits, 0)
		for i, next := range []struct{ entries, octets int64 }{claimed, claimed, {1, 1}} {
			if err := w.take(next.entries, next.octets); !errors.Is(err, ErrLimit) {
				t.Errorf("page %d, the first one being of %d entries and %d octets: %v", i, claimed.entries, claimed.octets, err)
			}
		}
	}
	h := pageHeader{kind: pageData, values: math.MaxInt32 + 1}
	if err := h.check(0, DefaultLimits); err == nil {
		t.Error("a page of more values than a page can have was taken")
	}
}

// TestLongRowIsInterrupted: a row may have billions of entries, so reading also ends in the middle of one.
func TestLongRowIsInterrupted(t *testing.T) {
	c := &cursor{col: &column{}, shop: newWorkshop(DefaultLimits, 0), levelsOnly: true, rest: 1 << 40}
	if !c.fill() {
		t.Fatal(c.fault)
	}
	c.shop.ended.Store(true)
	if c.fill() || !errors.Is(c.fault, context.Canceled) {
		t.Errorf("read on: %v", c.fault)
	}
}
