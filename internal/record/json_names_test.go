package record

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// TestNamesThatFollow: one parser reads many lines whose members come in other orders, twice, with escapes, with white space, or
// not at all, and takes each of them as the reference reader does, whatever it has come to expect.
func TestNamesThatFollow(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	p := lineParser()
	read := 0
	for range 20_000 {
		line := &lineMaker{Rand: r}
		line.object(line.shuffled("ip", "domain", "data"), func(name string) {
			if name == "data" && r.IntN(10) > 0 {
				line.object(line.shuffled("a", "b"), func(string) { line.response() })
				return
			}
			line.scalar()
		})
		compareLine(t, p, []byte(line.String()))
		read += len(p.responses)
		if t.Failed() {
			t.Fatalf("%s", line.String())
		}
	}
	if read < 5000 {
		t.Errorf("%d responses prove little", read)
	}
}

// lineMaker makes a line up.
type lineMaker struct {
	*rand.Rand
	strings.Builder
}

func (m *lineMaker) response() {
	m.object(m.shuffled("status", "protocol", "result", "timestamp"), func(name string) {
		switch {
		case name == "protocol" && m.IntN(5) > 0:
			fmt.Fprintf(m, "%q", []string{"a", "b"}[m.IntN(2)])
		case name == "result" && m.IntN(5) > 0:
			m.result()
		case m.IntN(8) > 0:
			m.WriteString(`"2024-01-01T00:00:00Z"`)
		default:
			m.scalar()
		}
	})
}

// result makes up a result with some of the members of everythingShape.
func (m *lineMaker) result() {
	var names []string
	for _, field := range everythingShape.Root.Fields {
		if m.IntN(4) == 0 {
			names = append(names, field.Names[m.IntN(len(field.Names))])
		}
	}
	m.object(m.shuffled(names...), func(string) {
		if m.IntN(4) > 0 {
			m.WriteString("null")
			return
		}
		m.scalar()
	})
}

func (m *lineMaker) scalar() {
	some := []string{`"x"`, `5`, `null`, `true`, `"a\u00e9\"b"`, `[]`, `{}`, `{"n":1}`, `"192.0.2.1"`}
	m.WriteString(some[m.IntN(len(some))])
}

// shuffled returns names as they are, mostly; else some are left out, put in, repeated or in another place.
func (m *lineMaker) shuffled(names ...string) []string {
	odd := []string{"ip", "port", "status", "error", `\u0069p`, `d\u0061ta`, "é", "", strings.Repeat("l", 70), "x1", "x2", "x3"}
	for m.IntN(3) == 0 {
		at := m.IntN(len(names) + 1)
		switch m.IntN(4) {
		case 0:
			names = slices.Insert(names, at, odd[m.IntN(len(odd))])
		case 1:
			names = slices.Delete(names, max(at-1, 0), at)
		case 2:
			m.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
		case 3:
			names = append(names, names[:min(at, 1)]...)
		}
	}
	return names
}

func (m *lineMaker) object(names []string, value func(name string)) {
	space := func() {
		if m.IntN(20) == 0 {
			m.WriteByte(' ')
		}
	}
	m.WriteByte('{')
	for i, name := range names {
		if i > 0 {
			space()
			m.WriteByte(',')
		}
		space()
		m.WriteString(`"` + name + `"`)
		space()
		m.WriteByte(':')
		space()
		value(name)
	}
	m.WriteByte('}')
}
