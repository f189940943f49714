package synth_test

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"io"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/dice-engine/dice/internal/synth"
	"github.com/dice-engine/dice/internal/tape/tapetest"
	"github.com/dice-engine/dice/protocols"
)

// folder collects the files of a scan.
type folder map[string]*bytes.Buffer

func (f folder) create(name string) (synth.File, error) {
	f[name] = &bytes.Buffer{}
	return file{f[name]}, nil
}

type file struct{ io.Writer }

func (file) Commit() error { return nil }
func (file) Abort() error  { return nil }

// generate makes a scan and returns its files, and its truth as text and decoded.
func generate(t *testing.T, c synth.Config) (folder, []byte, []synth.Line) {
	t.Helper()
	files, truth := folder{}, &bytes.Buffer{}
	c.Records = true
	if _, err := synth.Generate(context.Background(), c, files.create, truth, nil); err != nil {
		t.Fatal(err)
	}
	var lines []synth.Line
	text := bytes.Clone(truth.Bytes())
	err := synth.ReadTruth(truth, func(l synth.Line) error {
		lines = append(lines, l)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return files, text, lines
}

// line is a line of ZGrab2.
type line struct {
	IP, Domain string
	Data       map[string]struct {
		Status, Protocol, Timestamp string
		Result                      json.RawMessage
	}
}

// judged is a record that was classified the plain way.
type judged struct {
	synth.Record
	address string
	readers []protocols.Certificate
}

// classify answers for a whole scan in memory, with the signatures, to be compared with what was planted.
// It returns the number of lines that cannot be read, too.
func classify(t *testing.T, files folder) (all []*judged, broken int64) {
	t.Helper()
	side := sideTable(t, files)
	seen := map[string]bool{}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if strings.HasPrefix(name, "certificates") {
			continue
		}
		for n, text := range bytes.Split(bytes.TrimSuffix(files[name].Bytes(), []byte("\n")), []byte("\n")) {
			var l line
			if !readLine(text, &l) {
				broken++
				continue
			}
			for member, protocol := range slices.Sorted(maps.Keys(l.Data)) {
				all = append(all, judge(t, protocol, l, side, seen))
				last := all[len(all)-1]
				last.Object, last.Row, last.Member, last.Protocol = name, int64(n+1), member, protocol
			}
		}
	}
	return all, broken
}

// readLine reads a line, strictly enough to see what is broken on purpose.
func readLine(text []byte, l *line) bool {
	return json.Unmarshal(text, l) == nil && bytes.Count(text, []byte(`"ip":`)) < 2
}

func sideTable(t *testing.T, files folder) map[string]string {
	t.Helper()
	side := map[string]string{}
	for text := range strings.Lines(files["certificates.jsonl"].String()) {
		var row struct{ IP, Certificate string }
		if err := json.Unmarshal([]byte(text), &row); err != nil {
			t.Fatal(err)
		}
		if _, again := side[row.IP]; !again {
			side[row.IP] = row.Certificate
		}
	}
	return side
}

func judge(t *testing.T, name string, l line, side map[string]string, seen map[string]bool) *judged {
	t.Helper()
	matched, err := protocols.Match(name)
	if err != nil {
		t.Fatal(err)
	}
	p, response := matched[0], l.Data[name]
	j := &judged{Record: synth.Record{Outcome: synth.Filtered}}
	if addr, err := netip.ParseAddr(l.IP); err == nil {
		j.address = addr.String()
	}
	result, texts, err := tapetest.FromJSON(p.Input, response.Result)
	if err != nil {
		t.Fatalf("%s of %s: %v", name, l.IP, err)
	}
	_, labels, kept, err := p.Identify(response.Status == "success", result, nil)
	if err != nil {
		t.Fatal(err)
	}
	if !kept {
		return j
	}
	if text := side[j.address]; p.Attach && j.address != "" && text != "" {
		texts = append(texts, text)
	}
	for _, text := range texts {
		certificate, facts, more := protocols.ReadCertificate([]byte(text), p.Chains)
		labels = append(labels, more...)
		if at, err := time.Parse(time.RFC3339, response.Timestamp); err == nil {
			labels = facts.AppendLabelsAt(labels, at.UnixMicro())
		}
		if certificate.Error == nil {
			j.readers = append(j.readers, certificate)
		}
	}
	j.Outcome, j.Labels = synth.Kept, labels
	identity := name + " " + j.address + " " + response.Status
	if j.address == "" {
		identity = name + " " + l.Domain + " " + response.Status
	}
	if seen[identity] {
		j.Outcome = synth.Duplicate
	}
	seen[identity] = true
	return j
}

// reuse gives the labels of reuse and returns what is reused.
func reuse(all []*judged) map[string]int64 {
	holders := map[string]map[string]bool{}
	each := func(j *judged, visit func(key, label string)) {
		for _, c := range j.readers {
			visit("certificate "+c.SHA256, protocols.CertificateReused)
			visit("key "+*c.SPKISHA256, protocols.CertificateKeyReused)
		}
	}
	for _, j := range all {
		each(j, func(key, _ string) {
			if j.address == "" {
				return
			}
			if holders[key] == nil {
				holders[key] = map[string]bool{}
			}
			holders[key][j.address] = true
		})
	}
	reused := map[string]int64{}
	for _, j := range all {
		each(j, func(key, label string) {
			if n := len(holders[key]); n > 1 {
				j.Labels = append(j.Labels, label)
				reused[key] = int64(n)
			}
		})
	}
	return reused
}

func finish(all []*judged) []synth.Record {
	var records []synth.Record
	for _, j := range all {
		if j.Outcome == synth.Kept {
			for _, c := range j.readers {
				if !slices.Contains(j.Certificates, c.SHA256) {
					j.Certificates = append(j.Certificates, c.SHA256)
				}
			}
			slices.Sort(j.Labels)
			j.Labels = slices.Compact(j.Labels)
		} else {
			j.Labels = nil
		}
		if len(j.Labels) == 0 {
			j.Labels = nil
		}
		records = append(records, j.Record)
	}
	return records
}

func TestTruthIsWhatTheSignaturesFind(t *testing.T) {
	files, _, truth := generate(t, synth.Config{Rows: 30_000, Seed: 7, Layout: "jsonl", Workers: 2, Broken: 5})
	all, broken := classify(t, files)
	reused := reuse(all)
	got := finish(all)
	var want []synth.Record
	planted := map[string]int64{}
	for _, l := range truth {
		if l.Record != nil {
			want = append(want, *l.Record)
		}
		if l.Reuse != nil {
			planted[l.Reuse.Kind+" "+l.Reuse.SHA256] = l.Reuse.Hosts
		}
	}
	if len(want) != len(got) {
		t.Fatalf("truth has %d records, the scan %d", len(want), len(got))
	}
	wrong := 0
	for i := range want {
		if diff := cmp.Diff(want[i], got[i]); diff != "" {
			if wrong++; wrong <= 10 {
				t.Errorf("record %d differs (-planted +found):\n%s", i, diff)
			}
		}
	}
	if wrong > 0 {
		t.Errorf("%d of %d records differ", wrong, len(want))
	}
	if diff := cmp.Diff(planted, reused); diff != "" {
		t.Errorf("reuse differs (-planted +found):\n%s", diff)
	}
	if len(planted) < 50 {
		t.Errorf("only %d certificates and keys are reused", len(planted))
	}
	scan := truth[len(truth)-1].Scan
	if scan == nil || scan.Rejected != broken || broken < 50 || scan.Lines != scan.WithRecords+scan.Empty+scan.Rejected {
		t.Errorf("%d broken lines, the truth says %+v", broken, scan)
	}
	checkTotals(t, truth, got)
}

// checkTotals compares the sums of the truth with its records.
func checkTotals(t *testing.T, truth []synth.Line, records []synth.Record) {
	t.Helper()
	want := map[string]*synth.Protocol{}
	for _, r := range records {
		p := want[r.Protocol]
		if p == nil {
			p = &synth.Protocol{Protocol: r.Protocol, Labels: map[string]int64{}}
			want[r.Protocol] = p
		}
		p.Records++
		switch r.Outcome {
		case synth.Filtered:
			p.Filtered++
		case synth.Duplicate:
			p.Duplicates++
		default:
			p.Kept++
			if len(r.Labels) > 0 {
				p.Labelled++
			}
		}
		for _, label := range r.Labels {
			p.Labels[label]++
		}
	}
	given := map[string]bool{}
	for _, l := range truth {
		if l.Protocol == nil {
			continue
		}
		if diff := cmp.Diff(want[l.Protocol.Protocol], l.Protocol); diff != "" {
			t.Errorf("totals differ (-records +sums):\n%s", diff)
		}
		if l.Protocol.Duplicates == 0 || l.Protocol.Filtered == 0 {
			t.Errorf("%s has %d duplicates and %d filtered records", l.Protocol.Protocol, l.Protocol.Duplicates, l.Protocol.Filtered)
		}
		for label := range l.Protocol.Labels {
			given[label] = true
		}
	}
	for _, p := range protocols.All() {
		for _, label := range p.Labels {
			id, _, _ := strings.Cut(label.ID, "YEAR")
			if !slices.ContainsFunc(slices.Collect(maps.Keys(given)), func(l string) bool { return strings.HasPrefix(l, id) }) {
				t.Errorf("label %s is planted nowhere", label.ID)
			}
		}
	}
	for _, label := range protocols.CertificateLabels() {
		if !given[label.ID] {
			t.Errorf("label %s is planted nowhere", label.ID)
		}
	}
}

func TestSameSeedSameOctets(t *testing.T) {
	for _, layout := range synth.Layouts() {
		c := synth.Config{Rows: 5000, Seed: 3, Layout: layout, Files: 2}
		first, truth, _ := generate(t, c)
		c.Workers = 4
		second, again, _ := generate(t, c)
		if diff := cmp.Diff(truth, again); diff != "" {
			t.Errorf("%s: truth differs", layout)
		}
		for name, text := range first {
			if !bytes.Equal(text.Bytes(), second[name].Bytes()) {
				t.Errorf("%s: %s differs", layout, name)
			}
		}
		if len(first) != len(second) {
			t.Errorf("%s: %d files, then %d", layout, len(first), len(second))
		}
		c.Seed = 4
		if _, other, _ := generate(t, c); bytes.Equal(truth, other) {
			t.Errorf("%s: another seed gives the same scan", layout)
		}
	}
}

func TestDistinctRepeatsNothing(t *testing.T) {
	files, _, truth := generate(t, synth.Config{Rows: 20_000, Seed: 1, Layout: "jsonl", Distinct: true, Protocols: []string{"xmpp", "mqtt", "dnp3", "opcua"}})
	for _, l := range truth {
		if l.Reuse != nil {
			t.Errorf("%s %s is reused", l.Reuse.Kind, l.Reuse.SHA256)
		}
	}
	seen := map[string]bool{}
	for _, protocol := range []string{"mqtt", "dnp3", "xmpp"} {
		for text := range bytes.Lines(files["zgrab2_"+protocol+".jsonl"].Bytes()) {
			var l line
			if err := json.Unmarshal(text, &l); err != nil {
				t.Fatal(err)
			}
			result := string(l.Data[protocol].Result)
			if !strings.Contains(result, "topics") && !strings.Contains(result, "raw_response") && !strings.Contains(result, "banner") {
				continue
			}
			if seen[result] {
				t.Fatalf("%s repeats %s", protocol, result)
			}
			seen[result] = true
		}
	}
}

func TestReadableCertificatesAreX509(t *testing.T) {
	files, _, _ := generate(t, synth.Config{Rows: 5000, Seed: 2, Layout: "jsonl", Protocols: []string{"xmpp"}})
	good, bad := 0, 0
	for _, text := range sideTable(t, files) {
		der, err := base64.StdEncoding.DecodeString(text)
		if err == nil {
			_, err = x509.ParseCertificate(der)
		}
		if err != nil {
			bad++
			continue
		}
		good++
	}
	if bad == 0 || bad > good/10 {
		t.Errorf("%d certificates can be read, %d cannot", good, bad)
	}
}

func TestValidateJoinsFaults(t *testing.T) {
	err := synth.Config{Layout: "csv", Protocols: []string{"ftp"}, Files: -1}.Validate()
	for _, part := range []string{"rows", "csv", "ftp", "files"} {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("error %v does not mention %s", err, part)
		}
	}
}

func BenchmarkGenerate(b *testing.B) {
	for _, layout := range []string{"jsonl", "parquet"} {
		b.Run(layout, func(b *testing.B) {
			c := synth.Config{Rows: 100_000, Seed: 1, Layout: layout, Workers: 1}
			discard := func(string) (synth.File, error) { return file{io.Discard}, nil }
			for b.Loop() {
				if _, err := synth.Generate(context.Background(), c, discard, nil, nil); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(c.Rows)*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
		})
	}
}
