package record

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/parquet-go/parquet-go"

	"github.com/dice-engine/dice/internal/tape"
	"github.com/dice-engine/dice/internal/tape/tapetest"
)

// TestParquetSlices cuts files at every octet that matters and checks that each row group is read once.
func TestParquetSlices(t *testing.T) {
	wants := wantOnly("mqtt", "opcua")
	for _, name := range []string{"arrow-mqtt.parquet", "arrow-opcua-plain.parquet", "duck-mqtt.parquet"} {
		obj := fixture(t, name)
		whole, _ := readParquet(t, obj, everything, wants, DefaultLimits)
		for cut := int64(0); cut <= obj.Size; cut += 61 {
			first, a := readParquet(t, obj, Slice{0, cut}, wants, DefaultLimits)
			second, b := readParquet(t, obj, Slice{cut, obj.Size}, wants, DefaultLimits)
			if a.Lines+b.Lines != int64(len(whole)) {
				t.Fatalf("%s cut at %d: %d and %d rows, want %d", name, cut, a.Lines, b.Lines, len(whole))
			}
			for i := range second {
				second[i].Row += a.Lines // rows count within a slice
			}
			if diff := cmp.Diff(whole, append(first, second...)); diff != "" {
				t.Fatalf("%s cut at %d: want - got +\n%s", name, cut, diff)
			}
		}
	}
}

// TestParquetUnwanted reads files whose records are of other protocols: they are accounted for, and their results not read.
func TestParquetUnwanted(t *testing.T) {
	for _, name := range []string{"arrow-all-text.parquet", "duck-all-raw.parquet", "duck-all-data.parquet", "arrow-opcua.parquet"} {
		wants := wantOnly("dnp3")
		var keep []string
		if p := protocolOf(name); p != "" {
			keep = []string{p}
		}
		want := expectedRecords(t, wants, !strings.Contains(name, "text") && !strings.Contains(name, "opcua"), keep...)
		got, counts := readParquet(t, fixture(t, name), everything, wants, DefaultLimits)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: want - got +\n%s", name, diff)
		}
		t.Log(name, counts)
	}
}

// pairsRow has its maps as lists of pairs, and odd kinds of columns.
type pairsRow struct {
	Protocol string  `parquet:"protocol"`
	Status   string  `parquet:"status"`
	Port     float64 `parquet:"port"`
	Result   struct {
		Topics []struct {
			Key   string   `parquet:"key"`
			Value []string `parquet:"value,list"`
		} `parquet:"topics,list"`
		Second string              `parquet:"second"`
		First  *string             `parquet:"first,optional"`
		Wide   uint64              `parquet:"wide"`
		Narrow uint8               `parquet:"narrow"`
		Single float32             `parquet:"single"`
		Fixed  [3]byte             `parquet:"fixed"`
		Any    float64             `parquet:"any"`
		Flag   bool                `parquet:"flag"`
		Inner  *struct{ A int64 }  `parquet:"inner,optional"`
		Many   []struct{ A int64 } `parquet:"many,list"`
		Odd    int64               `parquet:"odd"`
		Bare   []string            `parquet:"bare"`
		Deep   []pairsDeep         `parquet:"deep,list"`
	} `parquet:"result"`
}

type pairsDeep struct {
	New   []string `parquet:"new,list"`
	Old   []string `parquet:"old,list"`
	After string   `parquet:"after"`
}

type pairsShape struct {
	Topics tape.Pairs[[]string] `tape:"topics,pairs"`
	Name   *string              `tape:"first|second"`
	Wide   *int64               `tape:"wide,lenient"`
	Narrow int64                `tape:"narrow"`
	Single float64              `tape:"single"`
	Fixed  string               `tape:"fixed"`
	Any    tape.Text            `tape:"any"`
	Flag   tape.Text            `tape:"flag"`
	Inner  *struct {
		Gone string `tape:"gone"`
	} `tape:"inner"`
	Many []*struct {
		Gone string `tape:"gone"`
	} `tape:"many"`
	Odd  string    `tape:"odd,lenient"`
	Case string    `tape:"Odd"`
	Bare *[]string `tape:"bare"`
	Deep []struct {
		Texts []string `tape:"new|old"`
		After string   `tape:"after"`
	} `tape:"deep"`
}

