package record

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/dice-engine/dice/internal/tape"
	"github.com/dice-engine/dice/internal/tape/tapetest"
)

type leaf struct {
	Name string    `tape:"name"`
	Cert tape.Cert `tape:"cert"`
	Size *int64    `tape:"size"`
}

// allKinds has every kind of field and every option.
type allKinds struct {
	Flag    bool                        `tape:"flag"`
	N       int64                       `tape:"n|number"`
	F       float64                     `tape:"f"`
	S       *string                     `tape:"s"`
	Any     tape.Text                   `tape:"any"`
	At      tape.Time                   `tape:"at,lenient"`
	Cert    tape.Cert                   `tape:"cert|pem"`
	Chain   tape.CertChain              `tape:"chain"`
	In      leaf                        `tape:"in"`
	Ptr     *leaf                       `tape:"ptr,lenient"`
	List    []string                    `tape:"list"`
	Leaves  []*leaf                     `tape:"leaves"`
	Floats  []float64                   `tape:"floats"`
	Map     tape.Pairs[[]string]        `tape:"map"`
	Listed  tape.Pairs[*leaf]           `tape:"listed,pairs"`
	Checked string                      `tape:"checked,check"`
	Raw     string                      `tape:"raw-message|raw_response,lenient"`
	Deep    []tape.Pairs[[]leaf]        `tape:"deep,lenient"`
	Certs   []tape.Cert                 `tape:"certs"`
	Flags   tape.Pairs[tape.Pairs[int]] `tape:"flags,pairs"`
	Bare    tape.Text                   `tape:"bare,bare"`
	Whole   *int64                      `tape:"whole"`
}

var (
	everythingShape = tape.Of[allKinds]()
	listShape       = tape.Of[[]leaf]()
)

