package ingest_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dice-engine/dice/internal/ingest"
	"github.com/dice-engine/dice/internal/record"
	"github.com/dice-engine/dice/internal/tape"
	"github.com/dice-engine/dice/internal/zgrab2"
	"github.com/dice-engine/dice/protocols"
)

// shapes holds a record with every member that a version of a scanner prints, for each of them.
const shapes = "testdata/shapes.jsonl"

// copied ingests lines and returns the pattern of the copy's files.
func copied(t *testing.T, lines string) string {
	t.Helper()
	out := t.TempDir()
	deps := ingest.Deps{Open: open, Output: local(t, out)}
	if _, err := ingest.Run(context.Background(), ingest.Config{Files: []string{lines}, Limits: record.DefaultLimits}, deps); err != nil {
		t.Fatal(err)
	}
	return out + "/protocol=*/*.parquet"
}

// answers classifies the records of files and returns, by protocol and in order, what is known of those that are kept.
func answers(t *testing.T, pattern string) map[string][]string {
	t.Helper()
	all := map[string][]string{}
	list := protocols.All()
	var wants []record.Want
	for _, p := range list {
		wants = append(wants, record.Want{Protocol: p.Name, Result: p.Input})
	}
	eachFile(t, pattern, wants, func(reader record.Reader) {
		for row := range kept(t, reader) {
			p := list[row.Want]
			fingerprint, labels, ok, err := p.Identify(string(row.Status) == "success", row.Result, nil)
			if err != nil {
				t.Fatal(err)
			}
			if ok {
				all[p.Name] = append(all[p.Name], fmt.Sprintf("%s|%s|%d|%s|%d|%v|%s|%s|%s", row.IP, row.Domain, row.Port, row.Status,
					row.Time, row.HasTime, labels, tape.AppendJSON(p.Output, nil, fingerprint), row.Certificates))
			}
		}
	})
	return all
}

// kept yields the records of a reader that are not rejected and belong to a protocol, and closes it.
func kept(t *testing.T, reader record.Reader) func(yield func(*record.Row) bool) {
	return func(yield func(*record.Row) bool) {
		for {
			row, err := reader.Next()
			var bad *record.RowError
			switch {
			case err == io.EOF:
				return
			case errors.As(err, &bad):
			case err != nil:
				t.Fatal(err)
			case row.Want != record.Other && !yield(row):
				return
			}
		}
	}
}

// compareAnswers compares what is made of lines with what is made of their copy, and returns how many records were kept.
func compareAnswers(t *testing.T, lines string) int {
	t.Helper()
	want, got := answers(t, lines), answers(t, copied(t, lines))
	n := 0
	for _, protocol := range zgrab2.Names() {
		n += len(want[protocol])
		if len(want[protocol]) != len(got[protocol]) {
			t.Errorf("%s: %d records of the copy are kept, %d of the lines", protocol, len(got[protocol]), len(want[protocol]))
		}
		for i := range min(len(want[protocol]), len(got[protocol])) {
			if diff := cmp.Diff(want[protocol][i], got[protocol][i]); diff != "" {
				t.Errorf("%s differs (-lines +copy):\n%.3000s", protocol, diff)
				break // what follows may only be shifted
			}
		}
	}
	return n
}

// A copy is classified like the lines it was made from.
func TestCopyIsClassifiedLikeTheLines(t *testing.T) {
	lists := []string{shapes}
	for _, folder := range []string{"", "batches"} {
		names, err := filepath.Glob(filepath.Join("..", "..", "testdata", "conformance", folder, "*.jsonl"))
		if err != nil {
			t.Fatal(err)
		}
		lists = append(lists, slices.DeleteFunc(names, func(name string) bool {
			return strings.HasSuffix(name, ".expected.jsonl") || strings.HasSuffix(name, "-certificates.jsonl")
		})...)
	}
	if len(lists) != 15 {
		t.Fatalf("%d files of lines, want 15: %q", len(lists), lists)
	}
	for _, lines := range lists {
		t.Run(filepath.Base(lines), func(t *testing.T) {
			if n := compareAnswers(t, lines); n == 0 && !strings.Contains(lines, "batches") {
				t.Error("no record was kept")
			}
		})
	}
}

// So is a copy of lines in which one value is of another type than the scanner prints.
func TestCopyOfOddValuesIsClassifiedLikeTheLines(t *testing.T) {
	var odd bytes.Buffer
	records := 0
	for _, line := range shapeLines(t) {
		var v any
		if err := json.Unmarshal(line, &v); err != nil {
			t.Fatal(err)
		}
		for protocol, data := range v.(map[string]any)["data"].(map[string]any) {
			response := data.(map[string]any)
			variants(response["result"], func(result any) {
				response["result"] = result
				records++
				text, err := json.Marshal(map[string]any{"ip": fmt.Sprint("odd ", records), "data": map[string]any{protocol: response}})
				if err != nil {
					t.Fatal(err)
				}
				odd.Write(append(text, '\n'))
			})
		}
	}
	lines := filepath.Join(t.TempDir(), "odd.jsonl")
	if err := os.WriteFile(lines, odd.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d of %d records are kept", compareAnswers(t, lines), records)
}

// variants calls with for each way of putting another value in the place of one that v holds.
func variants(v any, with func(any)) {
	for _, other := range []any{nil, true, 1, 2.5, json.RawMessage("0.0"), json.RawMessage("1e0"), "", "1", "None", "null", "[7]", []any{}, []any{7, nil}, map[string]any{}, map[string]any{"a": 1}} {
		with(other)
	}
	switch v := v.(type) {
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(v)) {
			variants(v[name], func(value any) {
				changed := maps.Clone(v)
				changed[name] = value
				with(changed)
			})
		}
	case []any:
		for i := range v {
			variants(v[i], func(value any) {
				changed := slices.Clone(v)
				changed[i] = value
				with(changed)
			})
		}
	}
}

func shapeLines(t *testing.T) [][]byte {
	t.Helper()
	text, err := os.ReadFile(shapes)
	if err != nil {
		t.Fatal(err)
	}
	return bytes.Split(bytes.TrimSuffix(text, []byte("\n")), []byte("\n"))
}

// Every member that a scanner prints is in the copy, with its value.
func TestEveryMemberIsCopied(t *testing.T) {
	want, got := map[string][]any{}, map[string][]any{}
	for _, line := range shapeLines(t) {
		var v struct {
			Data map[string]struct{ Result any }
		}
		if err := json.Unmarshal(line, &v); err != nil {
			t.Fatal(err)
		}
		for protocol, response := range v.Data {
			want[protocol] = append(want[protocol], withoutNulls(response.Result))
		}
	}
	for protocol, list := range rows(t, copied(t, shapes)) {
		for _, text := range list {
			var v any
			if err := json.Unmarshal([]byte(text[strings.LastIndex(text, "|")+1:]), &v); err != nil {
				t.Fatalf("%s: %v", text, err)
			}
			got[protocol] = append(got[protocol], v)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("members differ (-lines +copy):\n%.4000s", diff)
	}
}

// withoutNulls removes members that are null from the structs of a result. Topics are a map, whose nulls count.
func withoutNulls(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for name, member := range v {
			if name != "topics" {
				v[name] = withoutNulls(member)
			}
		}
		maps.DeleteFunc(v, func(_ string, member any) bool { return member == nil })
	case []any:
		for i := range v {
			v[i] = withoutNulls(v[i])
		}
	}
	return v
}