func TestParquetOddColumns(t *testing.T) {
	first := ""
	var rows [2]pairsRow
	for i := range rows {
		rows[i].Protocol, rows[i].Status = "p", "success"
		rows[i].Result.Second = "second"
	}
	r := &rows[0].Result
	r.Topics = append(r.Topics, struct {
		Key   string   `parquet:"key"`
		Value []string `parquet:"value,list"`
	}{"k", []string{"v"}})
	r.First, r.Wide, r.Narrow, r.Single, r.Fixed, r.Any, r.Flag = &first, 1<<63, 255, 1.5, [3]byte{'a', 'b', 'c'}, 2.5, true
	r.Inner, r.Many = &struct{ A int64 }{1}, make([]struct{ A int64 }, 2)
	r.Deep = []pairsDeep{{[]string{"a", "b", "c"}, []string{"d", "e", "f"}, "x"}, {nil, []string{"g", "h"}, "y"}}
	r.Bare = []string{"p", "q"}
	shape := tape.Of[pairsShape]()
	wants := []Want{{"p", shape}}
	got, _ := readParquet(t, objectOf("x", writeGo(t, rows[:])), everything, wants, DefaultLimits)
	for i, text := range []string{
		`{"topics":{"k":["v"]},"first":"","narrow":255,"single":1.5,"fixed":"abc","any":2.5,"flag":true,"inner":{},"many":[{},{}],"bare":["p","q"],
			"deep":[{"new":["a","b","c"],"after":"x"},{"new":[],"after":"y"}]}`,
		`{"topics":{},"second":"second","fixed":"\u0000\u0000\u0000","wide":0,"any":0,"flag":false,"many":[],"bare":[],"deep":[]}`,
	} {
		want, _, err := tapetest.FromJSON(shape, []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		if got[i].Result != fmt.Sprintf("%x", want) {
			t.Errorf("row %d: got %s, want %x %s", i, got[i].Result, want, tape.AppendJSON(shape, nil, want))
		}
	}
}

// TestParquetCaseOfColumns: an envelope column in another case must not be taken for one that is not there.
func TestParquetCaseOfColumns(t *testing.T) {
	type common struct {
		Protocol string            `parquet:"protocol"`
		Result   struct{ A int64 } `parquet:"result"`
	}
	wants := []Want{{"p", tape.Of[struct {
		A int64 `tape:"A"`
	}]()}}
	type upperIP struct {
		common
		IP     string
		Status string `parquet:"status"`
	}
	type upperStatus struct {
		common
		Status string
	}
	type nested struct {
		Data struct {
			P struct {
				Status string `parquet:"status"`
				Result struct{ A int64 }
			} `parquet:"p"`
		} `parquet:"data"`
	}
	for want, data := range map[string][]byte{
		"no column ip but IP":                                writeGo(t, []upperIP{{}}),
		"no column status but Status":                        writeGo(t, []upperStatus{{}}),
		"no column data.p.result but Result":                 writeGo(t, []nested{{}}),
		"columns data, result and status is there, but Data": writeGo(t, []struct{ Data string }{{}}),
	} {
		got, counts := readParquet(t, objectOf("x", data), everything, wants, DefaultLimits)
		if len(got) != 1 || !strings.Contains(got[0].Error, want) || counts.Rejected != 1 {
			t.Errorf("%s: got %+v, %+v", want, got, counts)
		}
	}
}

// TestParquetCaseOfNobody: a member of data that nobody reads may have what columns it likes.
func TestParquetCaseOfNobody(t *testing.T) {
	type member struct {
		Status string `parquet:"status"`
		Result struct {
			A int64 `parquet:"A"`
		} `parquet:"result"`
	}
	type row struct {
		Data struct {
			P     member                  `parquet:"p"`
			Other struct{ Status string } `parquet:"other"`
			Q     struct{ Result string } `parquet:"q"`
		} `parquet:"data"`
	}
	wants := []Want{{"p", tape.Of[struct {
		A int64 `tape:"A"`
	}]()}}
	rows := make([]row, 1)
	rows[0].Data.P.Status, rows[0].Data.P.Result.A = "success", 7
	got, counts := readParquet(t, objectOf("x", writeGo(t, rows)), everything, wants, DefaultLimits)
	if len(got) != 1 || got[0].Protocol != "p" || got[0].Error != "" || counts.WithRecords != 1 {
		t.Errorf("got %+v, %+v", got, counts)
	}
}

// TestParquetWrongTypes checks that a column of another type rejects what needs it, and no more.
func TestParquetWrongTypes(t *testing.T) {
	type row struct {
		Protocol string `parquet:"protocol"`
		Status   string `parquet:"status"`
		Result   struct {
			A int64  `parquet:"a"`
			B string `parquet:"b"`
		} `parquet:"result"`
	}
	needsText, needsB := tape.Of[struct {
		A string `tape:"a"`
	}](), tape.Of[struct {
		B string `tape:"b"`
	}]()
	wants := []Want{{"p", needsText}, {"q", needsB}}
	rows := []row{{Protocol: "p"}, {Protocol: "p"}}
	rows[1].Result.B = "text"
	reject := "column result.a is INT64 where a string is needed"

	all, counts := readParquet(t, objectOf("x", writeGo(t, rows)), everything, wants, DefaultLimits)
	if len(all) != 1 || all[0].Error != "2 rows: "+reject || all[0].Row != 0 || counts.Rejected != 2 {
		t.Errorf("one protocol: got %+v, %+v", all, counts)
	}
	rows[1].Protocol = "q"
	all, counts = readParquet(t, objectOf("x", writeGo(t, rows)), everything, wants, DefaultLimits)
	if len(all) != 2 || all[0].Error != "0 rows: "+reject || all[1].Result != "01010474657874"+"00" || counts.WithRecords != 2 {
		t.Errorf("two protocols: got %+v, %+v", all, counts)
	}
}

func TestParquetWithoutProtocol(t *testing.T) {
	type row struct {
		Status string `parquet:"status"`
	}
	data := writeGo(t, []row{{"success"}})
	for name, want := range map[string]string{"a/protocol=xmpp/x": "xmpp", "a/protocol=a%20b/x": "other"} {
		all, _ := readParquet(t, objectOf(name, data), everything, allWants(), DefaultLimits)
		if len(all) != 1 || all[0].Protocol != want || all[0].Result != "00" {
			t.Errorf("%s: got %+v, want a null result of %s", name, all, want)
		}
	}
	all, _ := readParquet(t, objectOf("a/x", data), everything, allWants(), DefaultLimits)
	if len(all) != 1 || !strings.Contains(all[0].Error, "neither a column protocol") {
		t.Errorf("got %+v, want a reject", all)
	}
}

// TestParquetBounds reads a file of two protocols, each in row groups of its own: only columns of what a row group may
// hold are fetched.
func TestParquetBounds(t *testing.T) {
	xmpp := goRows("xmpp", 1000, banner)
	for i := range xmpp[500:] {
		xmpp[500+i].Protocol = "zzz"
	}
	data := writeGo(t, xmpp, parquet.MaxRowsPerRowGroup(500))
	got, counts := readParquet(t, objectOf("x", data), everything, wantOnly("xmpp"), DefaultLimits)
	half, halfCounts := readParquet(t, objectOf("x", writeGo(t, xmpp[:500])), everything, wantOnly("xmpp"), DefaultLimits)
	if len(got) != 1000 || len(half) != 500 || got[999].Protocol != "other" {
		t.Errorf("%d and %d records", len(got), len(half))
	}
	t.Log(counts.Bytes, halfCounts.Bytes)
}

func TestParquetLimits(t *testing.T) {
	for name, change := range map[string]func(*Limits){
		"result":      func(l *Limits) { l.Result = 100 },
		"elements":    func(l *Limits) { l.Elements = 3 },
		"field":       func(l *Limits) { l.Field = 40 },
		"certificate": func(l *Limits) { l.Certificate = 10 },
	} {
		t.Run(name, func(t *testing.T) {
			lim := DefaultLimits
			change(&lim)
			whole, _ := readParquet(t, fixture(t, "arrow-opcua.parquet"), everything, wantOnly("opcua"), DefaultLimits)
			got, counts := readParquet(t, fixture(t, "arrow-opcua.parquet"), everything, wantOnly("opcua"), lim)
			if !strings.HasPrefix(got[0].Error, "0 rows: ") || !strings.Contains(got[0].Error, "over the limit") {
				t.Errorf("got %+v, want a reject of the first record", got[0])
			}
			if diff := cmp.Diff(whole[1:], got[1:]); diff != "" {
				t.Errorf("reading does not go on as before: want - got +\n%s", diff)
			}
			if counts.WithRecords != 4 || counts.Rejected != 0 {
				t.Errorf("counts %+v", counts)
			}
		})
	}
}

func TestParquetTable(t *testing.T) {
	got, counts := readTable(t, craft(t, 2, stringColumn("ip", "a", ""), stringColumn("more", "x", "y")), DefaultLimits)
	if len(got) != 2 || got[0].Result != "0101016100" || got[1].Result != "0100" || counts.WithRecords != 2 {
		t.Errorf("got %+v, %+v", got, counts)
	}
	got, _ = readTable(t, craft(t, 1, stringColumn("IP", "a")), DefaultLimits)
	if len(got) != 1 || got[0].Error != "1 rows: no column ip but IP" {
		t.Errorf("got %+v", got)
	}
	got, _ = readTable(t, craft(t, 1, stringColumn("more", "a")), DefaultLimits)
	if len(got) != 1 || got[0].Error != "1 rows: none of the columns ip, other is there" {
		t.Errorf("got %+v", got)
	}
}

// rawRow is the raw layout from structs, whose groups cannot be null.
type rawRow struct {
	IP   string `parquet:"ip"`
	Data struct {
		Modbus struct {
			Status   string    `parquet:"status"`
			Protocol string    `parquet:"protocol"`
			Port     int32     `parquet:"port"`
			Result   *goModbus `parquet:"result,optional"`
		} `parquet:"modbus"`
		Second *struct {
			Status string  `parquet:"status"`
			Result *goXMPP `parquet:"result,optional"`
		} `parquet:"xmpp,optional"`
	} `parquet:"data"`
}

func TestParquetRawLayout(t *testing.T) {
	rows := make([]rawRow, 3)
	rows[1].Data.Modbus.Status, rows[1].Data.Modbus.Port = "success", 502
	rows[1].Data.Second = &struct {
		Status string  `parquet:"status"`
		Result *goXMPP `parquet:"result,optional"`
	}{"success", &goXMPP{"hello"}}
	rows[2].Data.Modbus.Status, rows[2].Data.Modbus.Protocol = "success", "xmpp"
	got, counts := readParquet(t, objectOf("x", writeGo(t, rows)), everything, allWants(), DefaultLimits)
	want := []found{
		{Protocol: "modbus", Status: "success", Port: 502, Result: "00", Row: 2},
		{Protocol: "xmpp", Status: "success", Result: "01010568656c6c6f00", Row: 2, Member: 1},
		{Protocol: "xmpp", Status: "success", Result: "00", Row: 3},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("want - got +\n%s", diff)
	}
	if counts.Lines != 3 || counts.WithRecords != 2 || counts.Empty != 1 {
		t.Errorf("counts %+v", counts)
	}
}

func TestParquetRepeatedKeys(t *testing.T) {
	type pair struct {
		Key   string `parquet:"key"`
		Value string `parquet:"value"`
	}
	type row struct {
		Pairs []pair `parquet:"pairs,list"`
	}
	shape := tape.Of[struct {
		Pairs tape.Pairs[string] `tape:"pairs,pairs"`
	}]()
	var many []pair // more than are compared each with each
	for i := range 2 * fewKeys {
		many = append(many, pair{fmt.Sprint(100 - i), ""})
	}
	data := writeGo(t, []row{
		{[]pair{{"b", ""}, {"a", ""}, {"b", ""}}}, {[]pair{{"a", ""}, {"a", ""}}}, {[]pair{{"b", ""}, {"a", ""}}},
		{many}, {append(many, pair{"99", ""})},
	})
	r, err := openParquetTable(t.Context(), objectOf("x", data), everything, shape, DefaultLimits)
	if err != nil {
		t.Fatal(err)
	}
	all := drain(t, r, []Want{{}})
	var got []string
	for _, row := range all {
		got = append(got, row.Error)
	}
	repeated := func(key string) string { return fmt.Sprintf("0 rows: key %q of a map is repeated", key) }
	if diff := cmp.Diff([]string{repeated("b"), repeated("a"), "", "", repeated("99")}, got); diff != "" {
		t.Errorf("want - got +\n%s", diff)
	}
}
