package record

import (
	"bytes"
	"slices"
)

// member takes the name of an object's next member and its colon, or the closing bracket: then ok is false.
func (p *jsonParser) member(first bool) (raw []byte, escaped, ok bool, err error) {
	if ok, err = p.more(first, '}'); !ok || err != nil {
		return nil, false, false, err
	}
	if p.peek() != '"' {
		return nil, false, false, p.expected("a member's name")
	}
	if raw, escaped, err = p.quoted(); err != nil {
		return nil, false, false, err
	}
	if p.peek() != ':' {
		return nil, false, false, p.expected("a colon")
	}
	p.at++
	return raw, escaped, true, nil
}

// expect takes the name of an object's next member and its colon, if it is the one given, written as scanners do.
func (p *jsonParser) expect(quoted []byte, first bool) bool {
	at := p.at
	if !first {
		if at >= len(p.text) || p.text[at] != ',' {
			return false
		}
		at++
	}
	if !bytes.HasPrefix(p.text[at:], quoted) {
		return false
	}
	p.at = at + len(quoted)
	return true
}

// appendName appends a member's name and its colon as scanners write them.
func appendName[T string | []byte](dst []byte, name T) []byte {
	return append(append(append(dst, '"'), name...), `":`...)
}

// name is member with the name's escapes resolved.
func (p *jsonParser) name(first bool) (name []byte, ok bool, err error) {
	raw, escaped, ok, err := p.member(first)
	if escaped {
		raw = p.keep(raw)
	}
	return raw, ok, err
}

// position takes the next member's name and returns its position, or -1 for a name that nobody declared, or that there is no
// member. Most members come after the same one as the last time.
func (p *jsonParser) position(b *binding, last int, first bool) (position int, ok bool, err error) {
	if guess := b.follow[last+1]; guess < len(b.quoted) && p.expect(b.quoted[guess], first) {
		return guess, true, nil
	}
	name, ok, err := p.name(first)
	if err != nil || !ok {
		return -1, false, err
	}
	position, known := b.place[string(name)]
	if !known {
		return -1, true, p.note(name)
	}
	b.follow[last+1] = position
	return position, true, nil
}

// sequence is how the members of an object followed one another the last time. Of the names that follow so again, the first
// distinct ones need not be compared: that they differ is known. A name that is escaped or too long has no entry, and is compared
// each time.
type sequence struct {
	quoted   [16][]byte // as scanners write them, with their colons
	distinct int
}

// longestName is up to how many octets names are remembered.
const longestName = 64

// next is name for member i of an object.
func (p *jsonParser) next(s *sequence, i int) (name []byte, ok bool, err error) {
	if i >= len(s.quoted) {
		return p.name(false)
	}
	quoted := s.quoted[i]
	if len(quoted) > 0 && p.expect(quoted, i == 0) {
		return p.text[p.at-len(quoted)+1 : p.at-2], true, nil
	}
	name, escaped, ok, err := p.member(i == 0)
	if err != nil || !ok {
		return nil, false, err
	}
	s.distinct, s.quoted[i] = min(s.distinct, i), quoted[:0]
	if escaped {
		return p.keep(name), true, nil
	}
	if len(name) <= longestName {
		s.quoted[i] = appendName(quoted[:0], name)
	}
	return name, true, nil
}

// differ checks that the names from base on, those of an object, differ, and takes them from the stack.
func (p *jsonParser) differ(s *sequence, base int) error {
	n := len(p.names) - base
	if n <= s.distinct {
		p.names = p.names[:base]
		return nil
	}
	err := p.repeated(base)
	if err == nil && n <= len(s.quoted) {
		s.distinct = n
	}
	return err
}

// note puts a name on the stack, where repeated finds it.
func (p *jsonParser) note(name []byte) error {
	if len(p.names) >= p.limits.Elements {
		return p.tooLarge("number of members", int64(p.limits.Elements))
	}
	p.names = append(p.names, name)
	return nil
}

// repeated checks that the names from base on differ, and takes them from the stack.
func (p *jsonParser) repeated(base int) error {
	names := p.names[base:]
	p.names = p.names[:base]
	if name, again := repeatedName(names); again {
		return p.misfit("member %.64q is repeated", name)
	}
	return nil
}

// repeatedName finds a name that stands twice. Scanners print maps in order, so that case comes first; it may reorder
// names.
func repeatedName(names [][]byte) ([]byte, bool) {
	sorted := true
	for i := 1; i < len(names) && sorted; i++ {
		sorted = bytes.Compare(names[i-1], names[i]) < 0
	}
	if sorted {
		return nil, false
	}
	if len(names) > scanned {
		slices.SortFunc(names, bytes.Compare)
		for i := 1; i < len(names); i++ {
			if bytes.Equal(names[i-1], names[i]) {
				return names[i], true
			}
		}
		return nil, false
	}
	for i, name := range names {
		for _, other := range names[:i] {
			if bytes.Equal(name, other) {
				return name, true
			}
		}
	}
	return nil, false
}
