package protocols_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// vectorRows holds how many records each file of the vectors has. A file that is shorter than this was not read whole.
var vectorRows = map[string]int{
	"bacnet": 76, "coap": 106, "dnp3": 125, "modbus": 81, "mqtt": 163, "opcua": 161, "rtps": 79, "xmpp": 130,
	"batches/bacnet-no-flag": 3, "batches/modbus-no-null": 6, "batches/mqtt-none-kept": 3,
	"batches/opcua-offsets": 3, "batches/opcua-shifted": 10, "batches/rtps-mixed": 6,
}

// vector is one scan record and what must be made of it.
type vector struct {
	File     string // without .jsonl
	Line     int    // from 1
	Protocol string

	IP, Domain string
	Found      bool // the line has data for the protocol
	Response   response
	Want       expected
}

// response is what the scanner says of one protocol.
type response struct {
	Status    string          `json:"status"`
	Timestamp *string         `json:"timestamp"`
	Result    json.RawMessage `json:"result"`
}

// verdict is the answer for a record; a ruling overrides the notebook's.
type verdict struct {
	Kept        bool           `json:"kept"`
	Labels      []string       `json:"local_labels"`
	Fingerprint map[string]any `json:"fingerprint"`

	partial bool // Fingerprint says nothing of members that it does not name
}

type expected struct {
	verdict
	Line     int      `json:"line"`
	Case     string   `json:"case"`
	Protocol string   `json:"protocol"` // in batches only
	Ruling   *verdict `json:"ruling"`
}

// correct is the ruling where there is one; its fingerprint replaces single members. Where the notebook raised, there is
// nothing to replace them in: then the ruling's members are all that is known.
func (e expected) correct() verdict {
	if e.Ruling == nil {
		return e.verdict
	}
	v := *e.Ruling
	if e.Fingerprint == nil {
		v.partial = true
		return v
	}
	merged := maps.Clone(e.Fingerprint)
	maps.Copy(merged, v.Fingerprint)
	v.Fingerprint = merged
	return v
}

// identity is what makes a record a duplicate of an earlier one.
func (v vector) identity() string {
	host := v.IP
	if host == "" {
		host = "domain " + v.Domain
	}
	return v.Protocol + " " + host + " " + v.Response.Status
}

// result is the scanner's result, null where there is none.
func (v vector) result() []byte {
	if len(v.Response.Result) == 0 {
		return []byte("null")
	}
	return v.Response.Result
}

// time is the record's time in microseconds since 1970, where it can be read.
func (v vector) time() (unixMicro int64, ok bool) {
	if v.Response.Timestamp == nil {
		return 0, false
	}
	at, err := time.Parse(time.RFC3339, *v.Response.Timestamp)
	return at.UnixMicro(), err == nil
}

// readVectors reads one file of vectors with its answers.
func readVectors(t testing.TB, file string) []vector {
	t.Helper()
	inputs, answers := readLines(t, file+".jsonl"), readLines(t, file+".expected.jsonl")
	if len(inputs) != vectorRows[file] || len(answers) != len(inputs) {
		t.Fatalf("%s: %d records and %d answers, want %d of both", file, len(inputs), len(answers), vectorRows[file])
	}
	vectors := make([]vector, len(inputs))
	for i := range inputs {
		vectors[i] = readVector(t, file, inputs[i], answers[i])
		if vectors[i].Line != i+1 {
			t.Fatalf("%s: line %d calls itself %d", file, i+1, vectors[i].Line)
		}
	}
	return vectors
}

func readVector(t testing.TB, file string, input, answer []byte) vector {
	t.Helper()
	var line struct {
		IP     string              `json:"ip"`
		Domain string              `json:"domain"`
		Data   map[string]response `json:"data"`
	}
	v := vector{File: file}
	if err := json.Unmarshal(input, &line); err != nil {
		t.Fatalf("%s: record %s: %v", file, input, err)
	}
	if err := json.Unmarshal(answer, &v.Want); err != nil {
		t.Fatalf("%s: answer %s: %v", file, answer, err)
	}
	v.Line, v.Protocol = v.Want.Line, v.Want.Protocol
	if v.Protocol == "" {
		v.Protocol = file
	}
	v.IP, v.Domain = line.IP, line.Domain
	v.Response, v.Found = line.Data[v.Protocol]
	return v
}

// readLines splits on LF only: texts hold other line separators.
func readLines(t testing.TB, name string) [][]byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "testdata", "conformance", filepath.FromSlash(name)))
	if err != nil {
		t.Fatal(err)
	}
	return bytes.Split(bytes.TrimSuffix(text, []byte("\n")), []byte("\n"))
}

// sideCertificates is the side table of XMPP: the first certificate of an address counts.
func sideCertificates(t testing.TB) map[string]string {
	t.Helper()
	table := map[string]string{}
	for _, line := range readLines(t, "xmpp-certificates.jsonl") {
		var row struct{ IP, Certificate string }
		if err := json.Unmarshal(line, &row); err != nil {
			t.Fatalf("side table %s: %v", line, err)
		}
		if _, known := table[row.IP]; !known {
			table[row.IP] = row.Certificate
		}
	}
	return table
}
