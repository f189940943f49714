package record

import (
	"encoding/binary"
	"errors"
)

var errDelta = errors.New("delta encoding is malformed")

// delta reads DELTA_BINARY_PACKED integers.
type delta struct {
	data    []byte
	perMini uint64 // values in a miniblock
	minis   uint64 // miniblocks in a block
	left    uint64 // values of all, the next one included
	last    int64  // the next value, for the first one; then the previous
	started bool
	least   int64  // of the block
	widths  []byte // of the block's miniblocks still to come
	width   uint64 // of the miniblock in hand
	inMini  uint64 // values left in it
	mini    []byte // its octets
	bit     uint64
}

func newDelta(data []byte) (delta, error) {
	d := delta{data: data}
	block, err := d.uvarint()
	if err != nil {
		return d, err
	}
	if d.minis, err = d.uvarint(); err != nil {
		return d, err
	}
	if d.left, err = d.uvarint(); err != nil {
		return d, err
	}
	if d.last, err = d.varint(); err != nil {
		return d, err
	}
	if block == 0 || block > 1<<20 || d.minis == 0 || d.minis > block || block%d.minis != 0 || block/d.minis%8 != 0 {
		return d, errDelta
	}
	d.perMini = block / d.minis
	return d, nil
}

func (d *delta) uvarint() (uint64, error) {
	v, n := binary.Uvarint(d.data)
	if n <= 0 {
		return 0, errDelta
	}
	d.data = d.data[n:]
	return v, nil
}

func (d *delta) varint() (int64, error) {
	u, err := d.uvarint()
	return int64(u>>1) ^ -int64(u&1), err
}

// next returns the next value.
func (d *delta) next() (int64, error) {
	if d.left == 0 {
		return 0, errValues
	}
	d.left--
	if !d.started {
		d.started = true
		return d.last, nil
	}
	if d.inMini == 0 {
		if err := d.nextMini(); err != nil {
			return 0, err
		}
	}
	d.inMini--
	d.last += d.least + int64(d.packed())
	return d.last, nil
}

func (d *delta) packed() uint64 {
	if d.width == 0 {
		return 0
	}
	at, shift := d.bit/8, d.bit&7
	v := wordAt(d.mini, at) >> shift
	if shift > 0 && shift+d.width > 64 {
		v |= uint64(d.mini[at+8]) << (64 - shift)
	}
	d.bit += d.width
	if d.width < 64 {
		v &= 1<<d.width - 1
	}
	return v
}

func (d *delta) nextMini() error {
	if len(d.widths) == 0 {
		least, err := d.varint()
		if err != nil {
			return err
		}
		if uint64(len(d.data)) < d.minis {
			return errDelta
		}
		d.least, d.widths, d.data = least, d.data[:d.minis], d.data[d.minis:]
	}
	d.width, d.widths = uint64(d.widths[0]), d.widths[1:]
	size := d.width * d.perMini / 8
	if d.width > 64 || size > uint64(len(d.data)) {
		return errDelta
	}
	d.mini, d.data, d.bit, d.inMini = d.data[:size], d.data[size:], 0, d.perMini
	return nil
}

// rest returns what follows the integers, without reading them.
func (d delta) rest() ([]byte, error) {
	if d.left == 0 {
		return d.data, nil
	}
	for left := d.left - 1; left > 0; left -= min(left, d.perMini) {
		if err := d.nextMini(); err != nil {
			return nil, err
		}
	}
	return d.data, nil
}
