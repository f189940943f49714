package grow

import (
	"fmt"
	"slices"
	"testing"
)

// TestRoom: a small buffer doubles, a large one does not, and what is in it stays.
func TestRoom(t *testing.T) {
	for _, c := range []struct{ values, more, least, most int }{
		{0, 3, 3, 16}, {1000, 1, 2000, 3000}, {1000, 5000, 6000, 9000}, {few, 1, few, few},
	} {
		s := slices.Grow([]byte(nil), c.values)
		s = s[:cap(s)]
		s = s[:c.values:c.values]
		for i := range s {
			s[i] = byte(i)
		}
		before := slices.Clone(s)
		got := Room(s, c.more)
		if cap(got) < c.least || cap(got) > c.most || !slices.Equal(got, before) {
			t.Errorf("%d values and %d more: room for %d, want %d to %d", c.values, c.more, cap(got), c.least, c.most)
		}
		if all := Append(s, before); !slices.Equal(all, append(slices.Clone(before), before...)) {
			t.Errorf("%d values appended to themselves: got %d", c.values, len(all))
		}
	}
}

func ExampleRoom() {
	var squares []int
	for i := range 4 {
		squares = append(Room(squares, 1), i*i)
	}
	fmt.Println(squares)
	// Output: [0 1 4 9]
}
