package record

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"
)

// refooted makes a file of 50 rows in five row groups, and changes what its footer says.
func refooted(t *testing.T, change func(*format.FileMetaData)) Object {
	t.Helper()
	data := writeGo(t, goRows("xmpp", 50, banner), parquet.MaxRowsPerRowGroup(10))
	size := int(binary.LittleEndian.Uint32(data[len(data)-8:]))
	body := data[:len(data)-8-size]
	var meta format.FileMetaData
	if err := thrift.Unmarshal(new(thrift.CompactProtocol), data[len(body):len(data)-8], &meta); err != nil {
		t.Fatal(err)
	}
	change(&meta)
	return objectOf("x.parquet", withFooter(slices.Clone(body), marshal(t, &meta)))
}

// TestRowGroupsWithoutAPlace: wherever a footer says that a row group starts, its rows are in one slice, and read or
// rejected there.
func TestRowGroupsWithoutAPlace(t *testing.T) {
	wants := wantOnly("xmpp")
	for name, change := range map[string]func(*format.FileMetaData){
		"as written": func(*format.FileMetaData) {},
		"reversed":   func(m *format.FileMetaData) { slices.Reverse(m.RowGroups) },
		"behind the end": func(m *format.FileMetaData) {
			beginAt(&m.RowGroups[2], 1<<40)
		},
		"before the beginning": func(m *format.FileMetaData) {
			for i := range m.RowGroups {
				beginAt(&m.RowGroups[i], -1)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			obj := refooted(t, change)
			whole, counts := readParquet(t, obj, everything, wants, DefaultLimits)
			if counts.Lines != 50 || counts.WithRecords+counts.Rejected != 50 {
				t.Fatalf("counts %+v of 50 rows", counts)
			}
			var parts []found
			before := int64(0)
			for from := int64(0); from < obj.Size; from += 700 {
				part, counts := readParquet(t, obj, Slice{from, from + 700}, wants, DefaultLimits)
				for i := range part {
					part[i].Row += before
				}
				parts, before = append(parts, part...), before+counts.Lines
			}
			if fmt.Sprint(parts) != fmt.Sprint(whole) {
				t.Errorf("in slices:\n%v\nwhole:\n%v", parts, whole)
			}
		})
	}
}

// beginAt has the first column of a row group begin elsewhere.
func beginAt(g *format.RowGroup, at int64) {
	g.Columns[0].MetaData.DataPageOffset = at
	g.Columns[0].MetaData.DictionaryPageOffset = 0
}

func TestRowGroupsAreNotAllRows(t *testing.T) {
	all, _ := readParquet(t, refooted(t, func(m *format.FileMetaData) { m.RowGroups[1].NumRows = 0 }), everything, wantOnly("xmpp"), DefaultLimits)
	if len(all) != 1 || !strings.Contains(all[0].Error, "a file of 50 rows, whose row groups have 40") {
		t.Errorf("got %+v", all)
	}
}

// zstdPages compresses the pages of a column.
func zstdPages(t *testing.T, column crafted) crafted {
	t.Helper()
	w, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	column.codec = format.Zstd
	for i := range column.pages {
		p := &column.pages[i]
		p.body = w.EncodeAll(p.body, nil)
		p.header.CompressedPageSize = int32(len(p.body))
	}
	return column
}

// TestSmallFilesStaySmall: what a few octets of a file stand for is limited, in memory and in all.
func TestSmallFilesStaySmall(t *testing.T) {
	const rows = 1000
	limits := DefaultLimits
	limits.Page = 1 << 20
	same := []byte{1, 0xe8 << 1 & 0xff, 0x0f, 0} // a run of a thousand zeros
	for name, c := range map[string]struct {
		limits Limits
		texts  []string
		say    string
	}{
		"a dictionary of nothing":   {limits, make([]string, 1<<18), "in hand"},
		"one text for all the rows": {DefaultLimits, []string{strings.Repeat("x", 8<<20)}, "more values than a file of this size holds"},
	} {
		t.Run(name, func(t *testing.T) {
			ip := zstdPages(t, crafted{name: "ip", typ: format.ByteArray, values: rows, pages: []craftedPage{
				dictionaryPage(int32(len(c.texts)), plainStrings(c.texts...)), dataPage(format.RLEDictionary, rows, same),
			}})
			all, counts := readTable(t, craft(t, rows, ip), c.limits)
			if len(all) != 1 || !strings.Contains(all[0].Error, c.say) || counts.Rejected != rows {
				t.Errorf("counts %+v, got %.300v", counts, all)
			}
		})
	}
}

// TestFewRowsAreInterrupted: reading ends with its context, however few rows there are.
func TestFewRowsAreInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	obj := objectOf("x.parquet", writeGo(t, goRows("xmpp", 1000, banner)))
	r, err := openParquet(ctx, obj, everything, wantOnly("xmpp"), DefaultLimits)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if _, err := r.Next(); err != nil {
		t.Fatal(err)
	}
	cancel()
	for deadline := time.Now().Add(20 * time.Second); err == nil && time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		_, err = r.Next() // the reader hears of it after a moment
	}
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}
