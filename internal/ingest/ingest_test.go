package ingest_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/parquet-go/parquet-go"

	"github.com/dice-engine/dice/internal/ingest"
	"github.com/dice-engine/dice/internal/inputs"
	"github.com/dice-engine/dice/internal/record"
	"github.com/dice-engine/dice/internal/store"
	"github.com/dice-engine/dice/internal/synth"
	"github.com/dice-engine/dice/internal/tape"
	"github.com/dice-engine/dice/internal/zgrab2"
)

func open(ctx context.Context, place string) (store.Bucket, error) {
	location, err := store.Parse(place)
	if err != nil {
		return nil, err
	}
	return store.Dial(ctx, location, store.Config{})
}

// local opens a folder.
func local(t *testing.T, folder string) store.Bucket {
	t.Helper()
	bucket, err := open(context.Background(), folder)
	if err != nil {
		t.Fatal(err)
	}
	return bucket
}

type object struct{ store.Writer }

func (o object) Commit() error {
	_, err := o.Writer.Commit()
	return err
}

// generate writes a scan into a folder and returns its truth.
func generate(t *testing.T, folder string, c synth.Config) synth.Truth {
	t.Helper()
	bucket := local(t, folder)
	truth, err := synth.Generate(context.Background(), c, func(name string) (synth.File, error) {
		w, err := bucket.NewWriter(context.Background(), name)
		return object{w}, err
	}, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	return truth
}

// rows reads all records of files as texts, by protocol, in order.
func rows(t *testing.T, pattern string) map[string][]string {
	t.Helper()
	var wants []record.Want
	for _, r := range zgrab2.All() {
		wants = append(wants, record.Want{Protocol: r.Protocol, Result: r.Shape})
	}
	all := map[string][]string{}
	eachFile(t, pattern, wants, func(reader record.Reader) { readAll(t, reader, wants, all) })
	return all
}

// eachFile reads the files that match a pattern, in the order of their names.
func eachFile(t *testing.T, pattern string, wants []record.Want, read func(record.Reader)) {
	t.Helper()
	names, err := filepath.Glob(pattern)
	if err != nil || len(names) == 0 {
		t.Fatalf("%s matches %v, %v", pattern, names, err)
	}
	for _, name := range names { // which Glob sorts
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		o := record.Object{Name: name, Size: int64(len(text)), ReaderAt: bytes.NewReader(text)}
		reader, err := record.Open(context.Background(), o, record.Slice{To: o.Size}, wants, record.DefaultLimits)
		if err != nil {
			t.Fatal(err)
		}
		read(reader)
		if err := reader.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func readAll(t *testing.T, reader record.Reader, wants []record.Want, all map[string][]string) {
	t.Helper()
	for {
		row, err := reader.Next()
		var bad *record.RowError
		switch {
		case err == io.EOF:
			return
		case errors.As(err, &bad):
			continue
		case err != nil:
			t.Fatal(err)
		}
		want := wants[row.Want]
		text := fmt.Sprintf("%s|%s|%d|%s|%d|%v|%s", row.IP, row.Domain, row.Port, row.Status, row.Time, row.HasTime,
			tape.AppendJSON(want.Result, nil, row.Result))
		all[want.Protocol] = append(all[want.Protocol], text)
	}
}

// What was copied reads like what it was copied from, record by record.
func TestCopyReadsLikeTheLines(t *testing.T) {
	for _, layout := range []string{"jsonl", "jsonl.gz", "jsonl.zst"} {
		scan, out := t.TempDir(), t.TempDir()
		truth := generate(t, scan, synth.Config{Rows: 3000, Seed: 9, Layout: layout, Files: 2, Broken: 10})
		rejects := int64(0)
		deps := ingest.Deps{Open: open, Output: local(t, out), Reject: func(bad *record.RowError) { rejects += bad.Rows }}
		counts, err := ingest.Run(context.Background(), ingest.Config{Files: []string{scan + "/zgrab2_*"}, Limits: record.DefaultLimits}, deps)
		if err != nil {
			t.Fatal(err)
		}
		want := ingest.Counts{
			Objects: int(truth.Scan.Objects), Lines: truth.Scan.Lines, Empty: truth.Scan.Empty, Rejected: truth.Scan.Rejected,
			Protocols: map[string]int64{},
		}
		for _, p := range truth.Protocols {
			want.Protocols[p.Protocol] = p.Records
		}
		if diff := cmp.Diff(want, counts); diff != "" || rejects != want.Rejected {
			t.Errorf("%s: %d rejects reported, counts differ (-want +got):\n%s", layout, rejects, diff)
		}
		lines, copied := rows(t, scan+"/zgrab2_*"), rows(t, out+"/protocol=*/*.parquet")
		for _, protocol := range slices.Sorted(maps.Keys(lines)) {
			if diff := cmp.Diff(lines[protocol], copied[protocol]); diff != "" {
				t.Errorf("%s: %s differs (-lines +copy):\n%.2000s", layout, protocol, diff)
			}
		}
	}
}

// The layouts of a generated scan hold the same records.
func TestLayoutsOfAScanAgree(t *testing.T) {
	lines, raw := t.TempDir(), t.TempDir()
	c := synth.Config{Rows: 3000, Seed: 4, Layout: "jsonl"}
	generate(t, lines, c)
	c.Layout = "raw"
	generate(t, raw, c)
	want, got := rows(t, lines+"/zgrab2_*"), rows(t, raw+"/zgrab2_*")
	for _, protocol := range zgrab2.Names() {
		if diff := cmp.Diff(want[protocol], got[protocol]); diff != "" {
			t.Errorf("%s differs (-lines +raw):\n%.2000s", protocol, diff)
		}
	}
}

// The error that a scanner printed is copied.
func TestErrorsAreCopied(t *testing.T) {
	scan, out := t.TempDir(), t.TempDir()
	line := `{"ip":"192.0.2.1","data":{"xmpp":{"status":"io-timeout","protocol":"xmpp","result":null,"timestamp":"2025-03-03T00:00:00Z","error":"EOF"}}}`
	if err := os.WriteFile(scan+"/a.jsonl", []byte(line+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	deps := ingest.Deps{Open: open, Output: local(t, out)}
	if _, err := ingest.Run(context.Background(), ingest.Config{Files: []string{scan}, Limits: record.DefaultLimits}, deps); err != nil {
		t.Fatal(err)
	}
	rows, err := parquet.ReadFile[struct {
		Error string `parquet:"error"`
	}](out + "/protocol=xmpp/xmpp.parquet")
	if err != nil || len(rows) != 1 || rows[0].Error != "EOF" {
		t.Errorf("errors %v, %v", rows, err)
	}
}

func TestNothingToCopyIsAnError(t *testing.T) {
	deps := ingest.Deps{Open: open, Output: local(t, t.TempDir())}
	_, err := ingest.Run(context.Background(), ingest.Config{Files: []string{t.TempDir() + "/*.jsonl"}, Limits: record.DefaultLimits}, deps)
	if !errors.Is(err, inputs.ErrNone) {
		t.Errorf("error %v", err)
	}
}

// TestNamesThatAreRefused: a scan that no classify would take is not copied either.
func TestNamesThatAreRefused(t *testing.T) {
	scan := t.TempDir()
	if err := os.WriteFile(scan+"/\xff.jsonl", nil, 0o644); err != nil {
		t.Fatal(err)
	}
	deps := ingest.Deps{Open: open, Output: local(t, t.TempDir())}
	_, err := ingest.Run(context.Background(), ingest.Config{Files: []string{scan}, Limits: record.DefaultLimits}, deps)
	if !errors.Is(err, inputs.ErrName) {
		t.Errorf("error %v", err)
	}
}
