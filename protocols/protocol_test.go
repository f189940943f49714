package protocols_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/dice-engine/dice/internal/tape"
	"github.com/dice-engine/dice/protocols"
)

type echo struct {
	Text string `tape:"text" doc:"what came"`
}

// A signature that panics costs its record, not the run.
func TestPanicOfASignatureIsAnError(t *testing.T) {
	p := protocols.Signature[echo, echo]{
		Name:   "echo",
		Filter: func(_ bool, r *echo) bool { return r.Text != "" },
		Identify: func(r *echo) echo {
			if r.Text == "bad" {
				panic("out of bounds")
			}
			return *r
		},
		Classify: func(*echo) []string { return []string{"echo:heard"} },
	}.Protocol()
	for text, want := range map[string]struct {
		kept bool
		err  string
	}{"good": {true, ""}, "": {false, ""}, "bad": {false, "identify echo: signature panicked: out of bounds"}} {
		in := tape.Append(p.Input, nil, &echo{text})
		out, labels, kept, err := p.Identify(true, in, []byte("before"))
		if kept != want.kept || (len(labels) == 1) != want.kept || !bytes.HasPrefix(out, []byte("before")) {
			t.Errorf("%q: kept %v, labels %q, tape %q", text, kept, labels, out)
		}
		if (err == nil) != (want.err == "") || err != nil && !strings.Contains(err.Error(), want.err) {
			t.Errorf("%q: error %v, want %q", text, err, want.err)
		}
		if err != nil && string(out) != "before" {
			t.Errorf("%q: %q was left behind", text, out)
		}
	}
}

// TestZeroIsNotUnknown: a number or a flag of a fingerprint may be zero or false, which reads as unknown unless it is
// optional.
func TestZeroIsNotUnknown(t *testing.T) {
	var walk func(path string, n *tape.Node)
	walk = func(path string, n *tape.Node) {
		for _, field := range n.Fields {
			name := path + "." + field.Name()
			if k := field.Kind; (k == tape.Bool || k == tape.Int || k == tape.Float) && !field.Optional {
				t.Errorf("%s is not optional", name)
			}
			walk(name, field)
		}
		if n.Elem != nil {
			walk(path, n.Elem)
		}
	}
	for _, p := range protocols.All() {
		walk(p.Name, p.Output.Root)
	}
}
