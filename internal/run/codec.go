package run

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"slices"

	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/zstd"
)

// headerSize is that of a block's header.
const headerSize = 12

// ErrCorrupt is in the chain of every error about octets that no writer of this package wrote.
var ErrCorrupt = errors.New("corrupted data")

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Codec packs octets into blocks, and unpacks them. It keeps the tables of the compressor, so one is best used for many
// blocks. It is not safe for concurrent packing.
type Codec struct {
	enc *zstd.Encoder // made when first needed
	dec *zstd.Decoder // nil: blocks are compressed by S2
}

// NewFastCodec returns a Codec that compresses by S2: the one of runs, most of whose octets are hashes, on which zstd wastes
// its time.
func NewFastCodec() *Codec { return &Codec{} }

// largeBlock is a size of which few copies fit into a process's memory.
const largeBlock = 16 << 20

// NewCodec returns a Codec that compresses by zstd at its fastest.
func NewCodec() *Codec {
	dec, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
		zstd.WithDecodeAllCapLimit(true), zstd.WithDecoderMaxWindow(1<<29))
	if err != nil {
		panic(fmt.Sprintf("run: zstd decoder: %v", err)) // the options are wrong
	}
	return &Codec{dec: dec}
}

func (c *Codec) encoder() *zstd.Encoder {
	if c.enc == nil {
		enc, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedFastest),
			zstd.WithEncoderCRC(false), zstd.WithLowerEncoderMem(true), zstd.WithWindowSize(512<<10))
		if err != nil {
			panic(fmt.Sprintf("run: zstd encoder: %v", err)) // the options are wrong
		}
		c.enc = enc
	}
	return c.enc
}

// Pack appends a block of raw to dst, compressed where that is shorter.
func (c *Codec) Pack(dst, raw []byte) []byte {
	at := len(dst)
	dst = append(dst, make([]byte, headerSize)...)
	dst = c.compress(dst, raw)
	if len(dst)-at-headerSize >= len(raw) {
		dst = append(dst[:at+headerSize], raw...)
	}
	block := dst[at:]
	binary.LittleEndian.PutUint32(block, uint32(len(block)-headerSize))
	binary.LittleEndian.PutUint32(block[4:], uint32(len(raw)))
	binary.LittleEndian.PutUint32(block[8:], checksum(block))
	return dst
}

func (c *Codec) compress(dst, raw []byte) []byte {
	if c.dec != nil {
		if len(raw) > largeBlock { // else dst is copied while it grows, and both are held
			dst = slices.Grow(dst, c.encoder().MaxEncodedSize(len(raw)))
		}
		return c.encoder().EncodeAll(raw, dst)
	}
	at := len(dst)
	dst = slices.Grow(dst, s2.MaxEncodedLen(len(raw)))
	return dst[:at+len(s2.Encode(dst[at:cap(dst)], raw))]
}

// decompress writes what payload holds into dst, whose capacity bounds it.
func (c *Codec) decompress(dst, payload []byte) ([]byte, error) {
	if c.dec != nil {
		return c.dec.DecodeAll(payload, dst)
	}
	if n, err := s2.DecodedLen(payload); err != nil || n > cap(dst) {
		return nil, errors.Join(err, ErrCorrupt)
	}
	return s2.Decode(dst[:cap(dst)], payload)
}

// Unpack appends the raw octets of a whole block to dst. A block of more than limit raw octets is an error.
func (c *Codec) Unpack(dst, block []byte, limit int) ([]byte, error) {
	stored, raw, err := sizes(block, limit)
	if err != nil {
		return dst, err
	}
	if len(block) != headerSize+stored {
		return dst, fmt.Errorf("block of %d octets has %d: %w", headerSize+stored, len(block), ErrCorrupt)
	}
	if checksum(block) != binary.LittleEndian.Uint32(block[8:]) {
		return dst, fmt.Errorf("block's checksum: %w", ErrCorrupt)
	}
	payload := block[headerSize:]
	if stored == raw {
		return append(dst, payload...), nil
	}
	at := len(dst)
	dst = slices.Grow(dst, raw)
	out, err := c.decompress(dst[at:at:at+raw], payload)
	if err != nil {
		return dst, fmt.Errorf("decompress block: %w: %w", err, ErrCorrupt)
	}
	if len(out) != raw {
		return dst, fmt.Errorf("block of %d raw octets has %d: %w", raw, len(out), ErrCorrupt)
	}
	return dst[:at+raw], nil
}

// sizes reads a block's header.
func sizes(block []byte, limit int) (stored, raw int, err error) {
	if len(block) < headerSize {
		return 0, 0, fmt.Errorf("block header: %w", ErrCorrupt)
	}
	s, r := binary.LittleEndian.Uint32(block), binary.LittleEndian.Uint32(block[4:])
	if s == 0 || s > r || uint64(r) > uint64(limit) {
		return 0, 0, fmt.Errorf("block of %d octets for %d: %w", s, r, ErrCorrupt)
	}
	return int(s), int(r), nil
}

func checksum(block []byte) uint32 {
	return crc32.Update(crc32.Checksum(block[:8], castagnoli), castagnoli, block[headerSize:])
}
