package record

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/dice-engine/dice/internal/tape/tapetest"
	"github.com/dice-engine/dice/protocols"
)

// vectorText returns the lines of a protocol's vectors.
func vectorText(t testing.TB, protocol string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "testdata", "conformance", protocol+".jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// plainLine is a line in the form that encoding/json reads.
type plainLine struct {
	IP, Domain string
	Data       map[string]struct {
		Status, Protocol, Timestamp string
		Result                      json.RawMessage
	}
}

func TestVectorsEqualReference(t *testing.T) {
	for _, protocol := range protocols.All() {
		p := newJSONParser([]Want{{protocol.Name, protocol.Input}}, DefaultLimits)
		for i, line := range bytes.Split(bytes.TrimSuffix(vectorText(t, protocol.Name), []byte("\n")), []byte("\n")) {
			if err := p.parseLine(line); err != nil {
				t.Errorf("%s:%d: %v", protocol.Name, i+1, err)
				continue
			}
			compareWithPlain(t, p, protocol, i+1, line)
		}
	}
}

func compareWithPlain(t *testing.T, p *jsonParser, protocol *protocols.Protocol, line int, text []byte) {
	t.Helper()
	var plain plainLine
	if err := json.Unmarshal(text, &plain); err != nil {
		t.Fatal(err)
	}
	if len(p.responses) != len(plain.Data) || string(p.ip) != plain.IP {
		t.Errorf("%s:%d: %d records of %q, want %d of %q", protocol.Name, line, len(p.responses), p.ip, len(plain.Data), plain.IP)
		return
	}
	for i, r := range p.responses {
		if r.want != 0 {
			continue
		}
		result := plain.Data[protocol.Name].Result
		if result == nil {
			result = []byte("null")
		}
		want, certificates, err := tapetest.FromJSON(protocol.Input, result)
		if (err == nil) != (r.err == nil) {
			t.Errorf("%s:%d: error %v, want %v", protocol.Name, line, r.err, err)
		}
		if err != nil || r.err != nil {
			continue
		}
		var row Row
		p.fill(&row, i)
		got := make([]string, 0, len(row.Certificates))
		for _, c := range row.Certificates {
			got = append(got, string(c))
		}
		if !bytes.Equal(row.Result, want) || !slices.Equal(got, certificates) || string(row.Status) != plain.Data[protocol.Name].Status {
			t.Errorf("%s:%d: %s %x %q, want %x %q", protocol.Name, line, row.Status, row.Result, got, want, certificates)
		}
	}
}

func BenchmarkLines(b *testing.B) {
	for _, protocol := range protocols.All() {
		text := vectorText(b, protocol.Name)
		text = bytes.Repeat(text, 1+(8<<20)/len(text))
		rows := float64(bytes.Count(text, []byte("\n")))
		want := []Want{{protocol.Name, protocol.Input}}
		b.Run(protocol.Name+"/tape", func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				r, err := Open(context.Background(), objectOf("x", text), whole, want, DefaultLimits)
				for err == nil {
					if _, err = r.Next(); err == nil {
						continue
					}
					if rejected := (*RowError)(nil); errors.As(err, &rejected) {
						err = nil
					}
				}
				if !errors.Is(err, io.EOF) {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/rows/float64(b.N), "ns/row")
		})
		b.Run(protocol.Name+"/encoding-json", func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				for line := range bytes.Lines(text) {
					var v struct {
						IP   string
						Data map[string]struct {
							Status, Protocol, Timestamp string
							Result                      any
						}
					}
					if err := json.Unmarshal(line, &v); err != nil {
						b.Fatal(err)
					}
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/rows/float64(b.N), "ns/row")
		})
	}
}
