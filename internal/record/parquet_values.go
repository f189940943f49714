package record

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

// Encodings of Parquet.
const (
	encodingPlain      = 0
	encodingDictPlain  = 2
	encodingRLE        = 3
	encodingBitPacked  = 4
	encodingDelta      = 5
	encodingDeltaSizes = 6
	encodingDeltaBytes = 7
	encodingDict       = 8
	encodingSplit      = 9
)

// batchSize is how many entries of a column are decoded at a time.
const batchSize = 1024

// batch holds decoded values. Values of strings are ranges of octets; all others are integers, floats by their bits.
type batch struct {
	octets  []byte
	from    [batchSize]uint32
	to      [batchSize]uint32
	numbers [batchSize]int64
	codes   [batchSize]uint32 // into a dictionary, while decoding
}

// values decodes the values of a page, in order, n at most batchSize at a time.
type values interface {
	read(b *batch, n int) error
}

// newValues returns the decoder of a data page.
func newValues(c *column, encoding int64, data []byte, dict *dictionary, lim Limits) (values, error) {
	switch encoding {
	case encodingPlain:
		return newPlain(c, data), nil
	case encodingDict, encodingDictPlain:
		return newCodes(data, dict)
	case encodingRLE:
		return newBitRuns(c, data)
	case encodingDelta:
		return newDeltaNumbers(c, data)
	case encodingDeltaSizes:
		return newDeltaSizes(c, data)
	case encodingDeltaBytes:
		return newDeltaBytes(c, data, lim)
	case encodingSplit:
		return newSplit(c, data)
	}
	return nil, fmt.Errorf("encoding %d is not supported", encoding)
}

func newPlain(c *column, data []byte) values {
	switch c.kind {
	case typeBytes:
		return &plainBytes{data: data}
	case typeBoolean:
		return &bitValues{newPackedBits(data)}
	case typeFixed:
		return &plainFixed{data: data, width: c.width}
	}
	return &plainNumbers{data: data, kind: c.kind}
}

// plainBytes reads length-prefixed strings.
type plainBytes struct {
	data []byte
	at   int
}

func (p *plainBytes) read(b *batch, n int) error {
	data, at := p.data, p.at
	for i := range n {
		if len(data)-at < 4 {
			return errValues
		}
		size := binary.LittleEndian.Uint32(data[at:])
		at += 4
		if uint64(size) > uint64(len(data)-at) {
			return errValues
		}
		b.from[i], b.to[i] = uint32(at), uint32(at)+size
		at += int(size)
	}
	b.octets, p.at = data, at
	return nil
}

// plainFixed reads strings of one length.
type plainFixed struct {
	data  []byte
	at    int
	width int
}

func (p *plainFixed) read(b *batch, n int) error {
	if len(p.data)-p.at < n*p.width {
		return errValues
	}
	for i := range n {
		b.from[i], b.to[i] = uint32(p.at), uint32(p.at+p.width)
		p.at += p.width
	}
	b.octets = p.data
	return nil
}

// plainNumbers reads numbers of fixed width.
type plainNumbers struct {
	data []byte
	kind int
}

// numberWidth is in octets, by physical type.
var numberWidth = [...]int{typeInt32: 4, typeInt64: 8, typeInt96: 12, typeFloat: 4, typeDouble: 8}

func (p *plainNumbers) read(b *batch, n int) error {
	width := numberWidth[p.kind]
	if len(p.data) < n*width {
		return errValues
	}
	for i := range n {
		b.numbers[i] = number(p.kind, p.data[i*width:])
	}
	p.data = p.data[n*width:]
	return nil
}

func number(kind int, data []byte) int64 {
	switch kind {
	case typeInt32:
		return int64(int32(binary.LittleEndian.Uint32(data)))
	case typeFloat:
		return int64(math.Float64bits(float64(math.Float32frombits(binary.LittleEndian.Uint32(data)))))
	case typeInt96:
		return int96(data)
	}
	return int64(binary.LittleEndian.Uint64(data))
}

// int96 is a time stamp of old writers, nanoseconds of the day and Julian day, here in microseconds since 1970.
func int96(data []byte) int64 {
	const julian1970 = 2440588
	nanos, day := int64(binary.LittleEndian.Uint64(data)), int64(int32(binary.LittleEndian.Uint32(data[8:])))
	if day < 0 || day > 3*julian1970 { // long before year 1, or after year 9999
		return math.MaxInt64 // which is no time
	}
	return (day-julian1970)*dayMicros + nanos/1000
}

// bitValues reads bools.
type bitValues struct{ bits hybrid }

func newPackedBits(data []byte) hybrid {
	return hybrid{data: data, width: 1, packed: true, left: uint64(len(data)) * 8, end: uint64(len(data))}
}

