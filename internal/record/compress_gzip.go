package record

import (
	"bufio"
	"bytes"

	"github.com/klauspost/compress/gzip"
)

// gzipMagic begins a member: the two octets of the format and the one method there is.
var gzipMagic = []byte{0x1f, 0x8b, 0x08}

// gzipMember decompresses gzip (RFC 1952).
type gzipMember struct{ *gzip.Reader }

// pass passes over zeros, with which objects are padded.
func (*gzipMember) pass(in *bufio.Reader) error {
	for {
		if _, err := in.Peek(1); err != nil {
			return nil // the end, or what the next reading tells
		}
		waiting, _ := in.Peek(in.Buffered())
		zeros := len(waiting) - len(bytes.TrimLeft(waiting, "\x00"))
		if _, err := in.Discard(zeros); err != nil || zeros < len(waiting) {
			return err
		}
	}
}

func (g *gzipMember) next(in *bufio.Reader) (err error) {
	if g.Reader == nil {
		g.Reader, err = gzip.NewReader(in)
	} else {
		err = g.Reset(in)
	}
	if err == nil {
		g.Multistream(false)
	}
	return err
}

func (*gzipMember) checked() bool { return true }

func (*gzipMember) close() {}

// startsGzip says whether b could be the beginning of a member: the upper flags are reserved and zero.
func startsGzip(b []byte) bool { return b[3]&0xe0 == 0 }
