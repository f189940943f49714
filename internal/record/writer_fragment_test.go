package record

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"

	"github.com/dice-engine/dice/internal/tape"
)

// pieced is a row that can be put together.
type pieced struct {
	Text   string        `tape:"text"`
	Number int64         `tape:"number"`
	Inner  piecedInner   `tape:"inner"`
	Ptr    *piecedInner  `tape:"ptr"`
	List   []piecedInner `tape:"list"`
	Labels []string      `tape:"labels"`
}

type piecedInner struct {
	Name  string                 `tape:"name"`
	Size  *int64                 `tape:"size"`
	Rate  float64                `tape:"rate"`
	Flag  bool                   `tape:"flag"`
	Tags  []string               `tape:"tags"`
	Pairs tape.Pairs[*[]float64] `tape:"pairs"`
}

// piecedRows returns rows of few distinct fragments, some of them with long texts, and of texts that do not repeat from
// some row on.
func piecedRows(r *rand.Rand, n, distinct int) []pieced {
	inner := make([]piecedInner, distinct)
	for i := range inner {
		inner[i] = piecedInner{
			Name: strings.Repeat("n\xff", r.IntN(9)) + strings.Repeat("long", r.IntN(2)*r.IntN(3000)), Rate: float64(r.IntN(3)),
			Flag: r.IntN(2) == 0, Tags: make([]string, r.IntN(3)),
		}
		if r.IntN(2) == 0 {
			inner[i].Size = ptr(r.Int64N(9))
		}
		if r.IntN(3) == 0 {
			inner[i].Pairs = tape.Pairs[*[]float64]{{Key: "a"}, {Key: "b", Value: &[]float64{1, 2}}}
		}
	}
	rows := make([]pieced, n)
	for i := range rows {
		row := &rows[i]
		if r.IntN(4) > 0 {
			row.Text, row.Number = fmt.Sprint(r.IntN(1+i/3)), r.Int64N(1000)
		}
		if r.IntN(3) > 0 {
			row.Inner, row.Ptr = inner[r.IntN(distinct)], &inner[r.IntN(distinct)]
		}
		for range r.IntN(4) {
			row.List = append(row.List, inner[r.IntN(distinct)])
		}
		for range r.IntN(3) {
			row.Labels = append(row.Labels, fmt.Sprintf("label:%d", r.IntN(5)))
		}
	}
	return rows
}

// Field numbers of pieced.
const (
	piecedText = iota + 1
	piecedNumber
	piecedStruct
	piecedPointer
	piecedList
	piecedLabels
)

// piecer puts rows together, each distinct fragment taken apart once.
type piecer struct {
	w     *Writer
	inner *tape.Shape
	known map[string]*Fragment
	n     int
}

// fragment returns a fragment of what a tape holds after its mark.
func (p *piecer) fragment(field int, value []byte, take func(int, []byte) *Fragment) *Fragment {
	key := fmt.Sprint(field, " ", string(value))
	if p.known[key] == nil {
		p.known[key] = take(field, bytes.Clone(value))
	}
	return p.known[key]
}

func (p *piecer) write(row *pieced) error {
	for _, label := range row.Labels { // in any order of fields
		p.w.Add(p.fragment(piecedLabels, tape.AppendString(nil, label), p.w.Element))
	}
	if row.Number != 0 {
		p.w.Int(piecedNumber, row.Number)
	}
	if row.Text != "" {
		p.w.Text(piecedText, []byte(row.Text))
	}
	if value := tape.Append(p.inner, nil, &row.Inner); len(value) > 2 {
		if p.n++; p.n%3 == 0 {
			p.w.Value(piecedStruct, value[1:])
		} else {
			p.w.Put(p.fragment(piecedStruct, value[1:], p.w.Fragment))
		}
	}
	if row.Ptr != nil {
		p.w.Put(p.fragment(piecedPointer, tape.Append(p.inner, nil, row.Ptr)[1:], p.w.Fragment))
	}
	for i := range row.List {
		value := tape.Append(p.inner, nil, &row.List[i])[1:]
		if p.n++; p.n%3 == 0 {
			p.w.AddValue(piecedList, value)
		} else {
			p.w.Add(p.fragment(piecedList, value, p.w.Element))
		}
	}
	return p.w.EndRow()
}

