package record

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"math"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"
	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"

	"github.com/dice-engine/dice/internal/tape"
)

// crafted is a column of a file that no writer would write.
type crafted struct {
	name       string
	typ        format.Type
	repetition format.FieldRepetitionType
	codec      format.CompressionCodec
	values     int64
	pages      []craftedPage
}

type craftedPage struct {
	header format.PageHeader
	body   []byte
}

func marshal(t testing.TB, v any) []byte {
	t.Helper()
	data, err := thrift.Marshal(new(thrift.CompactProtocol), v)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// craft makes a file of one row group.
func craft(t testing.TB, rows int64, columns ...crafted) []byte {
	t.Helper()
	out := []byte("PAR1")
	root := format.SchemaElement{Name: "root", NumChildren: thrift.New(int32(len(columns)))}
	meta := format.FileMetaData{Version: 1, NumRows: rows, Schema: []format.SchemaElement{root}}
	group := format.RowGroup{NumRows: rows}
	for i, c := range columns {
		if groupOf, leaf, nested := strings.Cut(c.name, "/"); nested { // of two columns
			if i == 0 || !strings.HasPrefix(columns[i-1].name, groupOf+"/") {
				meta.Schema[0].NumChildren.V--
				meta.Schema = append(meta.Schema, format.SchemaElement{Name: groupOf, RepetitionType: thrift.New(format.Repeated), NumChildren: thrift.New(int32(2))})
			}
			c.name = leaf
		}
		meta.Schema = append(meta.Schema, format.SchemaElement{Name: c.name, Type: thrift.New(c.typ), RepetitionType: thrift.New(c.repetition)})
		start := int64(len(out))
		for _, p := range c.pages {
			out = append(append(out, marshal(t, &p.header)...), p.body...)
		}
		group.Columns = append(group.Columns, format.ColumnChunk{MetaData: format.ColumnMetaData{
			Type: c.typ, Codec: c.codec, NumValues: c.values, TotalCompressedSize: int64(len(out)) - start, DataPageOffset: start,
			PathInSchema: []string{c.name}, Encoding: []format.Encoding{format.Plain},
		}})
	}
	meta.RowGroups = []format.RowGroup{group}
	return withFooter(out, marshal(t, &meta))
}

func withFooter(data, footer []byte) []byte {
	data = append(data, footer...)
	data = binary.LittleEndian.AppendUint32(data, uint32(len(footer)))
	return append(data, "PAR1"...)
}

func dataPage(encoding format.Encoding, values int32, body []byte) craftedPage {
	return craftedPage{format.PageHeader{
		Type: format.DataPage, UncompressedPageSize: int32(len(body)), CompressedPageSize: int32(len(body)),
		DataPageHeader: thrift.New(format.DataPageHeader{NumValues: values, Encoding: encoding, DefinitionLevelEncoding: format.RLE, RepetitionLevelEncoding: format.RLE}),
	}, body}
}

func dictionaryPage(values int32, body []byte) craftedPage {
	return craftedPage{format.PageHeader{
		Type: format.DictionaryPage, UncompressedPageSize: int32(len(body)), CompressedPageSize: int32(len(body)),
		DictionaryPageHeader: thrift.New(format.DictionaryPageHeader{NumValues: values, Encoding: format.Plain}),
	}, body}
}

func plainStrings(texts ...string) (body []byte) {
	for _, text := range texts {
		body = append(binary.LittleEndian.AppendUint32(body, uint32(len(text))), text...)
	}
	return body
}

func stringColumn(name string, texts ...string) crafted {
	return crafted{name: name, typ: format.ByteArray, values: int64(len(texts)), pages: []craftedPage{
		dataPage(format.Plain, int32(len(texts)), plainStrings(texts...))}}
}

// side is a table with a column that is there and one that may be.
type side struct {
	IP    string  `tape:"ip"`
	Other *string `tape:"other"`
}

func readTable(t testing.TB, data []byte, lim Limits) ([]found, Counts) {
	t.Helper()
	r, err := openParquetTable(context.Background(), objectOf("x.parquet", data), everything, tape.Of[side](), lim)
	if err != nil {
		t.Fatal(err)
	}
	all := drain(t, r, []Want{{}})
	return all, r.Counts()
}

func TestParquetHostilePages(t *testing.T) {
	good := stringColumn("ip", "a", "b", "c")
	flat := func(pages ...craftedPage) crafted {
		return crafted{name: "other", typ: format.ByteArray, values: 3, pages: pages}
	}
	huge := dataPage(format.Plain, 3, plainStrings("1", "2", "3"))
	huge.header.UncompressedPageSize = math.MaxInt32
	longer := dataPage(format.Plain, 3, plainStrings("1", "2", "3"))
	longer.header.CompressedPageSize = 1 << 20
	wrongSum := dataPage(format.Plain, 3, plainStrings("1", "2", "3"))
	wrongSum.header.CRC = 77
	negative := dataPage(format.Plain, -3, nil)
	zipped := flat(dataPage(format.Plain, 3, []byte("\x28\xb5\x2f\xfd no frame")))
	zipped.codec = format.Zstd
	unknown := flat(dataPage(format.Plain, 3, []byte("x")))
	unknown.codec = 99
	bomb := flat(zeros(t, 300<<20))
	bomb.codec = format.Zstd
	liar := flat(zeros(t, 1<<20))
	liar.pages[0].header.UncompressedPageSize = 1000
	liar.codec = format.Zstd
	manyLevels := flat(dataPage(format.Plain, 3, append([]byte{4, 0, 0, 0}, 0xfe, 0xff, 0xff, 0x7f)))
	manyLevels.repetition = format.Optional
	highLevel := flat(dataPage(format.Plain, 3, append([]byte{2, 0, 0, 0}, 6, 7)))
	highLevel.repetition = format.Optional
	outOfStep := flat(dataPage(format.Plain, 3, []byte{2, 0, 0, 0, 6, 1, 2, 0, 0, 0, 6, 1}))
	outOfStep.repetition = format.Repeated

	for name, c := range map[string]struct {
		column crafted
		say    string
		rows   int64 // read before the fault
	}{
		"page of 2^31":           {flat(huge), "over the limit", 0},
		"page beyond its chunk":  {flat(longer), "page header is malformed", 0},
		"checksum":               {flat(wrongSum), "checksum", 0},
		"negative count":         {flat(negative), "malformed", 0},
		"too many values":        {flat(dataPage(format.Plain, 4, plainStrings("1", "2", "3", "4"))), "more values than their column chunk", 0},
		"corrupt zstd":           {zipped, "decompress page", 0},
		"unknown codec":          {unknown, "codec 99", 0},
		"decompression bomb":     {bomb, "over the limit", 0},
		"more than announced":    {liar, "decompress page", 0},
		"string beyond its page": {flat(dataPage(format.Plain, 3, plainStrings("1")[:4])), "fewer values", 0},
		"dictionary index":       {flat(dictionaryPage(1, plainStrings("x")), dataPage(format.RLEDictionary, 3, []byte{8, 6, 200})), "dictionary of 1 values has none at 200", 0},
		"no dictionary":          {flat(dataPage(format.RLEDictionary, 3, []byte{8, 6, 0})), "needs a dictionary", 0},
		"two dictionaries":       {flat(dictionaryPage(1, plainStrings("x")), dictionaryPage(1, plainStrings("x"))), "second dictionary", 0},
		"dictionary of too many": {flat(dictionaryPage(1000, plainStrings("x"))), "fewer values", 0},
		"unknown encoding":       {flat(dataPage(77, 3, []byte("x"))), "encoding 77", 0},
		"unknown page":           {flat(craftedPage{header: format.PageHeader{Type: 9}}), "unknown kind", 0},
		"levels of a long run":   {manyLevels, "malformed", 0},
		"level out of range":     {highLevel, "level out of range", 0},
		"no page header":         {flat(craftedPage{body: []byte{0xff, 0xff, 0xff}}), "page header", 0},
		"no pages":               {flat(), "ends before", 0},
		"second page missing":    {flat(dataPage(format.Plain, 2, plainStrings("1", "2"))), "ends before", 2},
		"rows out of step":       {outOfStep, "STRUCT", -1},
	} {
		t.Run(name, func(t *testing.T) {
			all, counts := readTable(t, craft(t, 3, good, c.column), DefaultLimits)
			last := all[len(all)-1]
			if c.rows < 0 {
				if last.Error == "" {
					t.Errorf("no error: %+v", all)
				}
				return
			}
			if !strings.Contains(last.Error, c.say) || int64(len(all)) != c.rows+1 {
				t.Errorf("got %+v, want %q after %d rows", all, c.say, c.rows)
			}
			if want := (Counts{Lines: 3, WithRecords: c.rows, Rejected: 3 - c.rows, Bytes: counts.Bytes}); counts != want {
				t.Errorf("counts %+v, want %+v", counts, want)
			}
		})
	}
}

// zeros is a page that compresses well.
func zeros(t testing.TB, size int) craftedPage {
	t.Helper()
	var out bytes.Buffer
	w, err := zstd.NewWriter(&out)
	if err != nil {
		t.Fatal(err)
	}
	chunk := make([]byte, 1<<20)
	for range size / len(chunk) {
		if _, err := w.Write(chunk); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	p := dataPage(format.Plain, 3, out.Bytes())
	p.header.UncompressedPageSize = int32(size)
	return p
}

// TestParquetColumnsDisagree reads a map of which the keys have two entries in the first row and the values in the second.
func TestParquetColumnsDisagree(t *testing.T) {
	nested := func(name string, reps ...byte) crafted {
		body := []byte{2, 0, 0, 0, 3, reps[0] | reps[1]<<1 | reps[2]<<2 | reps[3]<<3}
		body = append(body, 2, 0, 0, 0, 8, 1) // four entries, all of them there
		return crafted{name: name, typ: format.ByteArray, values: 4, pages: []craftedPage{
			dataPage(format.Plain, 4, append(body, plainStrings("a", "b", "c", "d")...))}}
	}
	shape := tape.Of[struct {
		Map tape.Pairs[string] `tape:"m"`
	}]()
	data := craft(t, 3, nested("m/key", 0, 1, 0, 0), nested("m/value", 0, 0, 1, 0))
	r, err := openParquetTable(context.Background(), objectOf("x", data), everything, shape, DefaultLimits)
	if err != nil {
		t.Fatal(err)
	}
	all := drain(t, r, []Want{{}})
	const disagree = "0 rows: columns disagree about the elements of a list"
	if len(all) != 3 || all[0].Error != disagree || all[1].Error != disagree || all[2].Result != "010101016401640000" {
		t.Errorf("got %+v", all)
	}
}

// TestParquetDamagedGroup loses one row group and reads the next.
func TestParquetDamagedGroup(t *testing.T) {
	data := writeGo(t, goRows("xmpp", 300, banner), parquet.MaxRowsPerRowGroup(100), parquet.Compression(&parquet.Zstd))
	whole, _ := readParquet(t, objectOf("x", data), everything, wantOnly("xmpp"), DefaultLimits)
	f, err := parquet.OpenFile(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	at := f.Metadata().RowGroups[1].Columns[0].MetaData.DataPageOffset
	for i := range 300 {
		data[at+int64(i)] = 0xff
	}
	got, counts := readParquet(t, objectOf("x", data), everything, wantOnly("xmpp"), DefaultLimits)
	if len(got) != 201 || !strings.HasPrefix(got[100].Error, "100 rows: column ip: ") || got[100].Row != 101 {
		t.Fatalf("%d records, %+v", len(got), got[100])
	}
	if diff := cmp.Diff(whole[200:], got[101:]); diff != "" {
		t.Errorf("last row group: want - got +\n%s", diff)
	}
	if counts.Lines != 300 || counts.WithRecords != 200 || counts.Rejected != 100 {
		t.Errorf("counts %+v", counts)
	}
}

func TestStampsBefore1970(t *testing.T) {
	for _, v := range []struct{ means, from, to int64 }{
		{int64(meansNanos), -1, -1}, {int64(meansNanos), -1000, -1}, {int64(meansNanos), 1999, 1}, {int64(meansMillis), -1, -1000}, {int64(meansMicros), -5, -5},
	} {
		c := &cursor{col: &column{kind: typeInt64, means: meaning(v.means)}}
		c.batch.numbers[0] = v.from
		if got, ok := stamp(c); got != v.to || !ok {
			t.Errorf("%+v: got %d, %v", v, got, ok)
		}
	}
}

func TestParquetHostileFooters(t *testing.T) {
	good := craft(t, 1, stringColumn("ip", "a"))
	element := func(name string, children int32) format.SchemaElement {
		return format.SchemaElement{Name: name, NumChildren: thrift.New(children)}
	}
	footer := func(m format.FileMetaData) []byte { return withFooter([]byte("PAR1"), marshal(t, &m)) }
	deep := make([]format.SchemaElement, 5000)
	for i := range deep {
		deep[i] = element(strings.Repeat("x", 100), 1)
	}
	wide := make([]format.SchemaElement, 1<<17)
	wide[0] = element("root", 1<<17-1)
	for i := range wide[1:] {
		wide[i+1] = format.SchemaElement{Name: "x", Type: thrift.New(format.ByteArray)}
	}
	manyRows := format.FileMetaData{Schema: []format.SchemaElement{element("root", 0)}, RowGroups: []format.RowGroup{{NumRows: math.MaxInt64}}}
	lists := []byte{0x29, 0xfc, 0xff, 0xff, 0xff, 0xff, 0x07} // field 2: a list of 2^31-1 structs
	nest := bytes.Repeat([]byte{0x1c}, 100_000)               // struct in struct in struct
	for name, data := range map[string][]byte{
		"empty":                 {},
		"no Parquet":            []byte(strings.Repeat("{\"ip\":\"1.2.3.4\"}\n", 10)),
		"magic alone":           []byte("PAR1PAR1PAR1"),
		"footer beyond start":   append(good[:len(good)-8:len(good)-8], 0xff, 0xff, 0xff, 0x00, 'P', 'A', 'R', '1'),
		"footer of 4 GB":        append(good[:len(good)-8:len(good)-8], 0xff, 0xff, 0xff, 0xff, 'P', 'A', 'R', '1'),
		"encrypted":             append(good[:len(good)-4:len(good)-4], "PARE"...),
		"list of 2^31":          withFooter([]byte("PAR1"), lists),
		"nested without end":    withFooter([]byte("PAR1"), nest),
		"deep schema":           footer(format.FileMetaData{Schema: deep}),
		"wide schema":           footer(format.FileMetaData{Schema: wide}),
		"children beyond":       footer(format.FileMetaData{Schema: []format.SchemaElement{element("root", 5)}}),
		"negative children":     footer(format.FileMetaData{Schema: []format.SchemaElement{element("root", -5)}}),
		"no schema":             footer(format.FileMetaData{}),
		"rows without number":   footer(manyRows),
		"no column for records": craft(t, 1, stringColumn("banner", "a")),
		"ip that is a number":   craft(t, 1, stringColumn("status", "a"), crafted{name: "ip", typ: format.Int32, values: 1}),
	} {
		t.Run(name, func(t *testing.T) {
			all, counts := readParquet(t, objectOf("x.parquet", data), everything, allWants(), DefaultLimits)
			if len(all) != 1 || all[0].Error == "" || all[0].Row != 0 || counts.Lines != counts.Rejected {
				t.Errorf("got %+v, %+v, want one reject of the object", all, counts)
			}
			t.Log(all[0].Error)
		})
	}
}

func TestParquetCutAnywhere(t *testing.T) {
	data := writeGo(t, goRows("mqtt", 50, broker), parquet.MaxRowsPerRowGroup(20))
	wants := wantOnly("mqtt")
	for cut := range len(data) {
		all, counts := readParquet(t, objectOf("x", data[:cut]), everything, wants, DefaultLimits)
		if len(all) != 1 || all[0].Error == "" || counts.Lines != 0 {
			t.Fatalf("cut at %d: got %+v, %+v", cut, all, counts)
		}
	}
}

// TestParquetDamage changes octets at random. Whatever comes of it, nothing panics and the rows add up.
func TestParquetDamage(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	wants := allWants()
	for _, name := range fixtures(t) {
		obj := fixture(t, name)
		data := make([]byte, obj.Size)
		for range 40 {
			if _, err := obj.ReadAt(data, 0); err != nil {
				t.Fatal(err)
			}
			for range 1 + r.IntN(4) {
				data[r.IntN(len(data))] = byte(r.IntN(256))
			}
			readDamaged(t, obj.Name, data, wants)
		}
	}
}

// readDamaged reads at most so many rows as a small file may claim without being refused.
func readDamaged(t testing.TB, name string, data []byte, wants []Want) {
	t.Helper()
	r, err := openParquet(context.Background(), objectOf(name, data), everything, wants, testLimits)
	if err != nil {
		t.Fatal(err)
	}
	all := drain(t, r, wants)
	c := r.Counts()
	if c.Lines != c.WithRecords+c.Empty+c.Rejected {
		t.Fatalf("counts %+v do not add up after %+v", c, all)
	}
}

// testLimits keep a hostile input from costing a test much.
var testLimits = Limits{
	Line: 1 << 20, Field: 1 << 20, Result: 1 << 20, Page: 1 << 20, Footer: 1 << 20, Certificate: 1 << 16, Depth: 64, Elements: 1 << 12, Content: 100,
}

// TestParquetMemory reads what claims much and checks that it does not get it.
func TestParquetMemory(t *testing.T) {
	nulls := crafted{name: "other", typ: format.ByteArray, repetition: format.Optional, values: 1 << 30, pages: []craftedPage{
		dataPage(format.Plain, 1<<30, append([]byte{6, 0, 0, 0}, 0x80, 0x80, 0x80, 0x80, 0x08, 0))}}
	ip := nulls
	ip.name = "ip"
	data := craft(t, 1<<30, ip, nulls)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	start := time.Now()
	r, err := openParquetTable(context.Background(), objectOf("x", data), everything, tape.Of[side](), DefaultLimits)
	if err != nil {
		t.Fatal(err)
	}
	var reject *RowError
	for err == nil {
		_, err = r.Next()
	}
	runtime.ReadMemStats(&after)
	if !errors.As(err, &reject) || !errors.Is(err, ErrLimit) || reject.Rows != 1<<30 {
		t.Errorf("got %v, want a reject of all rows", err)
	}
	if used := after.TotalAlloc - before.TotalAlloc; used > 8<<20 {
		t.Errorf("used %d octets", used)
	}
	t.Log(time.Since(start))
}

func FuzzReadParquet(f *testing.F) {
	for _, name := range fixtures(f) {
		obj := fixture(f, name)
		data := make([]byte, obj.Size)
		if _, err := obj.ReadAt(data, 0); err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Add(craft(f, 3, stringColumn("ip", "a", "b", "c"), stringColumn("status", "", "", ""), stringColumn("protocol", "xmpp", "x", "")))
	wants := allWants()
	f.Fuzz(func(t *testing.T, data []byte) { readDamaged(t, "protocol=xmpp/x.parquet", data, wants) })
}
