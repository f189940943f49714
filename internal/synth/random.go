package synth

// random is a small generator of repeatable numbers (splitmix64). Every fact of a scan has one of its own, seeded by what
// the fact is about, so that facts can be asked for in any order.
type random struct{ state uint64 }

// about returns the generator for the fact that the numbers name.
func about(parts ...uint64) *random {
	r := random{0x9e3779b97f4a7c15}
	for _, part := range parts {
		r.state = mix(r.state^part) + 0x9e3779b97f4a7c15
	}
	return &r
}

func mix(z uint64) uint64 {
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

func (r *random) next() uint64 {
	r.state += 0x9e3779b97f4a7c15
	return mix(r.state)
}

// n returns a number in [0, n).
func (r *random) n(n int64) int64 { return int64(r.next() % uint64(n)) }

// in says yes k times of n.
func (r *random) in(k, n int64) bool { return r.n(n) < k }

// octets fills p.
func (r *random) octets(p []byte) []byte {
	var word uint64
	for i := range p {
		if i%8 == 0 {
			word = r.next()
		}
		p[i] = byte(word)
		word >>= 8
	}
	return p
}

// pick returns one of the values.
func pick[T any](r *random, values []T) T { return values[r.n(int64(len(values)))] }

// some returns each value with even odds, and at least one.
func some[T any](r *random, values []T) []T {
	var chosen []T
	for _, v := range values {
		if r.in(1, 2) {
			chosen = append(chosen, v)
		}
	}
	if chosen == nil {
		chosen = append(chosen, pick(r, values))
	}
	return chosen
}

// zipf draws ranks, the first ones most: rank k with a weight of 1/(k+1). Whole numbers make it the same everywhere.
type zipf struct{ sums []uint64 }

func newZipf(n int) *zipf {
	z := &zipf{sums: make([]uint64, n)}
	var sum uint64
	for k := range n {
		sum += 1 << 40 / uint64(k+1)
		z.sums[k] = sum
	}
	return z
}

func (z *zipf) draw(r *random) int {
	want := r.next() % z.sums[len(z.sums)-1]
	low, high := 0, len(z.sums)-1
	for low < high {
		middle := (low + high) / 2
		if z.sums[middle] > want {
			high = middle
		} else {
			low = middle + 1
		}
	}
	return low
}
