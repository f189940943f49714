package record

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"hash/crc32"
	"math/bits"
	"slices"

	deltas "github.com/parquet-go/parquet-go/encoding/delta"
	"github.com/parquet-go/parquet-go/encoding/rle"
	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"
)

// pageScratch are buffers for one page.
type pageScratch struct {
	repetitions, definitions, values, body []byte
	small                                  []int32
	stamps                                 []int32 // by place of a text: the page in which it was seen last
	stamp                                  int32
}

// pageSpan is what a page holds of a column: what lies between two of its marks.
type pageSpan struct {
	from, to rowStart
	rows     int64
	plain    bool // texts are not told by their places
}

// bounds are the smallest and the largest value of a page or a chunk, in their plain form; nil: there is none, or it is
// not told.
type bounds struct{ min, max []byte }

// closeGroup writes the row group in hand, if it has rows, and starts another one.
func (w *Writer) closeGroup() error {
	if w.held.rows == 0 {
		return nil
	}
	if err := w.start(); err != nil {
		return err
	}
	if last := len(w.marks) - 1; w.marks[last] != w.held.rows {
		w.mark()
	}
	group := format.RowGroup{
		NumRows: w.held.rows, FileOffset: w.offset, Ordinal: int16(len(w.footer.RowGroups)),
		Columns: make([]format.ColumnChunk, len(w.columns)),
	}
	for i, c := range w.columns {
		chunk := &group.Columns[i]
		if err := w.writeChunk(c, chunk); err != nil {
			return err
		}
		group.TotalByteSize += chunk.MetaData.TotalUncompressedSize
		group.TotalCompressedSize += chunk.MetaData.TotalCompressedSize
	}
	w.footer.RowGroups = append(w.footer.RowGroups, group)
	w.footer.NumRows += w.held.rows
	w.begin()
	return nil
}

// writeChunk writes a column of the row group: its dictionary, if it has one, and its pages.
func (w *Writer) writeChunk(c *columnWriter, chunk *format.ColumnChunk) error {
	m := &chunk.MetaData
	*m = format.ColumnMetaData{
		Type: c.physical, PathInSchema: c.path, Codec: format.Zstd, NumValues: int64(len(c.definitions)), Encoding: c.encodings(),
	}
	w.scratch.start(c)
	if c.hasDictionary() {
		m.DictionaryPageOffset = w.offset
		if err := w.writeDictionary(c, m); err != nil {
			return err
		}
	}
	m.DataPageOffset = w.offset
	index := chunkIndex{column: chunk}
	var all bounds
	for first := 0; first < len(c.marks)-1; {
		next := c.pageEnd(first, w.marks)
		s := pageSpan{
			from: c.marks[first], to: c.marks[next], rows: w.marks[next] - w.marks[first], plain: c.plainFrom >= 0 && first >= c.plainFrom,
		}
		at := w.offset
		b, nulls, err := w.writePage(c, s, m)
		if err != nil {
			return err
		}
		index.add(format.PageLocation{Offset: at, CompressedPageSize: int32(w.offset - at), FirstRowIndex: w.marks[first]}, b, nulls)
		all = c.widen(all, b)
		m.Statistics.NullCount += nulls
		first = next
	}
	if len(all.min) <= longestBound && len(all.max) <= longestBound {
		m.Statistics.MinValue, m.Statistics.MaxValue = all.min, all.max
	}
	w.indexes = append(w.indexes, index)
	return nil
}

// pageEnd returns the mark that ends the page which begins at one.
func (c *columnWriter) pageEnd(first int, rows []int64) int {
	next := first + 1
	for next < len(c.marks)-1 && next != c.plainFrom && rows[next+1]-rows[first] <= pageRows &&
		c.plainSize(c.marks[first], c.marks[next+1], c.plainFrom >= 0 && first >= c.plainFrom) <= pageBytes {
		next++
	}
	return next
}

// plainSize is about how many octets the values between two marks take up in a page.
func (c *columnWriter) plainSize(from, to rowStart, plain bool) int {
	switch {
	case !c.isText():
		return 8 * (to.value - from.value)
	case !plain:
		return 2 * (to.value - from.value)
	}
	size := 0
	for _, code := range c.codes[from.value:to.value] {
		size += 4 + len(c.words.Text(code))
	}
	return size
}

func (c *columnWriter) hasDictionary() bool { return c.isText() && c.words.entered() > 0 }

