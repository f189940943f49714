package record

import "fmt"

// deltaNumbers reads DELTA_BINARY_PACKED.
type deltaNumbers struct {
	delta
	narrow bool
}

func newDeltaNumbers(c *column, data []byte) (values, error) {
	if c.kind != typeInt32 && c.kind != typeInt64 {
		return nil, errEncoding
	}
	d, err := newDelta(data)
	return &deltaNumbers{d, c.kind == typeInt32}, err
}

func (p *deltaNumbers) read(b *batch, n int) error {
	for i := range n {
		v, err := p.next()
		if err != nil {
			return err
		}
		if p.narrow {
			v = int64(int32(v))
		}
		b.numbers[i] = v
	}
	return nil
}

// deltaSizes reads DELTA_LENGTH_BYTE_ARRAY.
type deltaSizes struct {
	sizes delta
	data  []byte
	at    int
}

func newDeltaSizes(c *column, data []byte) (values, error) {
	if c.kind != typeBytes {
		return nil, errEncoding
	}
	p, err := readDeltaSizes(data)
	return &p, err
}

func readDeltaSizes(data []byte) (p deltaSizes, err error) {
	if p.sizes, err = newDelta(data); err == nil {
		p.data, err = p.sizes.rest()
	}
	return p, err
}

// next returns where the next string lies in data.
func (p *deltaSizes) next() (from, to int, err error) {
	size, err := p.sizes.next()
	if err == nil && (size < 0 || size > int64(len(p.data)-p.at)) {
		err = errValues
	}
	if err != nil {
		return 0, 0, err
	}
	p.at += int(size)
	return p.at - int(size), p.at, nil
}

func (p *deltaSizes) read(b *batch, n int) error {
	for i := range n {
		from, to, err := p.next()
		if err != nil {
			return err
		}
		b.from[i], b.to[i] = uint32(from), uint32(to)
	}
	b.octets = p.data
	return nil
}

// deltaBytes reads DELTA_BYTE_ARRAY: each string shares a beginning with the one before.
type deltaBytes struct {
	prefixes delta
	suffixes deltaSizes
	last     []byte
	arena    []byte
	most     int64 // octets of a batch
	width    int   // of all strings; 0: any
}

func newDeltaBytes(c *column, data []byte, lim Limits) (values, error) {
	if c.kind != typeBytes && c.kind != typeFixed {
		return nil, errEncoding
	}
	p := &deltaBytes{most: lim.Page / 2} // the buffer that grows to it takes up to twice as much
	if c.kind == typeFixed {
		p.width = c.width
	}
	var err error
	if p.prefixes, err = newDelta(data); err != nil {
		return nil, err
	}
	rest, err := p.prefixes.rest()
	if err != nil {
		return nil, err
	}
	p.suffixes, err = readDeltaSizes(rest)
	return p, err
}

func (p *deltaBytes) read(b *batch, n int) error {
	p.last = append([]byte(nil), p.last...) // it lies in the arena
	p.arena = p.arena[:0]
	for i := range n {
		shared, err := p.prefixes.next()
		if err != nil {
			return err
		}
		from, to, err := p.suffixes.next()
		if err != nil {
			return err
		}
		if shared < 0 || shared > int64(len(p.last)) || p.width > 0 && int(shared)+to-from != p.width {
			return errDelta
		}
		start := len(p.arena)
		if int64(start)+shared+int64(to-from) > p.most {
			return fmt.Errorf("page grows beyond %d octets: %w", p.most, ErrLimit)
		}
		p.arena = append(append(p.arena, p.last[:shared]...), p.suffixes.data[from:to]...)
		p.last = p.arena[start:]
		b.from[i], b.to[i] = uint32(start), uint32(len(p.arena))
	}
	b.octets = p.arena
	return nil
}