var resultTexts = []string{
	`null`, `{}`, ` { } `, `[]`, `[null]`, `[{},null,{"name":"x","cert":"AA","size":0}]`, `[{"cert":"A"},{"cert":"B"},{"cert":"A"}]`, `true`, `"x"`, `1`,
	`{"flag":true,"n":-7,"f":1.5,"s":"","any":{"a":1},"cert":"C1","chain":["C2","C3"],"in":{"name":"i"},"ptr":{}}`,
	`{"flag":false,"n":0,"f":0,"s":null,"any":null,"cert":"","chain":[],"in":{},"ptr":null}`,
	`{"f":-0,"n":-0}`, `{"f":-0.0}`, `{"f":1e400}`, `{"f":1e-400}`, `{"n":1e2}`, `{"n":1.0}`, `{"n":9223372036854775807}`, `{"n":9223372036854775808}`, `{"n":-9223372036854775808}`,
	`{"number":5}`, `{"number":5,"n":6}`, `{"n":null,"number":5}`, `{"n":0,"number":5}`, `{"n":1,"number":"x"}`,
	`{"ptr":{"cert":"P"},"cert":"C","chain":["D"]}`, `{"pem":"P","cert":"C"}`, `{"cert":"C","pem":"P"}`, `{"chain":["A",null,"B"],"cert":"B"}`,
	`{"chain":[null,"A"]}`, `{"chain":["A",1]}`, `{"chain":"A"}`, `{"cert":["A"]}`, `{"chain":{}}`, `{"chain":[""]}`,
	`{"n":1,"n":2}`, `{"extra":1,"extra":2}`, `{"b":1,"a":2,"b":3}`, `{"any":{"a":1,"a":2}}`, `{"a":{"x":1,"x":1}}`, `{"n":1,"s":"x","n":2}`, `{"s":"x","n":1,"s":"y"}`,
	`{"\u006e":5}`, `{"\u006e":5,"n":6}`, `{"e\u0078tra":1,"extra":2}`,
	`{"s":"\ud83d\ude00"}`, `{"s":"\ud83d"}`, `{"s":"\ude00\ud83d"}`, `{"s":"\ud83d\u0041"}`, `{"s":"\u0000\b\f\n\r\t\/\\\""}`, `{"s":"\u00e9é😀"}`, `{"s":"\x"}`, `{"s":"\u12g4"}`,
	`{"any":[1, 2 ,{"a" : "b"}]}`, `{"any":"text"}`, `{"any":12.50}`, `{"any":false}`, `{"at":1}`, `{"at":"2020-01-01T00:00:00Z"}`,
	`{"list":["a",null,"b"]}`, `{"list":[1]}`, `{"list":{}}`, `{"leaves":[null,{},{"size":0}]}`, `{"floats":[null,0,1,-2.5e3]}`, `{"floats":["1"]}`,
	`{"map":{"b":["1"],"a":[],"c":null}}`, `{"map":{"a":[],"a":[]}}`, `{"map":[["a",["1"]]]}`, `{"map":{"a":[null]}}`, `{"map":{"a":{}}}`,
	`{"listed":[["a",{}],["b",null]]}`, `{"listed":[{"key":"a","value":{}},{"key":"b","value":null}]}`, `{"listed":{"a":{}}}`, `{"listed":[["a",{}],["a",{}]]}`,
	`{"listed":[["a"]]}`, `{"listed":[["a",{},1]]}`, `{"listed":[{"value":{},"key":"a"}]}`, `{"listed":[{"key":"a"}]}`, `{"listed":[{"key":1,"value":{}}]}`, `{"listed":[null]}`, `{"listed":[1]}`,
	`{"listed":[{"key":"a","value":{},"x":1}]}`, `{"listed":[["\u0061",{}],["a",{}]]}`, `{"listed":[[null,{}]]}`,
	`{"bare":"x"}`, `{"whole":7}`, `{"whole":0.0}`, `{"whole":-2e1}`, `{"whole":1.5}`, `{"whole":1e300}`, `{"whole":1e400}`, `{"whole":9007199254740992.0}`, `{"whole":9223372036854775807}`,
	`{"at":"2020-01-01T00:00:00.123456789+02:00"}`, `{"at":"2020-01-01"}`, `{"at":"2020-01-01T00:00:00\u005a"}`,
	`{"checked":"x"}`, `{"checked":1}`, `{"raw_response":"b","raw-message":"a"}`, `{"raw-message":1,"raw_response":"b"}`, `{"raw-message":"","raw_response":"b"}`,
	`{"ptr":{"cert":"X","name":1},"certs":["Y","X"]}`, `{"ptr":5,"n":1}`, `{"deep":[{"a":[{"cert":"Q","name":5}]}],"certs":["R"]}`, `{"deep":[{"k":[{},{"name":"n"}]},null]}`,
	`{"certs":["A","B",null,"","A","\u0041"]}`, `{"deep":[{"a":[],"a":[]}]}`, `{"flags":[["a",[["b",1]]],["c",{"d":2}]]}`, `{"flags":[["a",{"b":"c"}]]}`,
	`{"certs":["C"],"deep":[{"k":[{"cert":"B","size":1,"name":"z"}]}],"in":{"size":3,"cert":"A"}}`,
	`{"n":01}`, `{"n":-}`, `{"n":1.}`, `{"n":1e}`, `{"n":.5}`, `{"n":+1}`, `{"n":1,}`, `{,}`, `[1,]`, `[,1]`, `{"n" 1}`, `{"n":1 "s":2}`, `{"n":tru}`, `{"x":nul}`, `{"x":"a`, `{`, ``, ` `, `{"x":"a` + "\n" + `"}`, `{} {}`, `{}]`, `{"a":1}x`,
	"{\"s\":\"\x01\"}", "{\"s\":\"\xff\"}", "\x00", "{\"s\":\"\x7f\"}", `{"x":[1,2,{"y":[true,false,null,"z",-1.5E+3]}]}`, `{"x":{"a":1}}`,
}

// manyNames is an object whose undeclared names are out of order, too many to compare one by one.
func manyNames(n int, last string) string {
	var b strings.Builder
	b.WriteString(`{`)
	for i := range n {
		fmt.Fprintf(&b, `"x%d":%d,`, (i*7919)%n, i)
	}
	return b.String() + last + `}`
}

func manyCerts(n int) string {
	var b strings.Builder
	b.WriteString(`{"certs":[`)
	for i := range n {
		fmt.Fprintf(&b, `"cert%d",`, i%(n/2))
	}
	return b.String() + `"last"]}`
}

// compareWithReference parses text as a result and compares all there is with tapetest.FromJSON.
func compareWithReference(t *testing.T, p *jsonParser, s *tape.Shape, text []byte) {
	t.Helper()
	got, err := p.parseResult(nil, s, text)
	if !json.Valid(text) || !utf8.Valid(text) {
		var f *fault
		if err == nil || !errors.As(err, &f) {
			t.Errorf("%q: no fault in what is no JSON: %v", text, err)
		}
		return
	}
	want, certificates, wantErr := tapetest.FromJSON(s, text)
	if (err == nil) != (wantErr == nil) {
		t.Errorf("%s: error %v, want %v", text, err, wantErr)
		return
	}
	if err != nil {
		return
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s: tape\n%s, want\n%s", text, tape.AppendJSON(s, nil, got), tape.AppendJSON(s, nil, want))
	}
	var texts []string
	for _, c := range p.certificates {
		texts = append(texts, string(c))
	}
	if !slices.Equal(texts, certificates) {
		t.Errorf("%s: certificates %q, want %q", text, texts, certificates)
	}
}