func (c *columnWriter) encodings() []format.Encoding {
	all := []format.Encoding{format.RLE}
	switch {
	case !c.isText():
		return append(all, c.encoding)
	case c.hasDictionary():
		all = append(all, format.RLEDictionary)
	}
	return append(all, format.Plain) // that of the dictionary, too
}

func (w *Writer) writeDictionary(c *columnWriter, m *format.ColumnMetaData) error {
	n := c.words.entered()
	plain := w.scratch.values[:0]
	for code := range n {
		plain = appendPlain(plain, c.words.Text(int32(code)))
	}
	w.scratch.values = plain
	if err := w.scratch.compress(); err != nil {
		return w.fail(err)
	}
	body := w.scratch.body
	return w.writeParts(m, &format.PageHeader{
		Type: format.DictionaryPage, UncompressedPageSize: int32(len(plain)), CompressedPageSize: int32(len(body)),
		CRC:                  int32(crc32.ChecksumIEEE(body)),
		DictionaryPageHeader: thrift.New(format.DictionaryPageHeader{NumValues: int32(n), Encoding: format.Plain}),
	}, body)
}

// writePage writes a page and returns the bounds of its values, and how many there are not.
func (w *Writer) writePage(c *columnWriter, s pageSpan, m *format.ColumnMetaData) (b bounds, nulls int64, err error) {
	x := &w.scratch
	x.repetitions = x.repetitions[:0]
	if c.maxRepetition > 0 {
		if x.repetitions, err = levels(c.maxRepetition).EncodeLevels(x.repetitions, c.repetitions[s.from.entry:s.to.entry]); err != nil {
			return b, 0, w.fail(err)
		}
	}
	x.definitions = x.definitions[:0]
	if c.maxDefinition > 0 {
		if x.definitions, err = levels(c.maxDefinition).EncodeLevels(x.definitions, c.definitions[s.from.entry:s.to.entry]); err != nil {
			return b, 0, w.fail(err)
		}
	}
	encoding, err := x.encode(c, s)
	if err == nil {
		err = x.compress()
	}
	if err != nil {
		return b, 0, w.fail(err)
	}
	entries := s.to.entry - s.from.entry
	nulls = int64(entries - (s.to.value - s.from.value))
	crc := crc32.Update(crc32.Update(crc32.ChecksumIEEE(x.repetitions), crc32.IEEETable, x.definitions), crc32.IEEETable, x.body)
	before := len(x.repetitions) + len(x.definitions)
	return x.bounds(c, s), nulls, w.writeParts(m, &format.PageHeader{
		Type: format.DataPageV2, UncompressedPageSize: int32(before + len(x.values)), CompressedPageSize: int32(before + len(x.body)),
		CRC: int32(crc),
		DataPageHeaderV2: thrift.New(format.DataPageHeaderV2{
			NumValues: int32(entries), NumNulls: int32(nulls), NumRows: int32(s.rows), Encoding: encoding,
			DefinitionLevelsByteLength: int32(len(x.definitions)), RepetitionLevelsByteLength: int32(len(x.repetitions)),
			IsCompressed: thrift.New(true), // also where there is nothing to compress: not all readers look
		}),
	}, x.repetitions, x.definitions, x.body)
}

func levels(highest int) *rle.Encoding { return &rle.Encoding{BitWidth: bits.Len(uint(highest))} }

// writeParts writes a page and counts it.
func (w *Writer) writeParts(m *format.ColumnMetaData, header *format.PageHeader, parts ...[]byte) error {
	head, err := thrift.Marshal(new(thrift.CompactProtocol), header)
	if err != nil {
		return w.fail(err)
	}
	m.TotalUncompressedSize += int64(len(head)) + int64(header.UncompressedPageSize)
	m.TotalCompressedSize += int64(len(head)) + int64(header.CompressedPageSize)
	if err := w.write(head); err != nil {
		return err
	}
	for _, part := range parts {
		if err := w.write(part); err != nil {
			return err
		}
	}
	return nil
}

// start makes the buffers ready for a column chunk.
func (x *pageScratch) start(c *columnWriter) {
	x.stamps = append(x.stamps[:0], make([]int32, c.words.Len())...)
	x.stamp = 0
	x.values, x.body = shrunk(x.values), shrunk(x.body)
}

