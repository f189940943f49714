package record

import (
	"bufio"

	"github.com/klauspost/compress/gzip"
)

// gzipMagic begins a member: the two octets of the format and the one method there is.
var gzipMagic = []byte{0x1f, 0x8b, 0x08}

// gzipMember decompresses gzip (RFC 1952).
type gzipMember struct{ *gzip.Reader }

func (*gzipMember) pass(*bufio.Reader) error { return nil }

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

func (*gzipMember) close() {}

// startsGzip says whether b could be the beginning of a member: the upper flags are reserved and zero.
func startsGzip(b []byte) bool { return b[3]&0xe0 == 0 }
