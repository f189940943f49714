package jobtest

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dice-engine/dice/shard"
)

var protocolNames = []string{"bacnet", "coap", "dnp3", "modbus", "mqtt", "opcua", "rtps", "xmpp"}

// answer is the right answer for a line of the vectors.
type answer struct {
	Line     int      `json:"line"`
	Protocol string   `json:"protocol"` // in batches only
	Case     string   `json:"case"`
	Kept     bool     `json:"kept"`
	Labels   []string `json:"local_labels"`
	Ruling   *answer  `json:"ruling"`
}

func readLines[T any](t *testing.T, file string) []T {
	t.Helper()
	body, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var all []T
	for line := range strings.SplitSeq(strings.TrimSuffix(string(body), "\n"), "\n") {
		var v T
		if err := json.Unmarshal([]byte(line), &v); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		all = append(all, v)
	}
	return all
}

// answers reads the right answers for a file of vectors.
func answers(t *testing.T, file string) []answer {
	t.Helper()
	all := readLines[answer](t, strings.TrimSuffix(file, ".jsonl")+".expected.jsonl")
	for i := range all {
		if r := all[i].Ruling; r != nil {
			all[i].Kept, all[i].Labels = r.Kept, r.Labels
		}
	}
	return all
}

// holding is who holds a certificate or a key.
type holding struct {
	Kind    string      `json:"kind"`
	SHA256  string      `json:"sha256"`
	Holders [][2]string `json:"holders"`
}

func (h holding) addresses() []string {
	distinct := map[string]bool{}
	for _, holder := range h.Holders {
		distinct[holder[1]] = true
	}
	return slices.Collect(maps.Keys(distinct))
}

// TestConformance runs all vectors as one job and compares every row, every certificate's hosts and the reuse table.
func TestConformance(t *testing.T) {
	dir := Conformance(t)
	command := Command(filepath.Join(dir, "bacnet.jsonl"))
	command.Files = nil
	for _, name := range protocolNames {
		command.Files = append(command.Files, filepath.Join(dir, name+".jsonl"))
	}
	command.Certificates = []string{filepath.Join(dir, "xmpp-certificates.jsonl")}
	command.Options.Mode = shard.All
	job := Run(t, Options{Command: command})
	files := Files(t, job.Out)

	hosts := map[string]int{}
	var reused []Reuse
	for _, h := range readLines[holding](t, filepath.Join(dir, "reuse.expected.jsonl")) {
		n := len(h.addresses())
		hosts[h.Kind+h.SHA256] = n
		if n >= 2 {
			reused = append(reused, Reuse{Kind: h.Kind, SHA256: h.SHA256, Hosts: int64(n)})
		}
	}
	compared := 0
	for _, name := range protocolNames {
		compared += compareRows(t, name, answers(t, filepath.Join(dir, name+".jsonl")), Table[Row](t, files, shard.ProtocolTable(name)), hosts)
	}
	if want := 921; compared != want {
		t.Errorf("%d rows compared, want %d", compared, want)
	}
	compareReuse(t, reused, Table[Reuse](t, files, shard.ReuseTable))
	t.Logf("%d rows and %d holdings compared", compared, len(reused))
}

// compareRows compares the rows of one protocol's table with the answers for one input, line by line.
func compareRows(t *testing.T, name string, want []answer, got []Row, hosts map[string]int) int {
	t.Helper()
	byLine := map[int64]Row{}
	for _, row := range got {
		if _, twice := byLine[row.SourceRow]; twice {
			t.Errorf("%s:%d came out twice", name, row.SourceRow)
		}
		byLine[row.SourceRow] = row
	}
	for _, w := range want {
		row, ok := byLine[int64(w.Line)]
		delete(byLine, int64(w.Line))
		if ok != w.Kept {
			t.Errorf("%s:%d (%s): kept %v, want %v", name, w.Line, w.Case, ok, w.Kept)
			continue
		}
		if !ok {
			continue
		}
		labels := slices.Clone(w.Labels)
		for _, c := range row.Certificates {
			labels = append(labels, compareHosts(t, fmt.Sprintf("%s:%d", name, w.Line), c, hosts)...)
		}
		slices.Sort(labels)
		if diff := cmp.Diff(slices.Compact(labels), slices.DeleteFunc(slices.Clone(row.Labels), ours)); diff != "" {
			t.Errorf("%s:%d (%s): want - got +\n%s", name, w.Line, w.Case, diff)
		}
	}
	for line := range byLine {
		t.Errorf("%s:%d came out of nowhere", name, line)
	}
	return len(want)
}

// ours are the labels that the vectors leave out.
func ours(label string) bool {
	return label == "certificate:encryption:weak" || label == "certificate:malformed"
}

// compareHosts compares a certificate's hosts and returns the labels that follow from the right ones.
func compareHosts(t *testing.T, where string, c Cert, hosts map[string]int) (labels []string) {
	t.Helper()
	if c.Error != nil {
		return nil
	}
	check := func(label string, want int, got *int64) {
		if want >= 2 {
			labels = append(labels, label)
		}
		if has := value(got); want >= 2 && has != int64(want) || want < 2 && has != 0 {
			t.Errorf("%s: %s: %d hosts, want %d", where, c.SHA256, has, want)
		}
	}
	check("certificate:reused", hosts["certificate"+c.SHA256], c.Hosts)
	check("certificate:key:reused", hosts["key"+*c.SPKISHA256], c.KeyHosts)
	return labels
}

func value(p *int64) int64 {
	if p == nil {
		return 0
	}
	return *p
}

func compareReuse(t *testing.T, want, got []Reuse) {
	t.Helper()
	for i := range got {
		if int64(len(got[i].IPs)) != min(got[i].Hosts, 20) {
			t.Errorf("%s has %d hosts and %d addresses", got[i].SHA256, got[i].Hosts, len(got[i].IPs))
		}
		got[i].IPs, got[i].Protocols = nil, nil
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("want - got +\n%s", diff)
	}
}

// TestBatches: the right answer for a record never depends on its neighbours.
func TestBatches(t *testing.T) {
	batches, err := filepath.Glob(filepath.Join(Conformance(t), "batches", "*.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	compared := 0
	for _, batch := range batches {
		if strings.HasSuffix(batch, ".expected.jsonl") {
			continue
		}
		want := answers(t, batch)
		command := Command(batch)
		command.Options.Mode = shard.All
		command.Options.ReuseHosts = 1 << 20
		job := Run(t, Options{Command: command})
		rows := Table[Row](t, Files(t, job.Out), shard.ProtocolTable(want[0].Protocol))
		for i := range rows {
			for k := range rows[i].Certificates {
				rows[i].Certificates[k].Error = new(string) // reuse is another test's matter
			}
		}
		compared += compareRows(t, filepath.Base(batch), want, rows, nil)
	}
	if compared != 31 {
		t.Errorf("%d rows compared, want 31", compared)
	}
}
