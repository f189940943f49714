// Package linkformat reads lists of links as constrained servers give them at .well-known/core (RFC 6690).
//
// What stands there may as well be HTML, JSON or an error text, and a list may be cut anywhere. [Parse] therefore
// returns the links of the longest prefix that follows the grammar, in one pass over the text:
//
//	</sensors/temp>;rt="temperature";ct=40;obs,</light>
package linkformat

import "strings"

// Link is one resource.
type Link struct {
	Path       *string     `tape:"path" doc:"target of the link, as written"`
	Attributes []Attribute `tape:"attributes" doc:"attributes in the order given, repetitions included"`
}

// Attribute is a parameter of a link.
type Attribute struct {
	Name  string  `tape:"name" doc:"name of the attribute, like rt, if, ct"`
	Value *string `tape:"value" doc:"its value without quotes; null for an attribute without one, like obs"`
}

// Parse returns the links of the longest well-formed prefix of text. A link counts when it is complete: a comma or the
// end of the text follows. White space is allowed around commas and semicolons and at both ends. A target is taken for
// a URI reference if it has none of the characters that end or separate links and texts: white space, controls, quotes
// and angle brackets.
func Parse(text string) []Link {
	var links []Link
	for s := (scanner{text}); ; {
		s.space()
		link, ok := s.link()
		if !ok || s.rest != "" && s.rest[0] != ',' {
			return links
		}
		links = append(links, link)
		if s.rest == "" {
			return links
		}
		s.rest = s.rest[1:]
	}
}

// scanner holds what is left of a text.
type scanner struct{ rest string }

func (s *scanner) space() { s.rest = strings.TrimLeft(s.rest, " \t\r\n") }

// take passes over c if it comes next, and says whether it did.
func (s *scanner) take(c byte) bool {
	if s.rest == "" || s.rest[0] != c {
		return false
	}
	s.rest = s.rest[1:]
	return true
}

// run takes the longest run of characters that belong.
func (s *scanner) run(belongs func(c byte) bool) string {
	n := 0
	for n < len(s.rest) && belongs(s.rest[n]) {
		n++
	}
	taken := s.rest[:n]
	s.rest = s.rest[n:]
	return taken
}

// link takes a target, its attributes and the white space behind.
func (s *scanner) link() (link Link, ok bool) {
	if !s.take('<') {
		return link, false
	}
	path := s.run(inTarget)
	link.Path = &path
	if !s.take('>') {
		return link, false
	}
	for s.space(); s.take(';'); s.space() {
		s.space()
		attribute, ok := s.attribute()
		if !ok {
			return link, false
		}
		link.Attributes = append(link.Attributes, attribute)
	}
	return link, true
}

// attribute takes name, name=token or name="text". A name may end in an asterisk, like title*.
func (s *scanner) attribute() (a Attribute, ok bool) {
	a.Name = s.run(inName)
	if a.Name == "" {
		return a, false
	}
	if s.take('*') {
		a.Name += "*"
	}
	if !s.take('=') {
		return a, true
	}
	var value string
	if s.take('"') {
		value, ok = s.quoted()
	} else {
		value = s.run(inToken)
		ok = value != ""
	}
	a.Value = &value
	return a, ok
}

// quoted takes the rest of a quoted text. A backslash stands before a character that is meant as it is.
func (s *scanner) quoted() (text string, ok bool) {
	var b strings.Builder
	for {
		n := strings.IndexAny(s.rest, `"\`)
		if n < 0 {
			return "", false
		}
		b.WriteString(s.rest[:n])
		c := s.rest[n]
		s.rest = s.rest[n+1:]
		if c == '"' {
			return b.String(), true
		}
		if s.rest == "" {
			return "", false
		}
		b.WriteByte(s.rest[0])
		s.rest = s.rest[1:]
	}
}

// inTarget takes more than the characters of RFC 3986: devices write braces and letters of all alphabets.
func inTarget(c byte) bool {
	return c > ' ' && c != 0x7f && c != '<' && c != '>' && c != '"'
}

// inName holds the characters of parmname, RFC 5987.
func inName(c byte) bool { return isAlphanumeric(c) || strings.IndexByte("!#$&+-.^_`|~", c) >= 0 }

// inToken holds the characters of ptoken, RFC 6690 section 2.
func inToken(c byte) bool {
	return isAlphanumeric(c) || strings.IndexByte("!#$%&'()*+-./:<=>?@[]^_`{|}~", c) >= 0
}

func isAlphanumeric(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}