func TestResultsEqualReference(t *testing.T) {
	p := newJSONParser(nil, DefaultLimits)
	texts := append(slices.Clone(resultTexts), manyNames(40, `"n":1`), manyNames(40, `"x3":1`), manyCerts(60))
	for _, text := range texts {
		compareWithReference(t, p, everythingShape, []byte(text))
		compareWithReference(t, p, listShape, []byte(text))
	}
}

func TestResultFaultsSayWhereAndWhat(t *testing.T) {
	p := newJSONParser(nil, DefaultLimits)
	for text, want := range map[string]string{
		`{"n":"x"}`:                  `offset 5: n: string where an integer is expected`,
		`{"in":{"name":7}}`:          `offset 14: in.name: number where a string is expected`,
		`{"map":{"k":[5]}}`:          `offset 13: map.k: number where a string is expected`,
		`{"in":{"cert":"A","a":}}`:   `offset 22: '}' where a value is expected`,
		`{"a":1,"a":2}`:              `offset 13: member "a" is repeated`,
		`{"a":"` + "\x02" + `"}`:     `offset 6: control character 0x02 in a string`,
		`{"a":"` + "é\xe9" + `"}`:    `offset 8: octet 0xe9 is not UTF-8`,
		`{"a":[1,2`:                  `offset 9: text ends where a comma or the closing bracket is expected`,
		`{"a":tru}`:                  `offset 5: 't' where true is expected`,
		`{"n":92233720368547758070}`: `offset 25: n: number where an integer of 64 bits is expected`,
	} {
		_, err := p.parseResult(nil, everythingShape, []byte(text))
		if err == nil || err.Error() != want {
			t.Errorf("%s: error %v, want %s", text, err, want)
		}
	}
}

func TestResultLimits(t *testing.T) {
	limits := Limits{Line: 1000, Field: 10, Result: 40, Certificate: 5, Depth: 4, Elements: 3}
	p := newJSONParser(nil, limits)
	for text, over := range map[string]bool{
		`{"s":"0123456789"}`: false, `{"s":"01234567890"}`: true, `{"any":"0123456789"}`: true, `{"x":"01234567890"}`: false,
		`{"cert":"12345"}`: false, `{"cert":"123456"}`: true, `{"chain":["123456"]}`: true,
		`{"x":[[[]]]}`: false, `{"x":[[[[]]]]}`: true, `{"any":{"a":{"b":{"c":1}}}}`: true,
		`{"list":["","",""]}`: false, `{"list":["","","",""]}`: true, `{"map":{"a":[],"b":[]},"list":["",""]}`: true,
		`{"list":["0123456789","0123456789","0123456789"]}`: false, `{"list":["0123456789","0123456789","0123456789"],"s":"0123456789"}`: true,
		`{"raw-message":"01234567890"}`: true, // lenient is about types
	} {
		_, err := p.parseResult(nil, everythingShape, []byte(text))
		if errors.Is(err, ErrLimit) != over || !over && err != nil {
			t.Errorf("%s: error %v, over the limit: want %v", text, err, over)
		}
	}
}

func TestLineLimits(t *testing.T) {
	limits := DefaultLimits
	limits.Elements = 5000
	p := newJSONParser([]Want{{"a", everythingShape}}, limits)
	members := func(n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, `"x%d":{},`, i)
		}
		return b.String()
	}
	for text, over := range map[string]bool{
		`{"data":{` + members(mostResponses-1) + `"z":{}}}`:                    false,
		`{"data":{` + members(mostResponses) + `"z":{}}}`:                      true,
		`{` + members(4999) + `"z":{}}`:                                        false,
		`{` + members(5000) + `"z":{}}`:                                        true,
		`{"data":` + strings.Repeat("[", 200) + strings.Repeat("]", 200) + `}`: false, // it is no object first of all
		`{"x":` + strings.Repeat("[", 200) + strings.Repeat("]", 200) + `}`:    true,
	} {
		if err := p.parseLine([]byte(text)); errors.Is(err, ErrLimit) != over {
			t.Errorf("%.40s: error %v, over the limit: want %v", text, err, over)
		}
	}
}

func FuzzResult(f *testing.F) {
	for _, text := range resultTexts {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if nesting(text) > 100 {
			return
		}
		p := newJSONParser(nil, DefaultLimits)
		compareWithReference(t, p, everythingShape, text)
		compareWithReference(t, p, listShape, text)
	})
}

