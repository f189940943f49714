package record

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/dice-engine/dice/internal/tape"
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
	case err != nil:
		return nil, err
	case f == parquetFile:
		return openParquet(ctx, obj, s, wants, lim)
	}
	p := newJSONParser(wants, lim)
	return openLines(ctx, obj, s, f, lim, p, p.parseLine)
}

// OpenTable starts to read a table whose rows, or top-level objects, are structs of shape. They come as results of Want
// 0, without anything of a record's envelope.
func OpenTable(ctx context.Context, obj Object, s Slice, shape *tape.Shape, lim Limits) (Reader, error) {
	f, err := detect(obj)
	switch {
	case err != nil:
		return nil, err
	case f == parquetFile:
		return openParquetTable(ctx, obj, s, shape, lim)
	}
	p := newJSONParser([]Want{{Result: shape}}, lim)
	return openLines(ctx, obj, s, f, lim, p, p.parseTableLine)
}

// detect tells the format by the name's ending, or else by the first octets.
func detect(obj Object) (objectFormat, error) {
	name := strings.ToLower(obj.Name)
	for ending, f := range map[string]objectFormat{".parquet": parquetFile, ".gz": gzipLines, ".zst": zstdLines, ".zstd": zstdLines} {
		if strings.HasSuffix(name, ending) {
			return f, nil
		}
	}
	var magic [4]byte
	n := min(obj.Size, int64(len(magic)))
	if got, err := obj.ReadAt(magic[:n], 0); int64(got) < n {
		if err == nil || errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return plainLines, fmt.Errorf("open %s: %w", obj.Name, err)
	}
	return formatOf(magic[:n]), nil
}

func formatOf(magic []byte) objectFormat {
	switch {
	case string(magic) == "PAR1":
		return parquetFile
	case bytes.HasPrefix(magic, gzipMagic[:2]):
		return gzipLines
	case bytes.HasPrefix(magic, zstdMagic), isSkippable(magic):
		return zstdLines
	}
	return plainLines
}
