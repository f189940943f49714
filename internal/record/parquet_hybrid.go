package record

import (
	"encoding/binary"
	"errors"
	"math/bits"
)

var (
	errValues = errors.New("page holds fewer values than it says")
	errRun    = errors.New("run of values is malformed")
)

// hybrid reads Parquet's mix of runs and packed integers, a batch at a time: nothing is allocated for what a run claims.
type hybrid struct {
	data   []byte
	width  uint
	left   uint64 // values left in the run
	packed bool
	value  uint32 // of a run that is not packed
	bit    uint64 // next bit in data, of a packed run
	end    uint64 // octet of data behind a packed run
}

func newHybrid(data []byte, width uint) hybrid { return hybrid{data: data, width: width} }

// levelWidth is the width of levels up to highest.
func levelWidth(highest uint8) uint { return uint(bits.Len8(highest)) }

// readHybrid fills dst.
func readHybrid[T uint8 | uint32](h *hybrid, dst []T) error {
	if h.width == 0 {
		clear(dst)
		return nil
	}
	for len(dst) > 0 {
		if h.left == 0 {
			if err := h.nextRun(); err != nil {
				return err
			}
			continue
		}
		n := int(min(uint64(len(dst)), h.left))
		if h.packed {
			unpack(h, dst[:n])
		} else {
			fill(dst[:n], T(h.value))
		}
		h.left -= uint64(n)
		dst = dst[n:]
	}
	return nil
}

func fill[T uint8 | uint32](dst []T, v T) {
	for i := range dst {
		dst[i] = v
	}
}

func (h *hybrid) nextRun() error {
	if h.packed {
		h.data, h.packed = h.data[h.end:], false
	}
	if len(h.data) == 0 {
		return errValues
	}
	head, n := binary.Uvarint(h.data)
	if n <= 0 || head>>1 > 1<<31 {
		return errRun
	}
	h.data = h.data[n:]
	if head&1 == 1 {
		return h.startPacked(head >> 1)
	}
	size := int(h.width+7) / 8
	if len(h.data) < size {
		return errRun
	}
	var value [4]byte
	copy(value[:], h.data[:size])
	h.value, h.left, h.data = binary.LittleEndian.Uint32(value[:]), head>>1, h.data[size:]
	return nil
}

// startPacked begins a run of groups of eight values. Some writers leave out the end of the last group.
func (h *hybrid) startPacked(groups uint64) error {
	h.end = min(groups*uint64(h.width), uint64(len(h.data)))
	h.left = min(groups*8, h.end*8/uint64(h.width))
	h.packed, h.bit = true, 0
	if groups > 0 && h.left == 0 {
		return errRun
	}
	return nil
}

func unpack[T uint8 | uint32](h *hybrid, dst []T) {
	mask := uint64(1)<<h.width - 1
	width, bit := uint64(h.width), h.bit
	data := h.data[:h.end]
	i := 0
	if width <= 8 { // eight values lie in eight octets
		i = unpackNarrow(data, dst, width, &bit)
	}
	for ; i < len(dst) && bit/8+8 <= uint64(len(data)); i++ {
		dst[i] = T(binary.LittleEndian.Uint64(data[bit/8:]) >> (bit & 7) & mask)
		bit += width
	}
	for ; i < len(dst); i++ {
		dst[i] = T(wordAt(data, bit/8) >> (bit & 7) & mask)
		bit += width
	}
	h.bit = bit
}

// unpackNarrow unpacks values by eights from bit on, as far as they begin at octets and eight octets are left, and returns how many.
func unpackNarrow[T uint8 | uint32](data []byte, dst []T, width uint64, bit *uint64) (n int) {
	mask := uint64(1)<<width - 1
	for at := *bit / 8; *bit%8 == 0 && len(dst)-n >= 8 && at+8 <= uint64(len(data)); at += width {
		word := binary.LittleEndian.Uint64(data[at:])
		d := dst[n : n+8 : n+8]
		d[0] = T(word & mask)
		d[1] = T(word >> (width & 63) & mask)
		d[2] = T(word >> (2 * width & 63) & mask)
		d[3] = T(word >> (3 * width & 63) & mask)
		d[4] = T(word >> (4 * width & 63) & mask)
		d[5] = T(word >> (5 * width & 63) & mask)
		d[6] = T(word >> (6 * width & 63) & mask)
		d[7] = T(word >> (7 * width & 63) & mask)
		n += 8
		*bit += 8 * width
	}
	return n
}

// wordAt reads up to eight octets at the end of data.
func wordAt(data []byte, at uint64) uint64 {
	var word [8]byte
	copy(word[:], data[at:])
	return binary.LittleEndian.Uint64(word[:])
}
