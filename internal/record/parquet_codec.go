package record

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
)

// Compression codecs of Parquet.
const (
	codecNone   = 0
	codecSnappy = 1
	codecGzip   = 2
	codecBrotli = 4
	codecZstd   = 6
	codecLZ4Raw = 7

	codecElsewhere = -1 // of chunks that are encrypted or in another file
)

var errSize = errors.New("decompressed size differs from the page header")

// inflater decompresses pages. It makes what it needs when it is first needed.
type inflater struct {
	zstd   *zstd.Decoder
	gzip   *gzip.Reader
	brotli *brotli.Reader
}

// inflate decompresses src into dst, whose length is the size that the page header gives. It never writes more.
func (x *inflater) inflate(codec int64, dst, src []byte) (err error) {
	switch codec {
	case codecSnappy:
		return inflateSnappy(dst, src)
	case codecGzip:
		return x.inflateGzip(dst, src)
	case codecBrotli:
		return x.inflateBrotli(dst, src)
	case codecZstd:
		return x.inflateZstd(dst, src)
	case codecLZ4Raw:
		n, err := lz4.UncompressBlock(src, dst)
		return sized(n, len(dst), err)
	case codecElsewhere:
		return errors.New("column is encrypted or in another file")
	}
	return fmt.Errorf("compression codec %d is not supported", codec)
}

func sized(got, want int, err error) error {
	if err == nil && got != want {
		return errSize
	}
	return err
}

func inflateSnappy(dst, src []byte) error {
	n, err := s2.DecodedLen(src)
	if err = sized(n, len(dst), err); err != nil {
		return err
	}
	out, err := s2.Decode(dst, src)
	if err == nil && len(out) > 0 && &out[0] != &dst[0] {
		copy(dst, out)
	}
	return err
}

func (x *inflater) inflateZstd(dst, src []byte) (err error) {
	if x.zstd == nil {
		x.zstd, err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecodeAllCapLimit(true), zstd.WithDecoderMaxWindow(1<<30))
		if err != nil {
			return err
		}
	}
	out, err := x.zstd.DecodeAll(src, dst[:0:len(dst)])
	return sized(len(out), len(dst), err)
}

func (x *inflater) inflateGzip(dst, src []byte) (err error) {
	if x.gzip == nil {
		x.gzip, err = gzip.NewReader(bytes.NewReader(src))
	} else {
		err = x.gzip.Reset(bytes.NewReader(src))
	}
	if err != nil {
		return err
	}
	return readExactly(x.gzip, dst)
}

func (x *inflater) inflateBrotli(dst, src []byte) error {
	if x.brotli == nil {
		x.brotli = new(brotli.Reader)
	}
	if err := x.brotli.Reset(bytes.NewReader(src)); err != nil {
		return err
	}
	return readExactly(x.brotli, dst)
}

func readExactly(r io.Reader, dst []byte) error {
	if _, err := io.ReadFull(r, dst); err != nil {
		return err
	}
	if n, err := r.Read(make([]byte, 1)); n > 0 || err != nil && err != io.EOF {
		return errSize
	}
	return nil
}

func (x *inflater) close() {
	if x.zstd != nil {
		x.zstd.Close()
	}
}
