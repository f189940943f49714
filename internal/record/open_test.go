package record

import (
	"context"
	"errors"
	"io"
	"testing"
)

func TestDetect(t *testing.T) {
	for _, c := range []struct {
		name, data string
		want       objectFormat
	}{
		{"scan.parquet", "", parquetFile}, {"scan.JSONL.GZ", "{}", gzipLines}, {"s3://b/x.zst", "{}", zstdLines}, {"x.zstd", "", zstdLines},
		{"x", "", plainLines}, {"x", "{", plainLines}, {"x.jsonl", "{}\n{}", plainLines}, {"x", "PAR1", parquetFile},
		{"x", "\x1f\x8b", gzipLines}, {"x.json", "\x1f\x8b\x08\x00", gzipLines}, {"x", string(zstdMagic), zstdLines}, {"x", "\x51\x2a\x4d\x18", zstdLines},
	} {
		got, err := detect(objectOf(c.name, []byte(c.data)))
		if got != c.want || err != nil {
			t.Errorf("%s %q: format %d, %v, want %d", c.name, c.data, got, err, c.want)
		}
	}
}

func TestOpenReportsTheStore(t *testing.T) {
	broken := errors.New("connection reset")
	_, err := Open(context.Background(), Object{Name: "x", Size: 9, ReaderAt: flaky{nil, 0, broken}}, whole, nil, DefaultLimits)
	if !errors.Is(err, broken) {
		t.Errorf("error %v, want %v", err, broken)
	}
	_, err = OpenTable(context.Background(), Object{Name: "x", Size: 9, ReaderAt: flaky{nil, 0, io.EOF}}, whole, numberedShape, DefaultLimits)
	if !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("error %v, want %v", err, io.ErrUnexpectedEOF)
	}
}
