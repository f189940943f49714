package jobtest

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dice-engine/dice/internal/synth"
	"github.com/dice-engine/dice/shard"
)

// scan writes a synthetic scan into a new folder and returns it with its truth.
func scan(t testing.TB, c synth.Config) (dir string, truth []byte) {
	t.Helper()
	dir = t.TempDir()
	create := func(name string) (synth.File, error) {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			return nil, err
		}
		file, err := os.Create(path)
		return plainFile{file}, err
	}
	var lines bytes.Buffer
	c.Workers, c.Records = 2, true
	if _, err := synth.Generate(context.Background(), c, create, &lines, nil); err != nil {
		t.Fatal(err)
	}
	return dir, lines.Bytes()
}

// plainFile is a file of a scan in a folder.
type plainFile struct{ *os.File }

func (f plainFile) Commit() error { return f.Close() }
func (f plainFile) Abort() error  { return f.Close() }

// scanCommand classifies a synthetic scan with its side table.
func scanCommand(dir string) shard.Command {
	command := Command(filepath.Join(dir, "{zgrab2_*,protocol=*}"))
	side, err := filepath.Glob(filepath.Join(dir, "certificates.*"))
	if err == nil && len(side) > 0 {
		command.Certificates = side
	}
	command.Options.Mode = shard.All
	return command
}

// truthRows is how many rows the truth is compared on; the million of the promise takes about a minute.
const truthRows = 1_000_000

// TestTruth compares a job with how its scan was made: what became of every record, each kept one's labels and
// certificates in order, all counts, and exactly the planted reuse.
func TestTruth(t *testing.T) {
	rows := int64(truthRows)
	if testing.Short() {
		rows = 20_000
	}
	for _, layout := range []string{"parquet", "jsonl.zst"} {
		t.Run(layout, func(t *testing.T) {
			dir, truth := scan(t, synth.Config{Rows: rows, Seed: 7, Layout: layout})
			command := scanCommand(dir)
			command.Options.ShardBytes = 4 << 20
			job := Run(t, Options{Command: command, Slots: 2})
			compareTruth(t, dir, truth, Files(t, job.Out))
		})
	}
}

func compareTruth(t *testing.T, dir string, truth []byte, files map[string][]byte) {
	t.Helper()
	manifest := Manifest(t, files)
	rows := map[string][]Row{}
	var reused []synth.Reuse
	records := 0
	err := synth.ReadTruth(bytes.NewReader(truth), func(line synth.Line) error {
		switch {
		case line.Record != nil:
			records++
			name := line.Record.Protocol
			if _, ok := rows[name]; !ok {
				rows[name] = Table[Row](t, files, shard.ProtocolTable(name))
			}
			rows[name] = compareRecord(t, dir, line.Record, rows[name])
		case line.Reuse != nil:
			reused = append(reused, *line.Reuse)
		case line.Protocol != nil:
			compareProtocol(t, line.Protocol, manifest)
		case line.Scan != nil:
			want := shard.Lines{Lines: line.Scan.Lines, WithRecords: line.Scan.WithRecords, Empty: line.Scan.Empty}
			if manifest.Lines != want {
				t.Errorf("lines %+v, want %+v", manifest.Lines, want)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, rest := range rows {
		if len(rest) > 0 {
			t.Errorf("%s: %d rows too many, the first from %s row %d", name, len(rest), rest[0].SourceObject, rest[0].SourceRow)
		}
	}
	compareHolders(t, reused, Table[Reuse](t, files, shard.ReuseTable))
	t.Logf("%d records and %d holdings compared", records, len(reused))
}

// compareRecord compares a record with the next row of its protocol's table, if it is one that comes out.
func compareRecord(t *testing.T, dir string, want *synth.Record, rows []Row) []Row {
	t.Helper()
	if want.Outcome != synth.Kept {
		return rows
	}
	if len(rows) == 0 {
		t.Fatalf("%s row %d: nothing came out", want.Object, want.Row)
	}
	got := rows[0]
	if got.SourceObject != filepath.Join(dir, want.Object) || got.SourceRow != want.Row {
		t.Fatalf("%s: got %s row %d, want %s row %d", want.Protocol, got.SourceObject, got.SourceRow, want.Object, want.Row)
	}
	if !slices.Equal(got.Labels, want.Labels) {
		t.Fatalf("%s row %d: labels %q, want %q", want.Object, want.Row, got.Labels, want.Labels)
	}
	var certificates []string
	for _, c := range got.Certificates {
		if c.Error == nil {
			certificates = append(certificates, c.SHA256)
		}
	}
	if !slices.Equal(certificates, want.Certificates) {
		t.Fatalf("%s row %d: certificates %q, want %q", want.Object, want.Row, certificates, want.Certificates)
	}
	return rows[1:]
}

func compareProtocol(t *testing.T, want *synth.Protocol, m *shard.Manifest) {
	t.Helper()
	got := m.Protocols[want.Protocol]
	expected := shard.Records{
		Records: want.Records, Output: want.Kept, Duplicate: want.Duplicates, Filtered: want.Filtered,
	}
	if got != expected {
		t.Errorf("%s: %+v, want %+v", want.Protocol, got, expected)
	}
}

func compareHolders(t *testing.T, want []synth.Reuse, rows []Reuse) {
	t.Helper()
	var got []synth.Reuse
	for _, r := range rows {
		got = append(got, synth.Reuse{Kind: r.Kind, SHA256: r.SHA256, Hosts: r.Hosts})
	}
	order := func(a, b synth.Reuse) int {
		return strings.Compare(a.Kind+a.SHA256, b.Kind+b.SHA256)
	}
	slices.SortFunc(got, order)
	slices.SortFunc(want, order)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("reuse: want - got +\n%.3000s", diff)
	}
}