func newBitRuns(c *column, data []byte) (values, error) {
	if c.kind != typeBoolean || len(data) < 4 {
		return nil, errEncoding
	}
	size := binary.LittleEndian.Uint32(data)
	if uint64(size) > uint64(len(data)-4) {
		return nil, errValues
	}
	return &bitValues{newHybrid(data[4:4+size], 1)}, nil
}

var errEncoding = errors.New("encoding does not suit the column's type")

func (p *bitValues) read(b *batch, n int) error {
	if err := readHybrid(&p.bits, b.codes[:n]); err != nil {
		return err
	}
	for i, bit := range b.codes[:n] {
		b.numbers[i] = int64(bit)
	}
	return nil
}

// dictionary is the values that a chunk's pages refer to.
type dictionary struct {
	octets  []byte   // of strings
	from    []uint32 // of strings with a length before each, and where one more would start
	width   uint32   // of strings of one length
	numbers []int64
	size    int
}

// octetsOfEntry is what a dictionary takes for each of its values beside the page.
func octetsOfEntry(c *column) int64 {
	switch c.kind {
	case typeFixed:
		return 0
	case typeBytes:
		return 4
	}
	return 8
}

// newDictionary decodes a dictionary page of n values. It keeps data.
func newDictionary(c *column, data []byte, n int) (*dictionary, error) {
	d := &dictionary{octets: data, size: n}
	switch c.kind {
	case typeBytes:
		d.from = make([]uint32, 0, n+1)
	case typeBoolean:
		return nil, errEncoding
	case typeFixed:
		d.width = uint32(c.width)
		if n > len(data)/c.width {
			return nil, errValues
		}
		return d, nil
	default:
		d.numbers = make([]int64, 0, n)
	}
	plain := newPlain(c, data)
	var b batch
	for left := n; left > 0; left -= min(left, batchSize) {
		k := min(left, batchSize)
		if err := plain.read(&b, k); err != nil {
			return nil, err
		}
		if c.kind == typeBytes {
			d.from = append(d.from, b.from[:k]...)
		} else {
			d.numbers = append(d.numbers, b.numbers[:k]...)
		}
	}
	if p, ok := plain.(*plainBytes); ok {
		d.from = append(d.from, uint32(p.at)+4)
	}
	return d, nil
}

// codes reads indexes into a dictionary and looks them up.
type codes struct {
	runs hybrid
	dict *dictionary
}

func newCodes(data []byte, dict *dictionary) (values, error) {
	if dict == nil {
		return nil, errors.New("page needs a dictionary and there is none")
	}
	if len(data) == 0 {
		return &codes{newHybrid(nil, 1), dict}, nil // of a page of nulls
	}
	if data[0] > 32 {
		return nil, errRun
	}
	return &codes{newHybrid(data[1:], uint(data[0])), dict}, nil
}

func (p *codes) read(b *batch, n int) error {
	if err := readHybrid(&p.runs, b.codes[:n]); err != nil {
		return err
	}
	d := p.dict
	for _, code := range b.codes[:n] {
		if int64(code) >= int64(d.size) {
			return fmt.Errorf("dictionary of %d values has none at %d", d.size, code)
		}
	}
	switch {
	case d.numbers != nil:
		for i, code := range b.codes[:n] {
			b.numbers[i] = d.numbers[code]
		}
	case d.width > 0:
		for i, code := range b.codes[:n] {
			b.from[i], b.to[i] = code*d.width, (code+1)*d.width
		}
	default:
		for i, code := range b.codes[:n] {
			b.from[i], b.to[i] = d.from[code], d.from[code+1]-4
		}
	}
	b.octets = d.octets
	return nil
}

// split reads BYTE_STREAM_SPLIT: the first octets of all values, then the second ones, and so on.
type split struct {
	data  []byte
	kind  int
	width int
	count int
	at    int
	arena []byte
}

func newSplit(c *column, data []byte) (values, error) {
	p := &split{data: data, kind: c.kind, width: c.width}
	switch c.kind {
	case typeInt32, typeInt64, typeFloat, typeDouble:
		p.width = numberWidth[c.kind]
	case typeFixed:
	default:
		return nil, errEncoding
	}
	p.count = len(data) / p.width
	return p, nil
}

func (p *split) read(b *batch, n int) error {
	if p.count-p.at < n {
		return errValues
	}
	p.arena = p.arena[:0]
	for i := range n {
		start := len(p.arena)
		for k := range p.width {
			p.arena = append(p.arena, p.data[k*p.count+p.at])
		}
		p.at++
		if p.kind == typeFixed {
			b.from[i], b.to[i] = uint32(start), uint32(len(p.arena))
			continue
		}
		b.numbers[i] = number(p.kind, p.arena[start:])
	}
	b.octets = p.arena
	return nil
}
