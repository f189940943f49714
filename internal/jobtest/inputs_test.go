package jobtest

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dice-engine/dice/coordinator"
	"github.com/dice-engine/dice/internal/inputs"
	"github.com/dice-engine/dice/internal/servertest"
	"github.com/dice-engine/dice/internal/store"
	"github.com/dice-engine/dice/internal/synth"
	"github.com/dice-engine/dice/shard"
)

// write makes a file of a test's input.
func write(t *testing.T, dir, name string, body []byte) {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, body, 0o666); err != nil {
		t.Fatal(err)
	}
}

// xmpp is a line with an XMPP record that is labelled.
func xmpp(ip string) string {
	return fmt.Sprintf(`{"ip":%q,"data":{"xmpp":{"status":"success","protocol":"xmpp","timestamp":"2025-03-17T09:30:00Z",`+
		`"result":{"banner":"<stream><mechanism>PLAIN</mechanism>"}}}}`, ip)
}

// zipped compresses a text.
func zipped(t *testing.T, text string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// parquetFile is a small Parquet file of a scan.
func parquetFile(t *testing.T) []byte {
	t.Helper()
	dir, _ := scan(t, synth.Config{Rows: 3000, Seed: 1, Layout: "parquet", Protocols: []string{"modbus"}})
	body, err := os.ReadFile(filepath.Join(dir, "protocol=modbus", "modbus.parquet"))
	if err != nil {
		t.Fatal(err)
	}
	return body
}

// TestBadInput: what cannot be read lands in rejects with its place and its reason, and everything else comes out.
func TestBadInput(t *testing.T) {
	dir := t.TempDir()
	lines := []string{
		xmpp("192.0.2.1"),
		`{"ip":"192.0.2.2","data":`,
		xmpp("192.0.2.3"),
		"{\"ip\":\"192.0.2.4\",\"data\":{\"xmpp\":\"\xff\xfe\"}}",
		strings.Replace(xmpp("192.0.2.5"), `"<stream>`, `5,"x":"`, 1),
		strings.Replace(xmpp("192.0.2.6"), `"status"`, `"status":"a","status"`, 1),
		`[1,2,3]`,
		"",
		`{"ip":"192.0.2.7"}`,
		`{"ip":"192.0.2.10","more":` + strings.Repeat("[", 100_000),
		`{"ip":9,"data":{"xmpp":{}}}`,
		xmpp("192.0.2.8"),
	}
	write(t, dir, "lines.jsonl", []byte(strings.Join(lines, "\n")))
	whole := zipped(t, strings.Repeat(xmpp("192.0.2.9")+"\n", 3000))
	write(t, dir, "cut.jsonl.gz", whole[:len(whole)/2])
	table := parquetFile(t)
	write(t, dir, "cut.parquet", table[:len(table)/2])
	write(t, dir, "none.parquet", []byte("this is no Parquet file, whatever its name says"))
	write(t, dir, "good.parquet", table)
	write(t, dir, "empty.jsonl", nil)

	command := Command(filepath.Join(dir, "*"))
	job := Run(t, Options{Command: command})
	files := Files(t, job.Out)
	got := map[string]string{}
	for _, r := range Table[Reject](t, files, shard.RejectsTable) {
		got[fmt.Sprintf("%s:%d", filepath.Base(r.SourceObject), value(r.SourceRow))] = r.Reason
	}
	for place, reason := range map[string]string{
		"lines.jsonl:2":  "text ends",
		"lines.jsonl:4":  "UTF-8",
		"lines.jsonl:5":  "banner",
		"lines.jsonl:6":  "status",
		"lines.jsonl:7":  "object",
		"lines.jsonl:10": "nesting over the limit",
		"lines.jsonl:11": "ip",
		"cut.parquet:0":  "not a Parquet file, or cut off",
		"none.parquet:0": "not a Parquet file, or cut off",
	} {
		if why, ok := got[place]; !ok || !strings.Contains(why, reason) {
			t.Errorf("%s: rejected %v for %q, want a reason with %q", place, ok, why, reason)
		}
		delete(got, place)
	}
	if len(got) != 1 || !strings.HasPrefix(slices.Collect(maps.Keys(got))[0], "cut.jsonl.gz:") {
		t.Errorf("other rejects: %v", got)
	}
	var ips []string
	for _, row := range Table[Row](t, files, shard.ProtocolTable("xmpp")) {
		ips = append(ips, *row.IP)
	}
	if diff := cmp.Diff([]string{"192.0.2.9", "192.0.2.1", "192.0.2.3", "192.0.2.8"}, ips); diff != "" {
		t.Errorf("xmpp: want - got +\n%s", diff)
	}
	if len(Table[Row](t, files, shard.ProtocolTable("modbus"))) == 0 {
		t.Error("the good Parquet file gave no rows")
	}
	m := Manifest(t, files)
	if m.Rejects != 10 || m.Lines.Rejected < 5 || m.Protocols["xmpp"].Rejected != 2 {
		t.Errorf("rejects %d, lines %+v, xmpp %+v", m.Rejects, m.Lines, m.Protocols["xmpp"])
	}
}

// TestDamagedMembers: a damaged member of a compressed object ends its slice. What was unpacked before comes out, the rest of
// the slice is lost with the line behind it, and rejects say where.
func TestDamagedMembers(t *testing.T) {
	dir := t.TempDir()
	const members, lines = 40, 200
	address := func(member, line int) string { return fmt.Sprintf("10.0.%d.%d", member, line) }
	var whole []byte
	starts := make([]int64, members)
	for m := range starts {
		var text strings.Builder
		for i := range lines {
			text.WriteString(xmpp(address(m, i)) + "\n")
		}
		starts[m] = int64(len(whole))
		whole = append(whole, zipped(t, text.String())...)
	}
	command := Command(filepath.Join(dir, "*"))
	command.Options.ShardBytes = int64(len(whole) / 12)
	shards := shard.Cut([]shard.Input{{Size: int64(len(whole))}}, 0, command.Options.ShardBytes, false)
	var want []string
	lost := false // the rest of the slice before, and so the line behind it
	for i, s := range shards {
		from, _ := slices.BinarySearch(starts, s.Slices[0].From)
		to, _ := slices.BinarySearch(starts, s.Slices[0].To)
		ended := false
		for m := from; m < to && !ended; m++ {
			for line := range lines {
				if !lost || m != from || line > 0 {
					want = append(want, address(m, line))
				}
			}
			switch i {
			case 0:
				whole[starts[m+1]-8] ^= 0x55 // its checksum, behind all of its text
				ended = true
			case 5:
				whole[starts[m+1]+10] = 7 // the next one's text begins with a block of a kind that there is not
				ended = true
			}
		}
		lost = ended
	}
	write(t, dir, "a.jsonl.gz", whole)
	files := Files(t, Run(t, Options{Command: command}).Out)
	var got []string
	for _, row := range Table[Row](t, files, shard.ProtocolTable("xmpp")) {
		got = append(got, *row.IP)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%d rows, want %d: want - got +\n%s", len(got), len(want), diff)
	}
	rejects := Table[Reject](t, files, shard.RejectsTable)
	if len(rejects) != 2 || !strings.Contains(rejects[0].Reason, "damaged") || !strings.Contains(rejects[1].Reason, "damaged") {
		t.Errorf("rejects %+v", rejects)
	}
}

// TestNames: a line with several protocols or names is several records, whatever the names are.
func TestNames(t *testing.T) {
	dir := t.TempDir()
	modbus := `"status":"success","protocol":"modbus","timestamp":"2025-03-17T09:30:00Z","result":{"mei_response":{"objects":{"vendor":"v"}}}`
	banner := `"result":{"banner":"<mechanism>PLAIN</mechanism>"}`
	write(t, dir, "names.jsonl", []byte(strings.Join([]string{
		`{"ip":"192.0.2.1","port":1,"data":{"first":{` + modbus + `,"port":502},"second":{` + modbus + `},"chat":{"protocol":"xmpp","status":"success",` + banner + `}}}`,
		`{"ip":"192.0.2.2","data":{"xmpp":{"status":"success",` + banner + `}}}`,
		`{"data":{"c2s":{` + banner + `,"status":"success","protocol":"xmpp"},"banner":{"status":"success","protocol":"http","result":{}}},"ip":"192.0.2.3"}`,
		`{"domain":"a.example","data":{"modbus-1":{` + modbus + `}}}`,
		`{"domain":"b.example","data":{"modbus-1":{` + modbus + `}}}`,
	}, "\n")))
	command := Command(filepath.Join(dir, "names.jsonl"))
	command.Options.Dedupe = nil
	files := Files(t, Run(t, Options{Command: command}).Out)
	got := map[string][]string{}
	for _, name := range []string{"modbus", "xmpp"} {
		for _, row := range Table[Row](t, files, shard.ProtocolTable(name)) {
			place := fmt.Sprintf("%d:%d", row.SourceRow, value(row.Port))
			got[name] = append(got[name], place)
		}
	}
	want := map[string][]string{"modbus": {"1:502", "1:1", "4:0", "5:0"}, "xmpp": {"1:1", "2:0", "3:0"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("want - got +\n%s", diff)
	}
	m := Manifest(t, files)
	if m.Records.Records != 8 || m.Records.Other != 1 || m.Lines.WithRecords != 5 {
		t.Errorf("%+v, %+v", m.Records, m.Lines)
	}

	command.Options.Dedupe = []string{"ip", "status"}
	files = Files(t, Run(t, Options{Command: command}).Out)
	if rows := Table[Row](t, files, shard.ProtocolTable("modbus")); len(rows) != 3 || *rows[1].Domain != "a.example" {
		t.Errorf("%d rows after removing duplicates, want 3: the second name of line 1 is one", len(rows))
	}
}

// TestAddressesAreComparedInCanonicalForm: two texts of one IPv6 address are one host.
func TestAddressesAreComparedInCanonicalForm(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "a.jsonl", []byte(xmpp("2001:db8::1")+"\n"+xmpp("2001:DB8:0:0::1")+"\n"+xmpp("2001:db8::2")))
	files := Files(t, Run(t, Options{Command: Command(filepath.Join(dir, "*"))}).Out)
	if rows := Table[Row](t, files, shard.ProtocolTable("xmpp")); len(rows) != 2 {
		t.Errorf("%d rows, want 2", len(rows))
	}
}

// TestExclude: excluded networks are counted and leave nothing else, but that records of theirs cannot be read.
func TestExclude(t *testing.T) {
	dir := t.TempDir()
	unreadable := func(ip string) string { return strings.Replace(xmpp(ip), `"banner":"`, `"banner":7,"x":"`, 1) }
	write(t, dir, "a.jsonl", []byte(strings.Join([]string{
		xmpp("192.0.2.1"), xmpp("198.51.100.1"), xmpp("2001:db8::2"), unreadable("192.0.2.7"), unreadable("198.51.100.7"),
	}, "\n")))
	command := Command(filepath.Join(dir, "*"))
	command.Options.Exclude = []string{"192.0.2.0/24", "2001:db8::/32"}
	files := Files(t, Run(t, Options{Command: command}).Out)
	rows := Table[Row](t, files, shard.ProtocolTable("xmpp"))
	if len(rows) != 1 || *rows[0].IP != "198.51.100.1" || Manifest(t, files).Records.Excluded != 2 {
		t.Errorf("%d rows, %+v", len(rows), Manifest(t, files).Records)
	}
	rejects := Table[Reject](t, files, shard.RejectsTable)
	if len(rejects) != 2 || rejects[0].Content != nil || rejects[1].Content == nil || !strings.Contains(*rejects[1].Content, "198.51.100.7") {
		t.Errorf("rejects %+v", rejects)
	}
}

// TestMissingEvidenceIsAWarning: a protocol that answered, but whose records cannot be told, is named with what is missing.
func TestMissingEvidenceIsAWarning(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "a.jsonl", []byte(`{"ip":"192.0.2.1","data":{"bacnet":{"status":"success","protocol":"bacnet","result":{"vendor_id":7}}}}`))
	m := Manifest(t, Files(t, Run(t, Options{Command: Command(filepath.Join(dir, "*"))}).Out))
	if len(m.Warnings) != 1 || !strings.Contains(m.Warnings[0], "is_bacnet") {
		t.Errorf("warnings %q", m.Warnings)
	}
}

