package record

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"
)

// zstdMagic begins a frame.
var zstdMagic = []byte{0x28, 0xb5, 0x2f, 0xfd}

// zstdWindow is the largest window a frame may ask for: what the zstd tool reads without being told to.
const zstdWindow = 128 << 20

// isSkippable says whether a frame that holds no text begins here.
func isSkippable(b []byte) bool {
	return len(b) >= 4 && binary.LittleEndian.Uint32(b)&^0xf == 0x184d2a50
}

// zstdMember decompresses Zstandard frames (RFC 8878). The decoder sees one frame at a time: its end is found by walking
// over its blocks, so that offsets are exact.
type zstdMember struct {
	decoder *zstd.Decoder
	err     error // no decoder
	in      *bufio.Reader
	left    int64 // octets until the next header of a block
	sum     bool  // a checksum follows the last block
	blocks  bool  // more blocks follow
	bare    bool  // a frame was met that has no checksum
}

func newZstdMember() *zstdMember {
	d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(zstdWindow))
	return &zstdMember{decoder: d, err: err}
}

// pass passes over skippable frames.
func (z *zstdMember) pass(in *bufio.Reader) error {
	for {
		head, err := in.Peek(8)
		if !isSkippable(head) {
			return nil
		}
		if err != nil {
			return cutOff(err)
		}
		for left := 8 + int64(binary.LittleEndian.Uint32(head[4:])); left > 0; {
			n, err := in.Discard(int(min(left, 1<<20)))
			if err != nil {
				return cutOff(err)
			}
			left -= int64(n)
		}
	}
}

func (z *zstdMember) next(in *bufio.Reader) error {
	if z.err != nil {
		return z.err
	}
	head, err := in.Peek(zstd.HeaderMaxSize)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	var h zstd.Header
	if err := h.Decode(head); err != nil {
		return fmt.Errorf("frame header: %w", cutOff(err))
	}
	z.in, z.left, z.sum, z.blocks = in, int64(h.HeaderSize), h.HasCheckSum, true
	z.bare = z.bare || !h.HasCheckSum
	return z.decoder.Reset(zstdFrame{z})
}

func (z *zstdMember) Read(p []byte) (int, error) { return z.decoder.Read(p) }

func (z *zstdMember) checked() bool { return !z.bare }

func (z *zstdMember) close() {
	if z.decoder != nil {
		z.decoder.Close()
	}
}

// zstdFrame is the compressed octets of the frame at hand.
type zstdFrame struct{ *zstdMember }

func (z zstdFrame) Read(p []byte) (int, error) {
	if z.left == 0 {
		if err := z.nextPart(); err != nil {
			return 0, err
		}
	}
	n, err := z.in.Read(p[:min(int64(len(p)), z.left)])
	z.left -= int64(n)
	return n, cutOff(err)
}

// nextPart goes on to the next block, or to the checksum, or reports the frame's end.
func (z zstdFrame) nextPart() error {
	if !z.blocks {
		if !z.sum {
			return io.EOF
		}
		z.sum, z.left = false, 4
		return nil
	}
	head, err := z.in.Peek(3)
	if err != nil {
		return cutOff(err)
	}
	block := int64(head[0]) | int64(head[1])<<8 | int64(head[2])<<16
	z.blocks, z.left = block&1 == 0, 3+block>>3
	if block>>1&3 == 1 { // one octet stands for all
		z.left = 4
	}
	return nil
}

// cutOff says of an end of the input where more must follow that it comes too early.
func cutOff(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
