package protocols_test

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/dice-engine/dice/internal/tape"
	"github.com/dice-engine/dice/internal/tape/tapetest"
	"github.com/dice-engine/dice/protocols"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// input is a vector's result as a tape.
type input struct {
	vector
	success bool
	tape    []byte
}

// inputs returns the vectors of each protocol that can be read, by its name.
func inputs(t testing.TB, registry []*protocols.Protocol) map[string][]input {
	t.Helper()
	byName := map[string]*protocols.Protocol{}
	for _, p := range registry {
		byName[p.Name] = p
	}
	all := map[string][]input{}
	for file := range vectorRows {
		for _, v := range readVectors(t, file) {
			p := byName[v.Protocol]
			if p == nil {
				continue
			}
			if text, _, err := tapetest.FromJSON(p.Input, v.result()); err == nil {
				all[p.Name] = append(all[p.Name], input{v, v.Response.Status == "success", text})
			}
		}
	}
	return all
}

// described says whether the protocol's table has the label.
func described(p *protocols.Protocol, label string) bool {
	return slices.ContainsFunc(p.Labels, func(l protocols.Label) bool { return l.Matches(label) })
}

func TestEveryLabelHasEvidenceForAndAgainst(t *testing.T) {
	registry := protocols.All()
	vectors := inputs(t, registry)
	for _, p := range registry {
		given := make([]int, len(p.Labels))
		for _, in := range vectors[p.Name] {
			_, labels, _, _ := p.Identify(in.success, in.tape, nil)
			for i, l := range p.Labels {
				if slices.ContainsFunc(labels, l.Matches) {
					given[i]++
				}
			}
			for _, label := range labels {
				if !described(p, label) {
					t.Errorf("%s:%d: label %q is not in the table of %s", in.File, in.Line, label, p.Name)
				}
			}
		}
		for i, l := range p.Labels {
			if all := len(vectors[p.Name]); given[i] == 0 || given[i] == all {
				t.Errorf("%s: given to %d of %d vectors, want some and not all", l.ID, given[i], all)
			}
		}
	}
}

func TestSameInputSameOutput(t *testing.T) {
	registry, again := protocols.All(), protocols.All()
	vectors := inputs(t, registry)
	for i, p := range registry {
		for _, in := range vectors[p.Name] {
			prefix := []byte("prefix")
			before := bytes.Clone(in.tape)
			f1, l1, k1, err1 := p.Identify(in.success, in.tape, nil)
			f2, l2, k2, err2 := again[i].Identify(in.success, in.tape, prefix)
			if err1 != nil || err2 != nil {
				t.Errorf("%s:%d: %v, %v", in.File, in.Line, err1, err2)
			}
			if k1 != k2 || !slices.Equal(l1, l2) || !bytes.Equal(f2, append([]byte("prefix"), f1...)) {
				t.Errorf("%s:%d: two answers: %v %q %x and %v %q %x", in.File, in.Line, k1, l1, f1, k2, l2, f2)
			}
			if !bytes.Equal(before, in.tape) {
				t.Errorf("%s:%d: the input was changed", in.File, in.Line)
			}
		}
	}
}

func TestEveryTruncationReturns(t *testing.T) {
	registry := protocols.All()
	vectors := inputs(t, registry)
	for _, p := range registry {
		t.Run(p.Name, func(t *testing.T) {
			t.Parallel()
			seen, cuts := map[string]bool{}, 0
			for _, in := range vectors[p.Name] {
				for _, l := range leaves(p.Input, in.tape) {
					if seen[string(l.text)] {
						continue
					}
					seen[string(l.text)] = true
					for _, cut := range truncations(l.text) {
						cuts++
						if _, _, _, err := p.Identify(in.success, l.replaced(in.tape, cut), nil); err != nil {
							t.Errorf("%s:%d: %q cut to %q: %v", in.File, in.Line, l.text, cut, err)
						}
					}
				}
			}
			t.Logf("%d truncations of %d texts", cuts, len(seen))
			if cuts == 0 {
				t.Error("nothing was cut")
			}
		})
	}
}

// leaf is a string of a tape and where it stands, its length included.
type leaf struct {
	start, end int
	text       []byte
}

// replaced returns the tape with another text in the leaf's place.
func (l leaf) replaced(whole, text []byte) []byte {
	return slices.Concat(whole[:l.start], tape.AppendString(nil, text), whole[l.end:])
}

// truncations returns all beginnings of a text, and where it is base64 those of the octets, too.
func truncations(text []byte) [][]byte {
	var cuts [][]byte
	for n := range len(text) {
		cuts = append(cuts, text[:n])
	}
	if octets, err := base64.StdEncoding.DecodeString(string(text)); err == nil {
		for n := range len(octets) {
			cuts = append(cuts, base64.StdEncoding.AppendEncode(nil, octets[:n]))
		}
	}
	return cuts
}

