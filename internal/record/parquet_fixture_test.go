package record

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/dice-engine/dice/internal/tape/tapetest"
	"github.com/dice-engine/dice/protocols"
)

// everything is the slice that holds all row groups.
var everything = Slice{0, math.MaxInt64}

// found is a copy of a Row, or of a RowError.
type found struct {
	Protocol, IP, Domain, Status string
	Port, Time                   int64
	HasTime                      bool
	Result                       string
	Certificates                 []string
	Row                          int64
	Member                       int
	Error                        string
}

// allWants wants every protocol there is.
func allWants() (wants []Want) {
	for _, p := range protocols.All() {
		wants = append(wants, Want{p.Name, p.Input})
	}
	return wants
}

// wantOnly picks wants by name.
func wantOnly(names ...string) (wants []Want) {
	for _, w := range allWants() {
		if slices.Contains(names, w.Protocol) {
			wants = append(wants, w)
		}
	}
	return wants
}

func fixture(t testing.TB, name string) Object {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", "parquet", filepath.FromSlash(name)))
	if err != nil {
		t.Fatal(err)
	}
	return objectOf(name, data)
}

func objectOf(name string, data []byte) Object {
	return Object{Name: name, Size: int64(len(data)), ReaderAt: bytes.NewReader(data)}
}

// drain reads a slice to its end.
func drain(t testing.TB, r Reader, wants []Want) (all []found) {
	t.Helper()
	for {
		row, err := r.Next()
		var reject *RowError
		switch {
		case err == io.EOF:
			if err := r.Close(); err != nil {
				t.Error(err)
			}
			return all
		case errors.As(err, &reject):
			all = append(all, found{Row: reject.Row, Member: reject.Member, Error: fmt.Sprintf("%d rows: %v", reject.Rows, reject.Err)})
			continue
		case err != nil:
			t.Fatal(err)
		}
		all = append(all, copyOf(row, wants))
	}
}

func copyOf(row *Row, wants []Want) found {
	f := found{
		Protocol: "other", IP: string(row.IP), Domain: string(row.Domain), Status: string(row.Status), Port: row.Port, Time: row.Time,
		HasTime: row.HasTime, Result: fmt.Sprintf("%x", row.Result), Row: row.Row, Member: row.Member,
	}
	if row.Want != Other {
		f.Protocol = wants[row.Want].Protocol
	}
	for _, c := range row.Certificates {
		f.Certificates = append(f.Certificates, string(c))
	}
	return f
}

func readParquet(t testing.TB, obj Object, s Slice, wants []Want, lim Limits) ([]found, Counts) {
	t.Helper()
	r, err := openParquet(context.Background(), obj, s, wants, lim)
	if err != nil {
		t.Fatal(err)
	}
	all := drain(t, r, wants)
	return all, r.Counts()
}

// response is a member of data in the printed scan.
type printed struct {
	Status, Protocol string
	Timestamp        *string
	Result           json.RawMessage
}

// expectedRecords reads the printed scan. Of the protocols that are not wanted only the envelope is expected. By lines,
// rows count lines; else each record is a row.
func expectedRecords(t testing.TB, wants []Want, lines bool, keep ...string) (all []found) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", "parquet", "records.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	row := int64(0)
	for i, line := range strings.Split(strings.TrimSuffix(string(text), "\n"), "\n") {
		var parsed struct {
			IP, Domain string
			Port       int64
			Data       map[string]printed
		}
		if err := json.Unmarshal([]byte(line), &parsed); err != nil {
			t.Fatal(err)
		}
		member := 0
		for _, name := range []string{"bacnet", "coap", "dnp3", "modbus", "mqtt", "rtps", "xmpp", "opcua"} {
			p, ok := parsed.Data[name]
			if !ok || len(keep) > 0 && !slices.Contains(keep, name) {
				continue
			}
			row++
			f := expectedRecord(t, p, wants)
			f.IP, f.Domain, f.Port, f.Row = parsed.IP, parsed.Domain, parsed.Port, row
			if lines {
				f.Row, f.Member = int64(i+1), member
			}
			member++
			all = append(all, f)
		}
	}
	return all
}

func expectedRecord(t testing.TB, p printed, wants []Want) found {
	t.Helper()
	f := found{Protocol: "other", Status: p.Status, Result: "00"}
	if p.Timestamp != nil {
		at, err := time.Parse(time.RFC3339, *p.Timestamp)
		if err != nil {
			t.Fatal(err)
		}
		f.Time, f.HasTime = at.UnixMicro(), true
	}
	for _, w := range wants {
		if w.Protocol != p.Protocol {
			continue
		}
		f.Protocol = w.Protocol
		tape, certificates, err := tapetest.FromJSON(w.Result, p.Result)
		if err != nil {
			t.Fatalf("%s: %s: %v", p.Protocol, p.Result, err)
		}
		f.Result, f.Certificates = fmt.Sprintf("%x", tape), certificates
	}
	return f
}

// protocolOf tells from a fixture's name whose records it holds; empty: all.
func protocolOf(name string) string {
	if strings.HasPrefix(name, "protocol=") {
		return "dnp3"
	}
	name = strings.TrimSuffix(strings.SplitN(name, "-", 3)[1], ".parquet")
	if name == "all" {
		return ""
	}
	return name
}

func fixtures(t testing.TB) (names []string) {
	t.Helper()
	files, err := filepath.Glob("testdata/parquet/*.parquet")
	if err != nil || len(files) < 30 {
		t.Fatalf("%d fixtures, %v", len(files), err)
	}
	for _, f := range files {
		names = append(names, filepath.Base(f))
	}
	return append(names, "protocol=dnp3/part.parquet")
}

// TestParquetEqualsJSON is the law of this package: a record has one tape, whoever wrote the file and however.
func TestParquetEqualsJSON(t *testing.T) {
	wants := allWants()
	for _, name := range fixtures(t) {
		t.Run(name, func(t *testing.T) {
			var keep []string
			if p := protocolOf(name); p != "" {
				keep = []string{p}
			}
			lines := strings.Contains(name, "raw") || strings.Contains(name, "data")
			want := expectedRecords(t, wants, lines, keep...)
			if strings.Contains(name, "pandas") {
				for i := range want {
					want[i].Domain = "" // a column of nulls there
				}
			}
			got, counts := readParquet(t, fixture(t, name), everything, wants, DefaultLimits)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("want - got +\n%s", diff)
			}
			if counts.Lines != counts.WithRecords+counts.Empty+counts.Rejected || counts.Rejected != 0 {
				t.Errorf("counts %+v do not add up", counts)
			}
		})
	}
}