func nesting(text []byte) int {
	return bytes.Count(text, []byte("{")) + bytes.Count(text, []byte("["))
}

// record is what a test wants to see of a response.
type wantRecord struct {
	Want         int
	Status       string
	Port, Time   int64
	HasTime      bool
	Result       string
	Certificates []string
	Err          string
}

func recordsOf(p *jsonParser) (records []wantRecord) {
	for i, r := range p.responses {
		row := Row{Port: p.port}
		p.fill(&row, i)
		w := wantRecord{Want: row.Want, Status: string(row.Status), Port: row.Port, Time: row.Time, HasTime: row.HasTime}
		w.Result = "null"
		if row.Want != Other && r.err == nil {
			w.Result = string(tape.AppendJSON(everythingShape, nil, row.Result))
		}
		for _, c := range row.Certificates {
			w.Certificates = append(w.Certificates, string(c))
		}
		if r.err != nil {
			w = wantRecord{Want: row.Want, Err: r.err.Error()}
		}
		records = append(records, w)
	}
	return records
}

var lineCases = []struct {
	name, text string
	ip, domain string
	want       []wantRecord
	err        string
}{
	{name: "no data", text: `{"ip":"1.2.3.4"}`, ip: "1.2.3.4"},
	{name: "null data", text: `{"data":null,"domain":"d"}`, domain: "d"},
	{name: "empty data", text: `{"data":{},"ip":null}`},
	{
		name: "usual", text: `{"ip":"1.2.3.4","port":5,"data":{"a":{"status":"success","protocol":"a","result":{"n":1,"cert":"C"},"timestamp":"2024-05-06T07:08:09+02:00","error":"e"}}}`,
		ip: "1.2.3.4", want: []wantRecord{{Want: 0, Status: "success", Port: 5, Time: 1714972089000000, HasTime: true, Result: `{"n":1,"cert":1}`, Certificates: []string{"C"}}},
	},
	{
		name: "protocol behind result, ip behind data", text: `{"data":{"x":{"result":{"n":2,"certs":["A","B"]},"port":7,"protocol":"b"},"y":{"result":{"cert":"B"},"protocol":"a"}},"ip":"::1"}`,
		ip: "::1", want: []wantRecord{{Want: 1, Port: 7, Result: `{"n":2,"certs":[1,2]}`, Certificates: []string{"A", "B"}}, {Want: 0, Result: `{"cert":1}`, Certificates: []string{"B"}}},
	},
	{
		name: "name stands for protocol", text: `{"data":{"a":{"result":{"n":3}},"b":{"protocol":null,"result":null},"c":{"protocol":"","status":"s"}}}`,
		want: []wantRecord{{Want: 0, Result: `{"n":3}`}, {Want: 1, Result: "null"}, {Want: Other, Status: "s", Result: "null"}},
	},
	{name: "null response", text: `{"data":{"a":null}}`, want: []wantRecord{{Want: 0, Result: "null"}}},
	{name: "empty response", text: `{"data":{"zz":{}}}`, want: []wantRecord{{Want: Other, Result: "null"}}},
	{name: "response no object", text: `{"data":{"a":5,"b":{}}}`, want: []wantRecord{{Want: 0, Err: "offset 13: number where an object is expected"}, {Want: 1, Result: "null"}}},
	{name: "others cannot be wrong", text: `{"data":{"zz":[1],"a":{"status":5,"protocol":"zz"}}}`, want: []wantRecord{{Want: Other, Result: "null"}, {Want: Other, Result: "null"}}},
	{name: "wrong protocol", text: `{"data":{"a":{"protocol":5}}}`, want: []wantRecord{{Want: Other, Err: "offset 25: protocol: number where a string is expected"}}},
	{name: "wrong status before protocol", text: `{"data":{"x":{"status":{},"protocol":"b"}}}`, want: []wantRecord{{Want: 1, Err: "offset 23: status: object where a string is expected"}}},
	{name: "wrong result", text: `{"data":{"a":{"protocol":"a","result":{"cert":"X","n":[1]}},"b":{"result":{"cert":"Y"}}}}`, want: []wantRecord{{Want: 0, Err: "offset 54: result.n: list where an integer is expected"}, {Want: 1, Result: `{"cert":1}`, Certificates: []string{"Y"}}}},
	{name: "wrong result that waited", text: `{"data":{"a":{"result":{"n":[1]}}}}`, want: []wantRecord{{Want: 0, Err: "offset 28: result.n: list where an integer is expected"}}},
	{name: "repeated in response", text: `{"data":{"a":{"status":"x","status":"y"}}}`, want: []wantRecord{{Want: 0, Err: `offset 40: member "status" is repeated`}}},
	{name: "wrong port", text: `{"data":{"a":{"port":65536}}}`, want: []wantRecord{{Want: 0, Err: "offset 26: port: 65536 is no port"}}},
	{name: "time unreadable", text: `{"data":{"a":{"timestamp":"yesterday"},"b":{"timestamp":null}}}`, want: []wantRecord{{Want: 0, Result: "null"}, {Want: 1, Result: "null"}}},
	{name: "no time", text: `{"data":{"a":{"timestamp":1742203800},"b":{"timestamp":{"x":[]}}}}`, want: []wantRecord{
		{Want: 0, Err: "offset 26: timestamp: number where a time in RFC 3339 is expected"}, {Want: 1, Err: "offset 55: timestamp: object where a time in RFC 3339 is expected"},
	}},
	{name: "whole ports", text: `{"port":5222.0,"data":{"a":{},"b":{"port":8.1e1}}}`, want: []wantRecord{{Want: 0, Port: 5222, Result: "null"}, {Want: 1, Port: 81, Result: "null"}}},
	{name: "broken ports", text: `{"data":{"a":{"port":1.5},"b":{"port":65536.0}}}`, want: []wantRecord{
		{Want: 0, Err: "offset 24: port: 1.5 is no port"}, {Want: 1, Err: "offset 45: port: 65536 is no port"},
	}},
	{name: "escapes", text: `{"\u0069p":"\u0031","data":{"\u0061":{"st\u0061tus":"\"","result":{}}}}`, ip: "1", want: []wantRecord{{Want: 0, Status: `"`, Result: "{}"}}},
	{name: "repeated ip", text: `{"ip":"1","ip":"1"}`, err: `offset 19: member "ip" is repeated`},
	{name: "repeated response", text: `{"data":{"a":null,"a":null}}`, err: `offset 27: data: member "a" is repeated`},
	{name: "repeated undeclared", text: `{"q":1,"q":1}`, err: `offset 13: member "q" is repeated`},
	{name: "ip no string", text: `{"ip":7}`, err: "offset 6: ip: number where a string is expected"},
	{name: "negative port", text: `{"port":-1}`, err: "offset 10: port: -1 is no port"},
	{name: "text port", text: `{"port":"80"}`, err: "offset 8: port: string where a port is expected"},
	{name: "data a list", text: `{"data":[]}`, err: "offset 8: data: list where an object is expected"},
	{name: "data no value", text: `{"data":xxxx}`, err: "offset 8: 'x' where an object is expected"},
	{name: "data cut off", text: `{"data":`, err: "offset 8: text ends where an object is expected"},
	{name: "response no value", text: `{"data":{"a":xxxx}}`, err: "offset 13: 'x' where an object is expected"},
	{name: "ip no value", text: `{"ip":xxxx}`, err: "offset 6: 'x' where a string is expected"},
	{name: "member no value", text: `{"data":{"a":{"protocol":"a","result":{"n":xxxx}}}}`, err: "offset 43: 'x' where an integer is expected"},
	{name: "no object", text: `[]`, err: "offset 0: line is not an object"},
	{name: "null line", text: `null`, err: "offset 0: line is not an object"},
	{name: "trailing", text: `{} x`, err: "offset 3: 'x' where the end is expected"},
	{name: "broken result of nobody", text: `{"data":{"zz":{"protocol":"zz","result":{"a":}}}}`, err: "offset 45: '}' where a value is expected"},
	{name: "broken behind a misfit", text: `{"data":{"a":{"protocol":"a","result":{"n":"x","m":]}}}}`, err: "offset 51: ']' where a value is expected"},
}

func TestLines(t *testing.T) {
	p := newJSONParser([]Want{{"a", everythingShape}, {"b", everythingShape}}, DefaultLimits)
	for _, c := range lineCases {
		t.Run(c.name, func(t *testing.T) {
			err := p.parseLine([]byte(c.text))
			if c.err != "" {
				if err == nil || err.Error() != c.err {
					t.Errorf("error %v, want %s", err, c.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if string(p.ip) != c.ip || string(p.domain) != c.domain {
				t.Errorf("ip %q, domain %q, want %q, %q", p.ip, p.domain, c.ip, c.domain)
			}
			if diff := cmp.Diff(c.want, recordsOf(p)); diff != "" {
				t.Errorf("want - got +\n%s", diff)
			}
		})
	}
}
