package record

import (
	"bytes"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/parquet-go/parquet-go"

	"github.com/dice-engine/dice/internal/tape"
	"github.com/dice-engine/dice/internal/tape/tapetest"
)

// spelledRow has as text what spelledShape wants as struct, list and map.
type spelledRow struct {
	Struct  tape.Text    `tape:"struct"`
	Strict  tape.Text    `tape:"strict"`
	Map     tape.Text    `tape:"map"`
	Chain   tape.Text    `tape:"chain"`
	Structs []*tape.Text `tape:"structs"`
}

type spelledShape struct {
	Struct  *spelledInner              `tape:"struct,lenient"`
	Strict  []*spelledInner            `tape:"strict"`
	Map     *tape.Pairs[*spelledInner] `tape:"map,lenient"`
	Chain   tape.CertChain             `tape:"chain,lenient"`
	Structs []*spelledInner            `tape:"structs,lenient,elements"`
}

type spelledInner struct {
	Name *string   `tape:"name,lenient"`
	Cert tape.Cert `tape:"cert"`
}

// TestSpelledColumns reads columns of JSON text as the values that they spell, and wants what the same values give in JSON.
func TestSpelledColumns(t *testing.T) {
	text := func(s string) *tape.Text { v := tape.Text(s); return &v }
	rows := []spelledRow{
		{},
		{Struct: `{}`, Strict: `[]`, Map: `{}`, Chain: `[]`, Structs: []*tape.Text{text(`{}`), nil}},
		{Struct: `{"name":"a","cert":"A"}`, Strict: `[{"cert":"B"},null,{"cert":"A"}]`, Map: `{"k":{"cert":"C"},"l":null}`, Chain: `["D","E"]`, Structs: []*tape.Text{text(`{"cert":"B"}`), nil, text(`{"cert":"F"}`)}},
		{Struct: `{"cert":"A","name":5}`, Strict: ` [ { "x" : [1] } ] `, Map: `null`, Chain: `[null]`},
		{Struct: `[{"cert":"A"}]`, Strict: `[{"cert":"B"}]`, Map: `7`, Chain: `{"cert":"A"}`, Structs: []*tape.Text{text(`"{}"`), text(`[]`), text(`{"cert":"A"}`)}},
		{Struct: `{"cert":"A","cert":"A"}`, Map: `{"k":{"cert":"A"},"l":7}`, Chain: `["A",7]`},
		{Strict: `{"cert":"A"}`},
		{Struct: `{"cert":"A"}`, Strict: `[7]`},
	}
	source, shape := tape.Of[spelledRow](), tape.Of[spelledShape]()
	got := readShape(t, writeAll(t, WriterOptions{}, rows...), shape)
	for i := range rows {
		line := tape.AppendJSON(source, nil, tape.Append(source, nil, &rows[i]))
		want, certificates, err := tapetest.FromJSON(shape, line)
		if (err != nil) != (got[i].Error != "") {
			t.Errorf("%s: error %q, want %v", line, got[i].Error, err)
		}
		if err != nil {
			continue
		}
		if diff := cmp.Diff(string(tape.AppendJSON(shape, nil, want)), got[i].Result); diff != "" {
			t.Errorf("%s: want - got +\n%s", line, diff)
		}
		if diff := cmp.Diff(certificates, got[i].Certificates); diff != "" {
			t.Errorf("%s: certificates: want - got +\n%s", line, diff)
		}
	}
}

// readShape reads a table whose columns are those of shape. The results are JSON.
func readShape(t *testing.T, data []byte, shape *tape.Shape) []found {
	t.Helper()
	reader, err := openParquetTable(t.Context(), objectOf("x", data), everything, shape, DefaultLimits)
	if err != nil {
		t.Fatal(err)
	}
	list := drain(t, reader, []Want{{Result: shape}})
	for i := range list {
		result, err := hex.DecodeString(list[i].Result)
		if err != nil {
			t.Fatal(err)
		}
		if len(result) > 0 {
			list[i].Result = string(tape.AppendJSON(shape, nil, result))
		}
	}
	return list
}