// TestPiecesGiveTheSameBytes: rows put together of pieces are the rows written whole, octet by octet.
func TestPiecesGiveTheSameBytes(t *testing.T) {
	for seed := range uint64(12) {
		r := rand.New(rand.NewPCG(seed, 0))
		rows := piecedRows(r, 1+r.IntN(12_000), 1+r.IntN(2000))
		options := WriterOptions{RowGroupRows: 1 + r.Int64N(9000), RowGroupBytes: 1 + r.Int64N(4<<20)}
		if seed%2 == 0 {
			options = WriterOptions{}
		}
		want := writeAll(t, options, rows...)
		var got bytes.Buffer
		w, err := NewWriter(&got, tape.Of[pieced](), options)
		if err != nil {
			t.Fatal(err)
		}
		p := &piecer{w: w, inner: tape.Of[piecedInner](), known: map[string]*Fragment{}}
		for i := range rows {
			if err := p.write(&rows[i]); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(want, got.Bytes()) {
			t.Errorf("seed %d: %d rows: %d octets differ from %d", seed, len(rows), got.Len(), len(want))
		}
	}
}

// TestWriterBoundsPages: pages stay small, also where a text is long and repeats after the dictionary was given up, and
// dictionaries do not grow beyond their bound by much.
func TestWriterBoundsPages(t *testing.T) {
	var rows []pieced
	for i := range 9000 {
		rows = append(rows, pieced{Text: fmt.Sprint(i)}) // the dictionary of this column is given up
	}
	for i := range 700 {
		rows = append(rows, pieced{Text: strings.Repeat("x", 100_000), Inner: piecedInner{Name: fmt.Sprint(i, strings.Repeat("y", 10_000))}})
	}
	f := openFile(t, writeAll(t, WriterOptions{}, rows...))
	if n := len(groupRows(f)); n < 2 {
		t.Errorf("76 MB in %d row groups", n)
	}
	kinds := map[format.Encoding]bool{}
	for _, group := range f.RowGroups() {
		for i, chunk := range group.ColumnChunks() {
			pages := chunk.Pages()
			for {
				page, err := pages.ReadPage()
				if err != nil {
					break
				}
				if d := page.Dictionary(); d != nil && d.Page().Size() > dictionaryBytes+pageBytes+1000 {
					t.Errorf("column %d has a dictionary of %d octets", i, d.Page().Size())
				}
				if i == 0 && page.Dictionary() == nil && page.Size() > pageBytes+110_000 {
					t.Errorf("a page of %d octets", page.Size())
				}
			}
			pages.Close()
			for _, e := range f.Metadata().RowGroups[0].Columns[i].MetaData.Encoding {
				kinds[e] = true
			}
		}
	}
	if !kinds[format.Plain] || !kinds[format.RLEDictionary] || !kinds[format.DeltaBinaryPacked] {
		t.Errorf("encodings %v", kinds)
	}
	got := columnsOf(t, f)[0]
	for i, row := range rows {
		if want := fmt.Sprintf("%s 0 1", row.Text); got[i] != want {
			t.Fatalf("row %d: %.40s, want %.40s", i, got[i], want)
		}
	}
}

// TestWriterTellsBounds: the index knows the smallest and the largest value of each page, and how many there are not.
func TestWriterTellsBounds(t *testing.T) {
	var rows []numbered
	for i := range 3 * pageRows {
		row := numbered{N: int64(i - pageRows), Text: fmt.Sprintf("%08d", 1_000_000-i)}
		if i%10 == 0 {
			row.Text = ""
		}
		rows = append(rows, row)
	}
	f := openFile(t, writeAll(t, WriterOptions{RowGroupRows: 3 * pageRows}, rows...))
	for column, chunk := range f.RowGroups()[0].ColumnChunks() {
		values, err := chunk.ColumnIndex()
		if err != nil {
			t.Fatal(err)
		}
		offsets, err := chunk.OffsetIndex()
		if err != nil {
			t.Fatal(err)
		}
		if values.NumPages() < 3 {
			t.Errorf("column %d has %d pages", column, values.NumPages())
		}
		for page := range values.NumPages() {
			from, to := offsets.FirstRowIndex(page), int64(len(rows))
			if page+1 < values.NumPages() {
				to = offsets.FirstRowIndex(page + 1)
			}
			var want []parquet.Value
			nulls := int64(0)
			for _, row := range rows[from:to] {
				switch {
				case column == 0 && row.N != 0:
					want = append(want, parquet.Int64Value(row.N))
				case column == 1 && row.Text != "":
					want = append(want, parquet.ByteArrayValue([]byte(row.Text)))
				default:
					nulls++
				}
			}
			least, most := want[0], want[0]
			for _, v := range want {
				if chunk.Type().Compare(v, least) < 0 {
					least = v
				}
				if chunk.Type().Compare(v, most) > 0 {
					most = v
				}
			}
			if values.NullCount(page) != nulls || !parquet.Equal(values.MinValue(page), least) || !parquet.Equal(values.MaxValue(page), most) {
				t.Errorf("column %d, page %d: %d nulls, %v to %v; want %d, %v to %v", column, page, values.NullCount(page),
					values.MinValue(page), values.MaxValue(page), nulls, least, most)
			}
		}
	}
}
