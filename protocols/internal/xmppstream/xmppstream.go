// Package xmppstream finds elements in the beginning of an XMPP stream, as a server sends it before anything else:
// the stream header and the features (RFC 6120, section 4).
//
// The text is part of a document whose end never comes, it may be cut anywhere, and it may be no XML at all. So there
// is no tree and nothing is balanced: [Tags] yields each start tag that is whole, wherever it stands, in one pass.
package xmppstream

import (
	"iter"
	"strings"
)

// Tag is a start tag, or the tag of an empty element.
type Tag struct {
	Name       string // as written, prefix included
	attributes string // from behind the name to the end of the last attribute
	rest       string // what follows the tag; empty for an empty element
}

// Tags yields the start tags of text in order. A tag that is cut, or whose attributes are not name="value" or
// name='value', is passed over.
func Tags(text string) iter.Seq[Tag] {
	return func(yield func(Tag) bool) {
		for {
			at := strings.IndexByte(text, '<')
			if at < 0 {
				return
			}
			text = text[at+1:]
			tag, rest, ok := cutTag(text)
			if !ok {
				continue
			}
			text = rest
			if !yield(tag) {
				return
			}
		}
	}
}

// Attribute returns the value of the first attribute of that name, as written.
func (t Tag) Attribute(name string) (value string, ok bool) {
	for rest := t.attributes; rest != ""; {
		var found string
		found, value, rest, _ = cutAttribute(rest)
		if found == name {
			return value, true
		}
	}
	return "", false
}

// Text returns the text between the tag and its end tag, without the white space around it, if it is all that stands
// between them.
func (t Tag) Text() (text string, ok bool) {
	text, rest, _ := strings.Cut(t.rest, "<")
	rest, ok = strings.CutPrefix(rest, "/")
	name, rest := cutName(rest)
	if !ok || name != t.Name || !strings.HasPrefix(trimSpace(rest), ">") {
		return "", false
	}
	return strings.Trim(text, space), true
}

// space is the white space of XML 1.0, production 3.
const space = " \t\r\n"

func trimSpace(text string) string { return strings.TrimLeft(text, space) }

// cutTag reads the tag whose name text begins with.
func cutTag(text string) (tag Tag, rest string, ok bool) {
	name, rest := cutName(text)
	if name == "" {
		return tag, "", false
	}
	tag = Tag{Name: name}
	attributes := rest
	for {
		_, _, next, found := cutAttribute(rest)
		if !found {
			break
		}
		rest = next
	}
	tag.attributes = attributes[:len(attributes)-len(rest)]
	rest = trimSpace(rest)
	if rest, ok := strings.CutPrefix(rest, "/>"); ok {
		return tag, rest, true
	}
	tag.rest, ok = strings.CutPrefix(rest, ">")
	return tag, tag.rest, ok
}

// cutAttribute reads white space and an attribute. Between names, the sign and the value white space may stand.
func cutAttribute(text string) (name, value, rest string, ok bool) {
	rest = trimSpace(text)
	if rest == text {
		return "", "", text, false
	}
	name, rest = cutName(rest)
	rest, ok = strings.CutPrefix(trimSpace(rest), "=")
	rest = trimSpace(rest)
	if name == "" || !ok || rest == "" || rest[0] != '"' && rest[0] != '\'' {
		return "", "", text, false
	}
	value, rest, ok = strings.Cut(rest[1:], rest[:1])
	if !ok {
		return "", "", text, false
	}
	return name, value, rest, true
}

// cutName reads a name: all up to white space or a character that has a meaning in tags.
func cutName(text string) (name, rest string) {
	end := strings.IndexAny(text, " \t\r\n/<>=\"'!?&")
	if end < 0 {
		end = len(text)
	}
	return text[:end], text[end:]
}
