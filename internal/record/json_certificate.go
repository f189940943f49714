package record

import (
	"bytes"

	"github.com/dice-engine/dice/internal/tape"
)

// scanned is the number of certificates of a record up to which they are looked for one by one.
const scanned = 16

// certificate takes a certificate's text and appends its ordinal.
func (p *jsonParser) certificate(dst []byte) ([]byte, error) {
	raw, escaped, err := p.quoted()
	if err != nil {
		return dst, err
	}
	ordinal, err := p.ordinal(raw, escaped)
	return tape.AppendInt(dst, ordinal), err
}

// chain takes a list of certificates and appends the ordinal of the first one, the leaf.
func (p *jsonParser) chain(dst []byte) ([]byte, error) {
	if err := p.enter(); err != nil {
		return dst, err
	}
	var leaf []byte
	leafEscaped := false
	for i := 0; ; i++ {
		ok, err := p.more(i == 0, ']')
		if err != nil {
			return dst, err
		}
		if !ok {
			break
		}
		raw, escaped, err := p.link()
		if err != nil {
			return dst, err
		}
		if i == 0 {
			leaf, leafEscaped = raw, escaped
		}
	}
	ordinal, err := p.ordinal(leaf, leafEscaped)
	return tape.AppendInt(dst, ordinal), err
}

// link takes one element of a chain: a string or null.
func (p *jsonParser) link() (raw []byte, escaped bool, err error) {
	if null, err := p.null(); null || err != nil {
		return nil, false, err
	}
	if p.peek() != '"' {
		return nil, false, p.unlike("a certificate")
	}
	return p.quoted()
}

// ordinal returns the place of a certificate's text among those of the record, from 1; 0 for none.
func (p *jsonParser) ordinal(raw []byte, escaped bool) (int64, error) {
	if len(raw) == 0 {
		return 0, nil
	}
	if int64(len(raw)) > p.limits.Certificate {
		return 0, p.tooLarge("certificate", p.limits.Certificate)
	}
	text := raw
	if escaped {
		text = p.keep(raw)
	}
	known := p.certificates[p.first:]
	for i := range known[:min(len(known), scanned)] {
		if bytes.Equal(known[i], text) {
			return int64(i + 1), nil
		}
	}
	if len(known) < scanned {
		p.certificates = append(p.certificates, text)
		return int64(len(known) + 1), nil
	}
	return p.lateOrdinal(known, text), nil
}

// lateOrdinal looks in a table. What was taken back may still stand there, so its answers are checked.
func (p *jsonParser) lateOrdinal(known [][]byte, text []byte) int64 {
	if i, ok := p.places[string(text)]; ok && i < len(known) && bytes.Equal(known[i], text) {
		return int64(i + 1)
	}
	p.places[string(text)] = len(known)
	p.certificates = append(p.certificates, text)
	return int64(len(known) + 1)
}