// leaves finds the strings of a tape.
func leaves(s *tape.Shape, whole []byte) []leaf {
	var found []leaf
	c := tape.Cursor{Rest: whole}
	if c.Byte() != tape.End {
		walk(&c, s.Root, len(whole), &found)
	}
	return found
}

func walk(c *tape.Cursor, n *tape.Node, size int, found *[]leaf) {
	switch n.Kind {
	case tape.String, tape.AnyJSON:
		*found = append(*found, takeLeaf(c, size))
	case tape.Struct:
		for f := c.Byte(); f != tape.End; f = c.Byte() {
			walk(c, n.Fields[f-1], size, found)
		}
	case tape.List, tape.Map:
		for mark := c.Byte(); mark != tape.End; mark = c.Byte() {
			if n.Kind == tape.Map {
				*found = append(*found, takeLeaf(c, size))
			}
			if mark == tape.Present {
				walk(c, n.Elem, size, found)
			}
		}
	default:
		c.Skip(n)
	}
}

func takeLeaf(c *tape.Cursor, size int) leaf {
	start := size - len(c.Rest)
	length, _ := binary.Uvarint(c.Rest)
	text := c.String()
	if int(length) != len(text) {
		panic("a leaf is not where it should be")
	}
	return leaf{start, size - len(c.Rest), text}
}

func TestDeclarationsAreWhole(t *testing.T) {
	registry := protocols.All()
	if !slices.IsSortedFunc(registry, func(a, b *protocols.Protocol) int { return strings.Compare(a.Name, b.Name) }) {
		t.Error("the registry is not in alphabetical order")
	}
	for _, p := range registry {
		for what, text := range map[string]string{
			"name": p.Name, "title": p.Title, "description": p.Description, "criterion": p.Criterion, "evidence": p.Evidence,
			"ports": strings.Join(p.Ports, ""), "references": strings.Join(p.References, ""),
		} {
			if text == "" {
				t.Errorf("%s: no %s", p.Name, what)
			}
		}
		for _, l := range p.Labels {
			checkLabel(t, l, p.Name+":")
		}
		checkDocumented(t, p.Output.Root, p.Name)
	}
	for _, l := range protocols.CertificateLabels() {
		checkLabel(t, l, "certificate:")
	}
}

func checkLabel(t *testing.T, l protocols.Label, prefix string) {
	t.Helper()
	severities := []protocols.Severity{protocols.Info, protocols.Low, protocols.Medium, protocols.High}
	if !strings.HasPrefix(l.ID, prefix) || l.Meaning == "" || l.Remedy == "" || l.Reference == "" || l.Since == "" ||
		!slices.Contains(severities, l.Severity) {
		t.Errorf("label is not whole, or not %s…: %+v", prefix, l)
	}
}

// checkDocumented asks a doc tag of every field of a fingerprint.
func checkDocumented(t *testing.T, n *tape.Node, path string) {
	t.Helper()
	for _, field := range n.Fields {
		at := path + "." + field.Name()
		if field.Doc == "" {
			t.Errorf("%s has no doc tag", at)
		}
		checkDocumented(t, field, at)
	}
	if n.Elem != nil {
		checkDocumented(t, n.Elem, path)
	}
}

// The identifiers of labels are what people query: they are only added to.
func TestLabelsAreGolden(t *testing.T) {
	var ids []string
	for _, p := range protocols.All() {
		for _, l := range p.Labels {
			ids = append(ids, l.ID)
		}
	}
	for _, l := range protocols.CertificateLabels() {
		ids = append(ids, l.ID)
	}
	slices.Sort(ids)
	if twice := len(ids) - len(slices.Compact(slices.Clone(ids))); twice != 0 {
		t.Errorf("%d labels are declared twice in %q", twice, ids)
	}
	got := strings.Join(ids, "\n") + "\n"
	golden := filepath.Join("testdata", "labels.golden")
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("labels:\n%swant, or run with -update:\n%s", got, want)
	}
}

func TestMatch(t *testing.T) {
	names := func(pattern string) string {
		matched, err := protocols.Match(pattern)
		if err != nil {
			return "error"
		}
		var names []string
		for _, p := range matched {
			names = append(names, p.Name)
		}
		return strings.Join(names, " ")
	}
	for pattern, want := range map[string]string{
		"modbus": "modbus", " rtps , dnp3,rtps": "dnp3 rtps", "b*,mod*": "bacnet modbus",
		"none": "error", "": "error", "[": "error", "modbus,none": "error",
	} {
		if got := names(pattern); got != want {
			t.Errorf("%q: got %q, want %q", pattern, got, want)
		}
	}
	if got, want := len(strings.Fields(names("*"))), len(protocols.All()); got != want {
		t.Errorf("* matches %d of %d", got, want)
	}
}
