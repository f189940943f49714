package record

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"
)

// longestBound is the size of the longest smallest or largest value of a column chunk that goes into a footer. Values are
// chosen by strangers, and a footer of megabytes is what every reader of the file would have to fetch.
const longestBound = 256

// tailWriter passes octets on until it is told to keep them.
type tailWriter struct {
	to   io.Writer
	kept *bytes.Buffer // nil: pass on
}

func (t *tailWriter) Write(p []byte) (int, error) {
	if t.kept != nil {
		return t.kept.Write(p)
	}
	return t.to.Write(p)
}

// closeFile completes the file with a footer in which long bounds are left out. All row groups have been flushed.
func closeFile(file *parquet.Writer, tail *tailWriter) error {
	tail.kept = &bytes.Buffer{}
	if err := file.Close(); err != nil {
		return err
	}
	metadata := file.File().Metadata()
	dropLongBounds(metadata)
	footer, err := thrift.Marshal(new(thrift.CompactProtocol), metadata)
	if err != nil {
		return err
	}
	rest := tail.kept.Bytes()
	end := len(rest) - 8
	if end < 0 || int(binary.LittleEndian.Uint32(rest[end:])) > end {
		return errors.New("file has no footer")
	}
	out := append(rest[:end-int(binary.LittleEndian.Uint32(rest[end:]))], footer...)
	out = binary.LittleEndian.AppendUint32(out, uint32(len(footer)))
	_, err = tail.to.Write(append(out, "PAR1"...))
	return err
}

func dropLongBounds(metadata *format.FileMetaData) {
	for i := range metadata.RowGroups {
		columns := metadata.RowGroups[i].Columns
		for j := range columns {
			bounds := &columns[j].MetaData.Statistics
			if len(bounds.MinValue) > longestBound || len(bounds.MaxValue) > longestBound {
				bounds.MinValue, bounds.MaxValue = nil, nil
			}
		}
	}
}
