package record

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/dice-engine/dice/internal/tape"
	"github.com/dice-engine/dice/shard"
)

// objectFormat is how an object is written.
type objectFormat int

const (
	plainLines objectFormat = iota
	gzipLines
	zstdLines
	parquetFile
)

// Open starts to read the records of a slice of an object. What is wrong with the object's data comes from Next; an
// error of Open is the store's.
func Open(ctx context.Context, obj Object, s Slice, wants []Want, lim Limits) (Reader, error) {
	f, err := detect(obj)
	switch {
	case errors.As(err, new(foreign)):
		return refuse(obj, err), nil
	case err != nil:
		return nil, err
	case f == parquetFile:
		return openParquet(ctx, obj, s, wants, lim)
	}
	p := newJSONParser(wants, lim)
	return openLines(ctx, obj, s, f, lim, p, p.parseLine)
}

// SideRow has the columns that are read of a side table: the certificate that a host presented.
type SideRow struct {
	IP          string    `tape:"ip"`
	Certificate tape.Cert `tape:"certificate"`
}

// OpenTable starts to read a table whose rows, or top-level objects, are structs of shape. They come as results of Want
// 0, without anything of a record's envelope.
func OpenTable(ctx context.Context, obj Object, s Slice, shape *tape.Shape, lim Limits) (Reader, error) {
	f, err := detect(obj)
	switch {
	case errors.As(err, new(foreign)):
		return refuse(obj, err), nil
	case err != nil:
		return nil, err
	case f == parquetFile:
		return openParquetTable(ctx, obj, s, shape, lim)
	}
	p := newJSONParser([]Want{{Result: shape}}, lim)
	return openLines(ctx, obj, s, f, lim, p, p.parseTableLine)
}

// detect tells the format by the name's ending, or else by the first octets. Its error is the store's, or a foreign.
func detect(obj Object) (objectFormat, error) {
	if obj.Text {
		return plainLines, nil
	}
	if f := formatOfName(obj.Name); f >= 0 {
		return f, nil
	}
	var magic [magicOctets]byte
	n := min(obj.Size, magicOctets)
	if got, err := obj.ReadAt(magic[:n], 0); int64(got) < n {
		if err == nil || errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return plainLines, fmt.Errorf("open %s: %w", obj.Name, err)
	}
	if f := foreignTo(obj.Name, magic[:n]); f != "" {
		return plainLines, f
	}
	return formatOf(magic[:n]), nil
}

// magicOctets are read of an object whose name does not tell its format.
const magicOctets = 6

// formatOfName tells the format by the name's ending, -1 where that says nothing.
func formatOfName(name string) objectFormat {
	switch compression := shard.Compression(name); {
	case compression == "gz":
		return gzipLines
	case compression == "zst":
		return zstdLines
	case strings.HasSuffix(strings.ToLower(name), ".parquet"):
		return parquetFile
	}
	return -1
}

func formatOf(magic []byte) objectFormat {
	switch {
	case bytes.HasPrefix(magic, []byte("PAR1")):
		return parquetFile
	case bytes.HasPrefix(magic, gzipMagic[:2]):
		return gzipLines
	case bytes.HasPrefix(magic, zstdMagic), isSkippable(magic):
		return zstdLines
	}
	return plainLines
}