// TestSpelledFaults: what is no JSON is a value of another type, and what is too large rejects its record wherever it stands.
func TestSpelledFaults(t *testing.T) {
	type row struct {
		Struct *string `parquet:"struct,optional"`
		Strict *string `parquet:"strict,optional"`
		JSON   string  `parquet:"map,json"`
	}
	broken, empty, deep := "{", "", strings.Repeat("[", 200)
	var out bytes.Buffer
	if err := parquet.Write(&out, []row{
		{Struct: &broken, JSON: `{"k":{"name":"a"}}`}, {Struct: &empty, JSON: `{"k":{},"k":{}}`}, {Struct: &deep, JSON: `{}`},
		{Strict: &broken, JSON: `{}`}, {JSON: `{}`},
	}); err != nil {
		t.Fatal(err)
	}
	got := readShape(t, out.Bytes(), tape.Of[spelledShape]())
	var texts []string
	for _, f := range got {
		texts = append(texts, f.Result+f.Error)
	}
	want := []string{
		`{"map":{"k":{"name":"a"}}}`, `{}`,
		`0 rows: column struct: offset 128: nesting over the limit of 128`,
		`0 rows: column strict: offset 0: object where a list is expected`,
		`{"map":{}}`,
	}
	if diff := cmp.Diff(want, texts); diff != "" {
		t.Errorf("want - got +\n%s", diff)
	}
}

type bareRow struct {
	Any tape.Text `tape:"any,bare"`
}

// TestBareTexts: a column holds texts without their quotes, and reading gives the very JSON that was written.
func TestBareTexts(t *testing.T) {
	for value, column := range map[string]string{
		`"None"`: "None", `""`: "", `"a b"`: "a b", `"é"`: "é", `"a\u0026b\n\""`: "a&b\n\"", `"nullx"`: "nullx", `"true "`: `"true "`, `"truer"`: "truer", `"-"`: "-",
		`1`: "1", `"1"`: `"1"`, `true`: "true", `"true"`: `"true"`, `"null"`: `"null"`, `" null "`: `" null "`, `"{}"`: `"{}"`, `{"a": 1}`: `{"a": 1}`, `"\"x\""`: `"\"x\""`,
		`[]`: "[]", `"S\u0069gn"`: `"S\u0069gn"`, `"a&b"`: `"a&b"`, `"\ud800"`: `"\ud800"`, `"http:\/\/x"`: `"http:\/\/x"`,
	} {
		data := writeAll(t, WriterOptions{}, bareRow{tape.Text(value)})
		plain, err := parquet.Read[struct {
			Any *string `parquet:"any,optional"`
		}](bytes.NewReader(data), int64(len(data)))
		if err != nil {
			t.Fatal(err)
		}
		if plain[0].Any == nil || *plain[0].Any != column {
			t.Errorf("%s is held as %v, want %q", value, plain[0].Any, column)
		}
		got := readShape(t, data, tape.Of[bareRow]())
		if want := `{"any":` + value + `}`; got[0].Result != want {
			t.Errorf("%s is read as %s", want, got[0].Result)
		}
	}
}

// TestJSONColumnsOfScalars reads columns that are annotated as JSON where a text, number or bool is wanted, as DuckDB makes
// them where rows disagree: what fits is read as in a scan that is JSON, and the rest costs its own record alone.
func TestJSONColumnsOfScalars(t *testing.T) {
	type item struct {
		X string `parquet:"x,json"`
	}
	type row struct {
		Text   string `parquet:"text,json"`
		Number string `parquet:"number,json"`
		Flag   string `parquet:"flag,json"`
		List   []item `parquet:"list,list"`
	}
	type shape struct {
		Text   *string `tape:"text"`
		Number *int64  `tape:"number"`
		Flag   *bool   `tape:"flag"`
		List   []struct {
			X string `tape:"x"`
		} `tape:"list"`
	}
	rows := []row{
		{`"a\u00e9"`, `7`, `true`, []item{{`"x"`}, {`null`}}},
		{`null`, `3.0`, `false`, nil},
		{`7`, `null`, `null`, nil},
		{`null`, `"7"`, `null`, nil},
		{`null`, `null`, `1`, nil},
		{`null`, `null`, `null`, []item{{`"x"`}, {`{}`}}},
		{`"after"`, `null`, `null`, nil},
	}
	var got []string
	for _, f := range readShape(t, writeGo(t, rows), tape.Of[shape]()) {
		got = append(got, f.Result+strings.TrimPrefix(f.Error, "0 rows: "))
	}
	want := []string{
		`{"text":"aé","number":7,"flag":true,"list":[{"x":"x"},{}]}`, `{"number":3,"flag":false}`,
		"column text: offset 0: number where a string is expected", "column number: offset 0: string where an integer is expected",
		"column flag: offset 0: number where a boolean is expected", "column list.list.element.x: offset 0: object where a string is expected",
		`{"text":"after"}`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("want - got +\n%s", diff)
	}
}
