package record

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/parquet-go/parquet-go"

	"github.com/dice-engine/dice/internal/tape"
)

type writtenInner struct {
	Name string `tape:"name"`
	Size *int64 `tape:"size"`
}

type written struct {
	Zebra  string                       `tape:"zebra|other"`
	Flag   bool                         `tape:"flag"`
	Count  *int64                       `tape:"count"`
	Rate   float64                      `tape:"rate"`
	At     tape.Time                    `tape:"at"`
	Any    tape.Text                    `tape:"any"`
	In     writtenInner                 `tape:"in"`
	Ptr    *writtenInner                `tape:"ptr"`
	List   []string                     `tape:"list"`
	Maybe  *[]int64                     `tape:"maybe"`
	Nulls  []*writtenInner              `tape:"nulls"`
	Pairs  tape.Pairs[*[]int64]         `tape:"pairs"`
	Deep   *tape.Pairs[[]tape.Cert]     `tape:"deep"`
	Looked string                       `tape:"looked,check"`
	Last   tape.Pairs[tape.Pairs[bool]] `tape:"alpha"`
}

func ptr[T any](v T) *T { return &v }

var writtenSchema = `message record {
	optional binary zebra (STRING);
	optional boolean flag;
	optional int64 count (INT(64,true));
	optional double rate;
	optional int64 at (TIMESTAMP(isAdjustedToUTC=true,unit=MICROS));
	optional binary any (STRING);
	required group in {
		optional binary name (STRING);
		optional int64 size (INT(64,true));
	}
	optional group ptr {
		optional binary name (STRING);
		optional int64 size (INT(64,true));
	}
	required group list (LIST) {
		repeated group list {
			required binary element (STRING);
		}
	}
	optional group maybe (LIST) {
		repeated group list {
			required int64 element (INT(64,true));
		}
	}
	required group nulls (LIST) {
		repeated group list {
			optional group element {
				optional binary name (STRING);
				optional int64 size (INT(64,true));
			}
		}
	}
	required group pairs (MAP) {
		repeated group key_value {
			required binary key (STRING);
			optional group value (LIST) {
				repeated group list {
					required int64 element (INT(64,true));
				}
			}
		}
	}
	optional group deep (MAP) {
		repeated group key_value {
			required binary key (STRING);
			required group value (LIST) {
				repeated group list {
					required int32 element (INT(32,true));
				}
			}
		}
	}
	required group alpha (MAP) {
		repeated group key_value {
			required binary key (STRING);
			required group value (MAP) {
				repeated group key_value {
					required binary key (STRING);
					required boolean value;
				}
			}
		}
	}
}`

