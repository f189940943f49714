package xmppstream

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// seen is what the tests look at: the name of a tag, its attributes xmlns and a, and its text; "-" for none.
type seen [4]string

func look(text string) []seen {
	var all []seen
	for tag := range Tags(text) {
		s := seen{tag.Name, "-", "-", "-"}
		if v, ok := tag.Attribute("xmlns"); ok {
			s[1] = v
		}
		if v, ok := tag.Attribute("a"); ok {
			s[2] = v
		}
		if v, ok := tag.Text(); ok {
			s[3] = v
		}
		all = append(all, s)
	}
	return all
}

func TestTags(t *testing.T) {
	for text, want := range map[string][]seen{
		"":                              nil,
		"no markup":                     nil,
		"<?xml version='1.0'?><x/>":     {{"x", "-", "-", "-"}},
		"<!-- c --><x>":                 {{"x", "-", "-", "-"}},
		"<x></x>":                       {{"x", "-", "-", ""}},
		"<x>\n y\tz </x\n>":             {{"x", "-", "-", "y\tz"}},
		"<x>\u00a0y</x>":                {{"x", "-", "-", "\u00a0y"}},
		"<x/>y</x>":                     {{"x", "-", "-", "-"}},
		"<x>y</xy>":                     {{"x", "-", "-", "-"}},
		"<x>y</x y>":                    {{"x", "-", "-", "-"}},
		"<x>y</x":                       {{"x", "-", "-", "-"}},
		"<x>y<z/></x>":                  {{"x", "-", "-", "-"}, {"z", "-", "-", "-"}},
		"<x>y<x>z</x>":                  {{"x", "-", "-", "-"}, {"x", "-", "-", "z"}},
		"<p:x xmlns='n'/>":              {{"p:x", "n", "-", "-"}},
		"<x xmlns='n' a=\"b\"/>":        {{"x", "n", "b", "-"}},
		"<x a='b' xmlns='n' />":         {{"x", "n", "b", "-"}},
		"<x\r\n\txmlns = 'n'>t</x>":     {{"x", "n", "-", "t"}},
		"<x xmlns='n' xmlns='m'/>":      {{"x", "n", "-", "-"}},
		"<x xmlns=''/>":                 {{"x", "", "-", "-"}},
		"<x xmlns=\"'\" a='\"/>'>t</x>": {{"x", "'", "\"/>", "t"}},
		"<x xmlns:a='n'/>":              {{"x", "-", "-", "-"}},
		"<x xmlns=n/>":                  nil,
		"<x xmlns/>":                    nil,
		"<x a='b'xmlns='n'/>":           nil,
		"<x xmlns='n'":                  nil,
		"<x xmlns='n":                   nil,
		"<x xmlns='n'/":                 nil,
		"<x / >":                        nil,
		"<x xmlns='n' <y>":              {{"y", "-", "-", "-"}},
		"<x a='<y>'/><z>":               {{"x", "-", "<y>", "-"}, {"z", "-", "-", "-"}},
		"<x a='<y>":                     {{"y", "-", "-", "-"}},
		"< x><=><><\"><z>":              {{"z", "-", "-", "-"}},
	} {
		if diff := cmp.Diff(want, look(text)); diff != "" {
			t.Errorf("%q: want - got +\n%s", text, diff)
		}
	}
}

func TestTagsStops(t *testing.T) {
	n := 0
	for range Tags("<a><b><c>") {
		if n++; n == 2 {
			break
		}
	}
	if n != 2 {
		t.Errorf("saw %d tags", n)
	}
}

// TestLinear reads long texts that would take hours if any part of them were read again and again.
func TestLinear(t *testing.T) {
	const n = 1 << 20
	units := []string{
		"<", "<x", "<x>", "<x ", "<x a", "<x a=", "<x a='", `<x a="`, `<x a='"`, `<x a='1' `, "<x>y", "<x></", "</x>",
		`<x a="'" b='`, `<x a=" ' c=" b='`, "<x a='<x b=\"", " ", "'", "x", "&",
	}
	for _, prefix := range []string{"", "<x", "<x a='", `<x a="'" b='`, "<x>"} {
		for _, unit := range units {
			start := time.Now()
			look(prefix + strings.Repeat(unit, n/len(unit)))
			if took := time.Since(start); took > 5*time.Second {
				t.Errorf("%q and many %q took %v", prefix, unit, took)
			}
		}
	}
}

func FuzzTags(f *testing.F) {
	for _, seed := range []string{
		"<?xml version='1.0'?><stream:stream xmlns='jabber:client'><auth  xmlns=\"n\"/><mechanism> PLAIN </mechanism>",
		"<x a='\"' b=\"'\">t</x >", "<x a='<x b=\"<x c='",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		before := look(text)
		for _, s := range before {
			if s[0] == "" || strings.ContainsAny(s[0], "<> /='\"") || strings.Contains(s[3], "<") {
				t.Errorf("%q: tag %q", text, s)
			}
		}
		// What follows a text cannot undo the tags in it.
		after := look(text + "<")
		if len(after) < len(before) {
			t.Errorf("%q: %d tags, %d with more text", text, len(before), len(after))
		}
	})
}