// TestScansWithoutRecordsAreAWarning: a side table that a pattern takes along is named, and of many objects the first.
func TestScansWithoutRecordsAreAWarning(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "a.jsonl", []byte(xmpp("192.0.2.1")+"\n\n"))
	for i := range 12 {
		write(t, dir, fmt.Sprintf("certificates-%02d.jsonl", i), []byte(`{"ip":"192.0.2.1","certificate":"MAA="}`))
	}
	m := Manifest(t, Files(t, Run(t, Options{Command: Command(filepath.Join(dir, "*"))}).Out))
	if n := len(m.Warnings); n != 11 || m.Warnings[10] != "2 more objects hold no record" ||
		!strings.HasSuffix(m.Warnings[9], "certificates-09.jsonl: none of its 1 lines holds a record: is it a table for --certificates?") {
		t.Errorf("warnings %q", m.Warnings)
	}
}

// TestWrongInputs are refused with what to do about them.
func TestWrongInputs(t *testing.T) {
	url, env := servertest.Bucket(t)
	dir := t.TempDir()
	write(t, dir, "a.jsonl", []byte(xmpp("192.0.2.1")))
	full := t.TempDir()
	write(t, full, "somebody's.txt", []byte("precious"))
	for _, c := range []struct {
		name, files, output string
		key                 string // of the store
		want                error
		words               string
	}{
		{"nothing matches", filepath.Join(dir, "*.parquet"), "", "", inputs.ErrNone, "*.parquet"},
		{"no folder", filepath.Join(dir, "gone", "*"), "", "", inputs.ErrNone, "gone"},
		{"output in use", filepath.Join(dir, "*"), full, "", coordinator.ErrTaken, "somebody's.txt"},
		{"no bucket", "s3://dice-no-such-bucket/*", "", "", store.ErrNoBucket, "dice-no-such-bucket"},
		{"no output bucket", filepath.Join(dir, "*"), "s3://dice-no-such-bucket/out", "", store.ErrNoBucket, "dice-no-such-bucket"},
		{"wrong key", url + "/*", "", "nobody", store.ErrDenied, "AWS_ACCESS_KEY_ID"},
	} {
		t.Run(c.name, func(t *testing.T) {
			servertest.SetEnv(t, env)
			if c.key != "" {
				t.Setenv("AWS_ACCESS_KEY_ID", c.key)
			}
			_, err := Try(t, Options{Command: Command(c.files), Output: c.output})
			if !errors.Is(err, c.want) || !strings.Contains(fmt.Sprint(err), c.words) {
				t.Errorf("got %v, want %v with %q", err, c.want, c.words)
			}
		})
	}
}

// TestSideTablesAreNoScans: a pattern for scans that takes the side tables along means the scans alone.
func TestSideTablesAreNoScans(t *testing.T) {
	for _, layout := range []string{"parquet", "jsonl"} {
		dir, _ := scan(t, synth.Config{Rows: 2000, Seed: 3, Layout: layout})
		command := scanCommand(dir)
		want := rowsOf(result(t, Run(t, Options{Command: command}).Out))
		command.Files = []string{dir + "/**"}
		job := Run(t, Options{Command: command})
		if job.Result.Manifest.Rejects > 0 {
			t.Errorf("%s: %d rejects", layout, job.Result.Manifest.Rejects)
		}
		sameFiles(t, want, rowsOf(result(t, job.Out)))
		command.Files = command.Certificates
		if _, err := Try(t, Options{Command: command}); !errors.Is(err, inputs.ErrNone) {
			t.Errorf("%s: only side tables: %v, want %v", layout, err, inputs.ErrNone)
		}
	}
}
