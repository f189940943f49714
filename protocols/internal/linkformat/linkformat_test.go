package linkformat

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func links(paths ...string) []Link {
	var list []Link
	for _, path := range paths {
		list = append(list, link(path))
	}
	return list
}

func link(path string, attributes ...Attribute) Link  { return Link{&path, attributes} }
func one(path string, attributes ...Attribute) []Link { return []Link{link(path, attributes...)} }

func flag(name string) Attribute             { return Attribute{name, nil} }
func attribute(name, value string) Attribute { return Attribute{name, &value} }

func TestParse(t *testing.T) {
	for text, want := range map[string][]Link{
		// RFC 6690, section 5.
		`</sensors>;ct=40`: one("/sensors", attribute("ct", "40")),
		`</sensors/temp>;rt="temperature-c";if="sensor",` + "\n   " + `</sensors/light>;rt="light-lux";if="sensor"`: {
			link("/sensors/temp", attribute("rt", "temperature-c"), attribute("if", "sensor")),
			link("/sensors/light", attribute("rt", "light-lux"), attribute("if", "sensor")),
		},
		`<http://www.example.com/sensors/t123>;anchor="/sensors/temp";rel="describedby"`: one(
			"http://www.example.com/sensors/t123", attribute("anchor", "/sensors/temp"), attribute("rel", "describedby")),

		"":                         nil,
		" \t\r\n":                  nil,
		"<>":                       links(""),
		"\r\n </a>\t;\nobs , </b>": {link("/a", flag("obs")), link("/b")},
		"</a>,":                    links("/a"),
		"</a>,,</b>":               links("/a"),
		",</a>":                    nil,
		"</a> </b>":                nil,
		"</a></b>":                 nil,
		"</a>,</b> </c>":           links("/a"),
		"</a>x,</b>":               nil,

		// Attributes.
		"</a>;":                  nil,
		"</a>;;obs":              nil,
		"</a>;=x":                nil,
		"</a>;ct=":               nil,
		"</a>;ct=,</b>":          nil,
		"</a>;ct =1":             nil,
		"</a>;ct= 1":             nil,
		"</a>;a=b=c<d>/e":        one("/a", attribute("a", "b=c<d>/e")),
		"</a>;title*=UTF-8''%20": one("/a", attribute("title*", "UTF-8''%20")),
		"</a>;title**=x":         nil,
		"</a>;*":                 nil,
		`</a>;t=x"y"`:            nil,
		`</a>;t="x"y`:            nil,
		`</a>;t="x" ;u`:          one("/a", attribute("t", "x"), flag("u")),
		`</a>;t="\"\\\é,\;"`:     one("/a", attribute("t", `"\é,;`)),
		`</a>;t="x\`:             nil,
		`</a>;t="x\"`:            nil,
		`</a>;t="`:               nil,
		"</a>;t=ä":               nil,
		"</a>,</b>;t=\"\n\"":     {link("/a"), link("/b", attribute("t", "\n"))},

		// Targets.
		"</wärme/{id}>":   links("/wärme/{id}"),
		"<not a link>":    nil,
		"</a\x00>":        nil,
		"<a<b>":           nil,
		`<a"b">`:          nil,
		"</a>,<b":         links("/a"),
		"<!DOCTYPE html>": nil,
	} {
		if diff := cmp.Diff(want, Parse(text)); diff != "" {
			t.Errorf("%q: want - got +\n%s", text, diff)
		}
	}
}

// TestLinear parses long texts that would take hours if any part of them were read again and again.
func TestLinear(t *testing.T) {
	const n = 1 << 20
	for _, unit := range []string{"<", "</a>,", "</a>;", ";a", `"`, `\`, `</a>;t="`, " ", "</a>;a;a"} {
		for _, prefix := range []string{"", "</a>", "</a>;t=\"", "<"} {
			start := time.Now()
			Parse(prefix + strings.Repeat(unit, n/len(unit)))
			if took := time.Since(start); took > 5*time.Second {
				t.Errorf("%q and many %q took %v", prefix, unit, took)
			}
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{`</a>;rt="x y";ct=40;obs,</b>;title*=UTF-8''x`, "<>", `</a>;t="\"`, "<html><b>"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		list := Parse(text)
		if diff := cmp.Diff(list, Parse(write(list))); diff != "" {
			t.Errorf("%q: written and read again, first - second +\n%s", text, diff)
		}
		if len(list) > 0 && len(Parse(text+"\n")) < len(list) {
			t.Errorf("%q: white space at the end loses links", text)
		}
	})
}

// write is the inverse of Parse.
func write(list []Link) string {
	var b strings.Builder
	for i, l := range list {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, "<%s>", *l.Path)
		for _, a := range l.Attributes {
			b.WriteString(";" + a.Name)
			if a.Value != nil {
				b.WriteString(`="` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(*a.Value) + `"`)
			}
		}
	}
	return b.String()
}
