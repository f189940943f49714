// Package grow makes room in buffers that are filled value by value.
//
// A buffer that append grows is copied again and again while it is small: by a quarter at a time, from 256 values on. [Room]
// doubles it up to a million values, and leaves it to append from there on, which copies more and wastes less:
//
//	buffer = append(grow.Room(buffer, 1), value)
package grow

import "slices"

// few is up to how many values a buffer is doubled.
const few = 1 << 20

// Room makes room for n more values.
func Room[T any](s []T, n int) []T {
	if cap(s)-len(s) < n && cap(s) < few {
		return slices.Grow(s, max(n, cap(s)))
	}
	return s
}

// By makes a buffer longer by n values, which are not set.
func By[T any](s []T, n int) []T { return slices.Grow(Room(s, n), n)[:len(s)+n] }

// Append appends more values.
func Append[T any](dst, more []T) []T { return append(Room(dst, len(more)), more...) }
