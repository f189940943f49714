package record

import (
	"bytes"
	"encoding/json"
	"slices"
	"testing"
	"unicode/utf8"

	"github.com/dice-engine/dice/internal/tape"
	"github.com/dice-engine/dice/internal/tape/tapetest"
)

// envelope and answer are a line as the reference reader takes it.
type envelope struct {
	IP     string                `tape:"ip"`
	Domain string                `tape:"domain"`
	Port   int64                 `tape:"port"`
	Data   tape.Pairs[tape.Text] `tape:"data"`
}

type answer struct {
	Status   string    `tape:"status"`
	Protocol string    `tape:"protocol"`
	Port     int64     `tape:"port"`
	Time     string    `tape:"timestamp"`
	Result   tape.Text `tape:"result"`
}

var (
	envelopeShape = tape.Of[envelope]()
	answerShape   = tape.Of[answer]()
)

// reference reads text by way of the reference reader; ok says whether it could.
func reference[T any](s *tape.Shape, text []byte, v *T) (ok bool) {
	out, _, err := tapetest.FromJSON(s, text)
	return err == nil && tape.Decode(s, out, v)
}

func badPort(port int64) bool { return port < 0 || port > 65535 }

// compareLine parses a line and compares all there is with the reference.
func compareLine(t *testing.T, p *jsonParser, text []byte) {
	t.Helper()
	err := p.parseLine(text)
	var want envelope
	valid := json.Valid(text) && utf8.Valid(text) && reference(envelopeShape, text, &want) && !badPort(want.Port)
	if valid != (err == nil) {
		t.Fatalf("%q: error %v, want one: %v", text, err, !valid)
	}
	if !valid {
		return
	}
	if len(p.responses) != len(want.Data) || string(p.ip) != want.IP || string(p.domain) != want.Domain || p.port != want.Port {
		t.Fatalf("%q: %d records, %q, %q, %d", text, len(p.responses), p.ip, p.domain, p.port)
	}
	for i, pair := range want.Data {
		compareResponse(t, p, i, pair, want.Port)
	}
}

func compareResponse(t *testing.T, p *jsonParser, i int, pair tape.Pair[tape.Text], port int64) {
	t.Helper()
	got, want := p.responses[i], answer{}
	if pair.Value != "" && !reference(answerShape, []byte(pair.Value), &want) || badPort(want.Port) {
		if got.err == nil && got.want != Other {
			t.Errorf("record %d of %s: no error in %s", i, pair.Key, pair.Value)
		}
		return
	}
	protocol := want.Protocol
	if protocol == "" {
		protocol = pair.Key
	}
	shape := map[string]*tape.Shape{"a": everythingShape, "b": listShape}[protocol]
	if (shape == nil) != (got.want == Other) || string(got.protocol) != protocol {
		t.Fatalf("record %d: want %d of protocol %s", i, got.want, protocol)
	}
	if shape == nil {
		return
	}
	if want.Result == "" {
		want.Result = "null"
	}
	out, certificates, err := tapetest.FromJSON(shape, []byte(want.Result))
	if (err == nil) != (got.err == nil) {
		t.Fatalf("record %d: error %v, want %v", i, got.err, err)
	}
	if err != nil {
		return
	}
	row := Row{Port: port}
	p.fill(&row, i)
	var texts []string
	for _, c := range row.Certificates {
		texts = append(texts, string(c))
	}
	if want.Port == 0 {
		want.Port = port
	}
	if !bytes.Equal(row.Result, out) || !slices.Equal(texts, certificates) || string(row.Status) != want.Status || row.Port != want.Port {
		t.Errorf("record %d of %s: %x %q %q %d", i, pair.Value, row.Result, texts, row.Status, row.Port)
	}
}

func lineParser() *jsonParser {
	return newJSONParser([]Want{{"a", everythingShape}, {"b", listShape}}, DefaultLimits)
}

func TestLinesEqualReference(t *testing.T) {
	p := lineParser()
	for _, c := range lineCases {
		compareLine(t, p, []byte(c.text))
	}
	for _, text := range resultTexts {
		for _, form := range []string{`{"data":{"a":{"protocol":"a","result":%},"b":{"result":%}}}`, `{"data":{"x":{"result":%,"protocol":"b"}},"port":5}`, `%`} {
			compareLine(t, p, bytes.ReplaceAll([]byte(form), []byte("%"), []byte(text)))
		}
	}
}

func FuzzLine(f *testing.F) {
	for _, c := range lineCases {
		f.Add([]byte(c.text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if nesting(text) > 100 {
			return
		}
		p := lineParser()
		compareLine(t, p, text)
		compareLine(t, p, text)
	})
}

func TestSteadyReadingDoesNotAllocate(t *testing.T) {
	p := newJSONParser([]Want{{"a", everythingShape}, {"b", everythingShape}}, DefaultLimits)
	lines := [][]byte{[]byte(lineCases[3].text), []byte(lineCases[4].text), []byte(`{"ip":"\u0031","data":{"a":{"timestamp":"2024-01-01T00:00:00Z","status":"s"}}}`)}
	row := Row{}
	n := testing.AllocsPerRun(1000, func() {
		for _, line := range lines {
			if err := p.parseLine(line); err != nil {
				t.Fatal(err)
			}
			for i := range p.responses {
				p.fill(&row, i)
			}
		}
	})
	if n > 0 {
		t.Errorf("%v allocations for %d lines", n, len(lines))
	}
}
