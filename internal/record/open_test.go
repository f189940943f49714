package record

import (
	"context"
	"errors"
	"io"
	"strings"
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

// TestForeignCompression: what is compressed in a way that is not read is rejected once, and not line by line.
func TestForeignCompression(t *testing.T) {
	for name, data := range map[string]string{
		"x.jsonl.bz2": "BZh91AY&SY\n\n\n", "x": "BZh9", "x.xz": "\xfd7zXZ\x00\n\n", "x.lz4": "\x04\x22\x4d\x18\n\n",
		"x.zip": "PK\x03\x04\n\n", "x.jsonl": "7z\xbc\xaf\x27\x1c\n\n", "x.jsonl.BR": "\x0b\x02\n\n",
	} {
		obj := objectOf(name, []byte(data))
		for _, s := range []Slice{whole, {2, obj.Size}} {
			got, counts := readAll(t, obj, s, DefaultLimits)
			if len(got) != 1 || !strings.HasPrefix(got[0], "0/-1 lost 0 want -1") || !strings.Contains(got[0], "use gzip or Zstandard") || counts != (Counts{}) {
				t.Errorf("%s: got %q, %+v", name, got, counts)
			}
		}
		if _, err := Foresee(t.Context(), obj, []Slice{whole}, nil, DefaultLimits); err == nil {
			t.Errorf("%s: was foreseen to be read", name)
		}
		if r, err := OpenTable(t.Context(), obj, whole, numberedShape, DefaultLimits); err != nil {
			t.Errorf("%s: %v", name, err)
		} else if _, err = r.Next(); !errors.As(err, new(foreign)) {
			t.Errorf("%s: as a table: %v", name, err)
		}
	}
}

// TestBrotliIsNoName: text, and what has the first octets of a format, is that, though a country's scans end with .br.
func TestBrotliIsNoName(t *testing.T) {
	for data, want := range map[string]objectFormat{
		`{"ip":"192.0.2.1"}`: plainLines, "\n{}": plainLines, "PAR1....": parquetFile, "\x1f\x8b\x08\x00....": gzipLines, "": plainLines,
	} {
		if got, err := detect(objectOf("scan/hosts.br", []byte(data))); got != want || err != nil {
			t.Errorf("%q: format %d, %v, want %d", data, got, err, want)
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