// writeAll writes rows and returns the file.
func writeAll[T any](t testing.TB, options WriterOptions, rows ...T) []byte {
	t.Helper()
	shape := tape.Of[T]()
	var out bytes.Buffer
	w, err := NewWriter(&out, shape, options)
	if err != nil {
		t.Fatal(err)
	}
	var row []byte
	for i := range rows {
		row = tape.Append(shape, row[:0], &rows[i])
		if err := w.Write(row); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if w.Rows() != int64(len(rows)) {
		t.Errorf("writer counts %d rows of %d", w.Rows(), len(rows))
	}
	return out.Bytes()
}

func openFile(t testing.TB, data []byte) *parquet.File {
	t.Helper()
	f, err := parquet.OpenFile(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// columnsOf returns each column's values as "value repetition definition" in row order.
func columnsOf(t testing.TB, f *parquet.File) [][]string {
	t.Helper()
	columns := make([][]string, len(f.Schema().Columns()))
	for _, group := range f.RowGroups() {
		for i, chunk := range group.ColumnChunks() {
			pages := chunk.Pages()
			for {
				page, err := pages.ReadPage()
				if errors.Is(err, io.EOF) {
					break
				}
				if err != nil {
					t.Fatal(err)
				}
				values := make([]parquet.Value, page.NumValues())
				if n, err := page.Values().ReadValues(values); n < len(values) {
					t.Fatalf("read %d of %d values: %v", n, len(values), err)
				}
				for _, v := range values {
					columns[i] = append(columns[i], fmt.Sprintf("%v %d %d", v, v.RepetitionLevel(), v.DefinitionLevel()))
				}
			}
			pages.Close()
		}
	}
	return columns
}

func TestWriterSchemaKeepsDeclarationOrder(t *testing.T) {
	f := openFile(t, writeAll(t, WriterOptions{}, written{}))
	if diff := cmp.Diff(writtenSchema, f.Schema().String()); diff != "" {
		t.Errorf("want - got +\n%s", diff)
	}
}

func TestWriterLevels(t *testing.T) {
	rows := []written{
		{},
		{
			Zebra: "a\xff\xfez", Flag: true, Count: ptr(int64(0)), Rate: 1.5, At: 7, Any: `{"x":1}`,
			In: writtenInner{Size: ptr(int64(3))}, Ptr: &writtenInner{}, List: []string{"", "l"}, Maybe: &[]int64{},
			Nulls: []*writtenInner{nil, {}, {Name: "n"}},
			Pairs: tape.Pairs[*[]int64]{{Key: "b"}, {Key: "a", Value: &[]int64{}}, {Key: "c", Value: &[]int64{1, 0}}},
			Deep:  &tape.Pairs[[]tape.Cert]{{Key: "k", Value: []tape.Cert{2}}}, Looked: "unseen",
			Last: tape.Pairs[tape.Pairs[bool]]{{Key: "e"}, {Key: "f", Value: tape.Pairs[bool]{{Key: "g"}, {Key: "h", Value: true}}}},
		},
	}
	want := [][]string{
		{"<null> 0 0", "a\ufffd\ufffdz 0 1"},
		{"<null> 0 0", "true 0 1"},
		{"<null> 0 0", "0 0 1"},
		{"<null> 0 0", "1.5 0 1"},
		{"<null> 0 0", "7 0 1"},
		{"<null> 0 0", `{"x":1} 0 1`},
		{"<null> 0 0", "<null> 0 0"}, {"<null> 0 0", "3 0 1"},
		{"<null> 0 0", "<null> 0 1"}, {"<null> 0 0", "<null> 0 1"},
		{"<null> 0 0", " 0 1", "l 1 1"},
		{"<null> 0 0", "<null> 0 1"},
		{"<null> 0 0", "<null> 0 1", "<null> 1 2", "n 1 3"}, {"<null> 0 0", "<null> 0 1", "<null> 1 2", "<null> 1 2"},
		{"<null> 0 0", "b 0 1", "a 1 1", "c 1 1"}, {"<null> 0 0", "<null> 0 1", "<null> 1 2", "1 1 3", "0 2 3"},
		{"<null> 0 0", "k 0 2"}, {"<null> 0 0", "2 0 3"},
		{"<null> 0 0", "e 0 1", "f 1 1"}, {"<null> 0 0", "<null> 0 1", "g 1 2", "h 2 2"}, {"<null> 0 0", "<null> 0 1", "false 1 2", "true 2 2"},
	}
	f := openFile(t, writeAll(t, WriterOptions{}, rows...))
	if diff := cmp.Diff(want, columnsOf(t, f)); diff != "" {
		t.Errorf("want - got +\n%s", diff)
	}
}

type numbered struct {
	N    int64  `tape:"n"`
	Text string `tape:"text"`
}

func numberedRows(n, size int) []numbered {
	rows := make([]numbered, n)
	for i := range rows {
		rows[i] = numbered{int64(i), fmt.Sprint(i, strings.Repeat("x", size))}
	}
	return rows
}

func groupRows(f *parquet.File) (rows []int64) {
	for _, group := range f.RowGroups() {
		rows = append(rows, group.NumRows())
	}
	return rows
}

func TestWriterClosesRowGroups(t *testing.T) {
	for _, c := range []struct {
		options WriterOptions
		rows    []numbered
		want    []int64
	}{
		{WriterOptions{}, nil, nil},
		{WriterOptions{RowGroupRows: 1000}, numberedRows(2500, 0), []int64{1000, 1000, 500}},
		{WriterOptions{RowGroupRows: 1000}, numberedRows(2000, 0), []int64{1000, 1000}},
		{WriterOptions{RowGroupBytes: 10_000}, numberedRows(10, 3000), []int64{4, 4, 2}},
		{WriterOptions{RowGroupBytes: 1}, numberedRows(3, 0), []int64{1, 1, 1}},
		{WriterOptions{}, numberedRows(defaultGroupRows+1, 0), []int64{defaultGroupRows, 1}},
	} {
		f := openFile(t, writeAll(t, c.options, c.rows...))
		if diff := cmp.Diff(c.want, groupRows(f)); diff != "" {
			t.Errorf("%+v: want - got +\n%s", c.options, diff)
		}
		got := columnsOf(t, f)
		for i, row := range c.rows {
			want := fmt.Sprintf("%s 0 1", row.Text)
			if got[1][i] != want {
				t.Fatalf("%+v: row %d is %.40s, want %.40s", c.options, i, got[1][i], want)
			}
		}
	}
}

func TestWriterSameRowsSameBytes(t *testing.T) {
	options := WriterOptions{RowGroupRows: 30_000, Metadata: map[string]string{"b": "2", "a": "1", "c": "3"}}
	rows := numberedRows(100_000, 40)
	first := writeAll(t, options, rows...)
	for range 3 {
		if !bytes.Equal(first, writeAll(t, options, rows...)) {
			t.Fatal("two files of the same rows differ")
		}
	}
	f := openFile(t, first)
	if got := f.Metadata().CreatedBy; got != createdBy {
		t.Errorf("created by %q", got)
	}
	for key, want := range options.Metadata {
		if got, _ := f.Lookup(key); got != want {
			t.Errorf("metadata %s is %q, want %q", key, got, want)
		}
	}
	if len(f.OffsetIndexes()) == 0 || len(f.ColumnIndexes()) == 0 {
		t.Error("file has no page index")
	}
}

// TestWriterKeepsFooterSmall is about long values, which must not become statistics.
func TestWriterKeepsFooterSmall(t *testing.T) {
	data := writeAll(t, WriterOptions{RowGroupRows: 1}, numberedRows(4, 1<<20)...)
	footer := int(data[len(data)-8]) | int(data[len(data)-7])<<8 | int(data[len(data)-6])<<16
	if footer > 16<<10 {
		t.Errorf("footer has %d octets", footer)
	}
}

func TestWriterRefusesWhatHasNoParquetForm(t *testing.T) {
	for name, shape := range map[string]*tape.Shape{
		"list":  tape.Of[[]string](),
		"empty": tape.Of[struct{}](),
		"nested": tape.Of[struct {
			A []struct{} `tape:"a"`
		}](),
	} {
		if _, err := NewWriter(io.Discard, shape, WriterOptions{}); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

func TestWriterErrors(t *testing.T) {
	shape := tape.Of[numbered]()
	w, err := NewWriter(brokenWriter{}, shape, WriterOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Write([]byte{tape.Present, tape.End}); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("Close on a broken pipe: %v", err)
	}
	if err := w.Write([]byte{tape.Present, tape.End}); err == nil {
		t.Error("Write after an error succeeded")
	}
	w, _ = NewWriter(io.Discard, shape, WriterOptions{})
	if err := w.Write([]byte{tape.End}); err == nil {
		t.Error("a null row was taken")
	}
}

func BenchmarkWriter(b *testing.B) {
	shape := tape.Of[written]()
	var rows [][]byte
	for i := range 1000 {
		rows = append(rows, tape.Append(shape, nil, &written{
			Zebra: fmt.Sprintf("10.%d.%d.1", i, i%7), Count: ptr(int64(i)), At: tape.Time(1e15 + i), List: []string{"a:b:c", "d:e:f"},
			Ptr: &writtenInner{Name: "n"},
		}))
	}
	w, err := NewWriter(io.Discard, shape, WriterOptions{})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if err := w.Write(rows[i%len(rows)]); err != nil {
			b.Fatal(err)
		}
	}
}