// compress packs x.values into x.body.
func (x *pageScratch) compress() (err error) {
	if len(x.values) > largePage { // else the body is copied while it grows, and both are held
		x.body = slices.Grow(x.body[:0], len(x.values)+len(x.values)>>8)
	}
	x.body, err = pageCodec.Encode(x.body, x.values)
	return err
}

// largePage is a size of which few copies fit into a process's memory.
const largePage = 16 << 20

// encode writes a page's values into x.values.
func (x *pageScratch) encode(c *columnWriter, s pageSpan) (format.Encoding, error) {
	from, to := s.from.value, s.to.value
	x.values = x.values[:0]
	var err error
	switch {
	case c.isText() && !s.plain && c.hasDictionary():
		x.values, err = new(rle.DictionaryEncoding).EncodeInt32(x.values, c.codes[from:to])
		return format.RLEDictionary, err
	case c.isText():
		for _, code := range c.codes[from:to] {
			x.values = appendPlain(x.values, c.words.Text(code))
		}
	case c.physical == format.Boolean:
		x.values = appendBits(x.values, c.numbers[from:to])
	case c.physical == format.Double:
		for _, n := range c.numbers[from:to] {
			x.values = binary.LittleEndian.AppendUint64(x.values, uint64(n))
		}
	case c.physical == format.Int32:
		x.small = x.small[:0]
		for _, n := range c.numbers[from:to] {
			x.small = append(x.small, int32(n))
		}
		x.values, err = new(deltas.BinaryPackedEncoding).EncodeInt32(x.values, x.small)
		return format.DeltaBinaryPacked, err
	default:
		x.values, err = new(deltas.BinaryPackedEncoding).EncodeInt64(x.values, c.numbers[from:to])
		return format.DeltaBinaryPacked, err
	}
	return format.Plain, nil
}

func appendPlain(dst, text []byte) []byte {
	return append(binary.LittleEndian.AppendUint32(dst, uint32(len(text))), text...)
}

// appendBits appends booleans, the first one in the lowest bit.
func appendBits(dst []byte, values []int64) []byte {
	for i, v := range values {
		if i%8 == 0 {
			dst = append(dst, 0)
		}
		dst[len(dst)-1] |= byte(v) << (i % 8)
	}
	return dst
}

// bounds finds the smallest and the largest value of a page. Those of floats are not told.
func (x *pageScratch) bounds(c *columnWriter, s pageSpan) (b bounds) {
	if s.from.value == s.to.value || c.physical == format.Double {
		return b
	}
	if !c.isText() {
		values := c.numbers[s.from.value:s.to.value]
		least, most := values[0], values[0]
		for _, v := range values {
			least, most = min(least, v), max(most, v)
		}
		return bounds{c.plain(least), c.plain(most)}
	}
	x.stamp++
	codes := c.codes[s.from.value:s.to.value]
	least, most := c.words.Text(codes[0]), c.words.Text(codes[0])
	for _, code := range codes {
		if x.stamps[code] == x.stamp {
			continue
		}
		x.stamps[code] = x.stamp
		text := c.words.Text(code)
		if bytes.Compare(text, least) < 0 {
			least = text
		} else if bytes.Compare(text, most) > 0 {
			most = text
		}
	}
	return bounds{bytes.Clone(least), bytes.Clone(most)}
}

// plain is a number's plain form.
func (c *columnWriter) plain(n int64) []byte {
	switch c.physical {
	case format.Boolean:
		return []byte{byte(n)}
	case format.Int32:
		return binary.LittleEndian.AppendUint32(nil, uint32(n))
	}
	return binary.LittleEndian.AppendUint64(nil, uint64(n))
}

// widen returns bounds that hold those of both.
func (c *columnWriter) widen(a, b bounds) bounds {
	switch {
	case a.min == nil:
		return b
	case b.min == nil:
		return a
	}
	if c.compare(b.min, a.min) < 0 {
		a.min = b.min
	}
	if c.compare(b.max, a.max) > 0 {
		a.max = b.max
	}
	return a
}

// compare compares plain forms of values by their order.
func (c *columnWriter) compare(a, b []byte) int {
	switch c.physical {
	case format.Int32:
		return cmp.Compare(int64(int32(binary.LittleEndian.Uint32(a))), int64(int32(binary.LittleEndian.Uint32(b))))
	case format.Int64:
		return cmp.Compare(int64(binary.LittleEndian.Uint64(a)), int64(binary.LittleEndian.Uint64(b)))
	}
	return bytes.Compare(a, b)
}
