package protocols_test

import (
	"encoding/json"
	"maps"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dice-engine/dice/internal/tape/tapetest"
	"github.com/dice-engine/dice/protocols"
)

// tally counts what a run of vectors has compared.
type tally struct{ rows, kept, labels, fields int }

func TestConformance(t *testing.T) {
	byName := protocols.ByName()
	side := sideCertificates(t)
	for file, rows := range vectorRows {
		t.Run(file, func(t *testing.T) {
			var n tally
			seen := map[string]bool{}
			for _, v := range readVectors(t, file) {
				p := byName[v.Protocol]
				if p == nil {
					t.Fatalf("no protocol %s in the registry", v.Protocol)
				}
				checkVector(t, p, v, seen, side, &n)
			}
			if n.rows != rows {
				t.Errorf("compared %d rows, want %d", n.rows, rows)
			}
			t.Logf("%d rows, %d kept, %d labels, %d fields", n.rows, n.kept, n.labels, n.fields)
		})
	}
}

// answer is what DICE makes of a vector.
type answer struct {
	kept         bool
	labels       []string
	fingerprint  []byte
	certificates []string
}

// identify runs a vector; a result of a wrong type is not kept.
func identify(t *testing.T, p *protocols.Protocol, v vector) answer {
	t.Helper()
	if !v.Found {
		return answer{}
	}
	in, certificates, err := tapetest.FromJSON(p.Input, v.result())
	if err != nil {
		return answer{}
	}
	fingerprint, labels, kept, err := p.Identify(v.Response.Status == "success", in, nil)
	if err != nil {
		t.Errorf("%s:%d (%s): %v", v.File, v.Line, v.Want.Case, err)
	}
	return answer{kept, labels, fingerprint, certificates}
}

func checkVector(t *testing.T, p *protocols.Protocol, v vector, seen map[string]bool, side map[string]string, n *tally) {
	t.Helper()
	got, want := identify(t, p, v), v.Want.correct()
	if got.kept {
		got.kept = !seen[v.identity()]
		seen[v.identity()] = true
	}
	n.rows++
	if got.kept != want.Kept {
		t.Errorf("%s:%d (%s): kept %v, want %v", v.File, v.Line, v.Want.Case, got.kept, want.Kept)
		return
	}
	if !want.Kept {
		return
	}
	n.kept++
	if p.Attach && side[v.IP] != "" {
		got.certificates = []string{side[v.IP]}
	}
	n.labels += checkLabels(t, p, v, got, want.Labels)
	n.fields += checkFingerprint(t, p, v, got, want)
}

// checkLabels compares the set of labels and returns how many were expected. Labels that DICE adds to the notebook's and
// those that need other records are left out.
func checkLabels(t *testing.T, p *protocols.Protocol, v vector, got answer, want []string) int {
	t.Helper()
	labels := slices.Clone(got.labels)
	at, timed := v.time()
	for _, text := range got.certificates {
		labels = append(labels, certificateLabels(text, p.Chains, at, timed)...)
	}
	labels = slices.DeleteFunc(labels, func(l string) bool {
		return l == "certificate:encryption:weak" || l == "certificate:malformed"
	})
	slices.Sort(labels)
	labels = slices.Compact(labels)
	if !slices.Equal(labels, want) {
		t.Errorf("%s:%d (%s): labels %q, want %q", v.File, v.Line, v.Want.Case, labels, want)
	}
	return len(want)
}

// checkFingerprint compares a fingerprint field by field and returns the number of fields that were expected.
func checkFingerprint(t *testing.T, p *protocols.Protocol, v vector, got answer, want verdict) int {
	t.Helper()
	adapt := adapters[p.Name]
	if adapt == nil {
		t.Fatalf("no adapter for fingerprints of %s", p.Name)
	}
	if want.Fingerprint == nil {
		t.Fatalf("%s:%d (%s): a kept row without a fingerprint", v.File, v.Line, v.Want.Case)
	}
	text, err := json.Marshal(adapt(t, identified{p, got.fingerprint, got.certificates}))
	if err != nil {
		t.Fatal(err)
	}
	var form map[string]any
	if err := json.Unmarshal(text, &form); err != nil {
		t.Fatal(err)
	}
	if want.partial {
		maps.DeleteFunc(form, func(name string, _ any) bool { _, named := want.Fingerprint[name]; return !named })
	}
	wanted := comparedPart(p.Name, want.Fingerprint)
	if diff := cmp.Diff(wanted, comparedPart(p.Name, form)); diff != "" {
		t.Errorf("%s:%d (%s): fingerprint: want - got +\n%s", v.File, v.Line, v.Want.Case, diff)
	}
	return countFields(wanted)
}

// comparedPart returns a copy without null members and without the texts that are not compared: names from vendor tables,
// distinguished names, names of algorithms and errors; of an unreadable certificate only that it is one remains.
func comparedPart(protocol string, v any) any {
	switch v := v.(type) {
	case map[string]any:
		if v["parsed"] == false {
			return map[string]any{"parsed": false}
		}
		_, certificate := v["parsed"]
		members := map[string]any{}
		for name, value := range v {
			if value != nil && !leftOut(protocol, certificate, name) {
				members[name] = comparedPart(protocol, value)
			}
		}
		return members
	case []any:
		list := make([]any, len(v))
		for i := range v {
			list[i] = comparedPart(protocol, v[i])
		}
		return list
	}
	return v
}

func leftOut(protocol string, certificate bool, name string) bool {
	if certificate {
		return slices.Contains([]string{"subject", "issuer", "signature_algorithm", "key_type", "error"}, name)
	}
	return protocol == "rtps" && (name == "product" || name == "company")
}

// countFields counts the scalars in v.
func countFields(v any) int {
	n := 0
	switch v := v.(type) {
	case map[string]any:
		for _, value := range v {
			n += countFields(value)
		}
	case []any:
		for _, value := range v {
			n += countFields(value)
		}
	default:
		n = 1
	}
	return n
}
