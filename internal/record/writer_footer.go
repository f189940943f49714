package record

import (
	"bytes"
	"encoding/binary"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"
)

// magic begins and ends every file.
const magic = "PAR1"

// longestBound is the size of the longest smallest or largest value that goes into a footer or an index. Values are
// chosen by strangers, and a footer of megabytes is what every reader of the file would have to fetch.
const longestBound = 256

// emptyFooter returns the footer of a file with a schema and without rows.
func emptyFooter(root parquet.Node, metadata map[string]string) (*format.FileMetaData, error) {
	file := parquet.NewWriter(&bytes.Buffer{}, &parquet.WriterConfig{
		CreatedBy: createdBy, Schema: parquet.NewSchema("record", root), KeyValueMetadata: metadata,
	})
	if err := file.Close(); err != nil {
		return nil, err
	}
	return file.File().Metadata(), nil
}

// chunkIndex says what the pages of a column chunk hold.
type chunkIndex struct {
	column  *format.ColumnChunk
	pages   format.OffsetIndex
	values  format.ColumnIndex
	unknown bool // bounds of a page are not told
}

func (x *chunkIndex) add(at format.PageLocation, b bounds, nulls int64) {
	x.pages.PageLocations = append(x.pages.PageLocations, at)
	v := &x.values
	if x.unknown = x.unknown || len(b.min) > longestBound || len(b.max) > longestBound; x.unknown {
		x.values = format.ColumnIndex{} // it is not written, and its values may be large
		return
	}
	v.NullPages = append(v.NullPages, b.min == nil)
	v.MinValues, v.MaxValues = append(v.MinValues, b.min), append(v.MaxValues, b.max)
	v.NullCounts = append(v.NullCounts, nulls)
}

// writeFooter writes the indexes of all pages, and the footer.
func (w *Writer) writeFooter() error {
	if err := w.start(); err != nil {
		return err
	}
	for _, x := range w.indexes {
		if x.unknown || x.column.MetaData.Type == format.Double {
			continue
		}
		size, err := w.writeThrift(&x.values)
		if err != nil {
			return err
		}
		x.column.ColumnIndexOffset, x.column.ColumnIndexLength = w.offset-size, int32(size)
	}
	for _, x := range w.indexes {
		size, err := w.writeThrift(&x.pages)
		if err != nil {
			return err
		}
		x.column.OffsetIndexOffset, x.column.OffsetIndexLength = w.offset-size, int32(size)
	}
	size, err := w.writeThrift(w.footer)
	if err != nil {
		return err
	}
	return w.write(append(binary.LittleEndian.AppendUint32(nil, uint32(size)), magic...))
}

func (w *Writer) writeThrift(v any) (size int64, err error) {
	body, err := thrift.Marshal(new(thrift.CompactProtocol), v)
	if err != nil {
		return 0, err
	}
	return int64(len(body)), w.write(body)
}
