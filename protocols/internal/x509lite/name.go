package x509lite

import (
	"encoding/hex"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// shortNames are the attribute types that have a name in RFC 4514 or in the LDAP registry and are usual in certificates.
var shortNames = tableOf(map[string]string{
	"2.5.4.3": "CN", "2.5.4.4": "SN", "2.5.4.5": "serialNumber", "2.5.4.6": "C", "2.5.4.7": "L", "2.5.4.8": "ST",
	"2.5.4.9": "STREET", "2.5.4.10": "O", "2.5.4.11": "OU", "2.5.4.12": "title", "2.5.4.13": "description",
	"2.5.4.15": "businessCategory", "2.5.4.16": "postalAddress", "2.5.4.17": "postalCode", "2.5.4.20": "telephoneNumber",
	"2.5.4.41": "name", "2.5.4.42": "GN", "2.5.4.43": "initials", "2.5.4.44": "generationQualifier",
	"2.5.4.46": "dnQualifier", "2.5.4.65": "pseudonym", "2.5.4.97": "organizationIdentifier",
	"0.9.2342.19200300.100.1.1": "UID", "0.9.2342.19200300.100.1.25": "DC", "1.2.840.113549.1.9.1": "emailAddress",
	"1.2.840.113549.1.9.2": "unstructuredName", "1.2.840.113549.1.9.8": "unstructuredAddress",
})

// AppendName appends a Name as text (RFC 4514) to dst: the last attribute first, what could mislead a reader or a terminal
// escaped. It returns false where the octets are not a Name; what it then appended is of no use.
func AppendName(dst, name []byte) (text []byte, ok bool) {
	c := cursor(name)
	sequence, ok := c.expect(tagSequence)
	if !ok {
		return dst, false
	}
	var usual [16][]byte
	sets := usual[:0]
	for c = cursor(sequence.body); len(c) > 0; {
		set, ok := c.expect(tagSet)
		if !ok {
			return dst, false
		}
		sets = append(sets, set.body)
	}
	text = dst
	for i := len(sets) - 1; i >= 0; i-- {
		if len(text) > len(dst) {
			text = append(text, ',')
		}
		if text, ok = appendSet(text, sets[i]); !ok {
			return text, false
		}
	}
	return text, true
}

// appendSet appends the attributes of one relative distinguished name.
func appendSet(text, set []byte) ([]byte, bool) {
	c := cursor(set)
	for first := true; len(c) > 0; first = false {
		pair, ok := c.expect(tagSequence)
		if !ok {
			return text, false
		}
		if !first {
			text = append(text, '+')
		}
		if text, ok = appendAttribute(text, pair.body); !ok {
			return text, false
		}
	}
	return text, true
}

func appendAttribute(text, pair []byte) ([]byte, bool) {
	c := cursor(pair)
	kind, ok := c.expect(tagOID)
	if !ok {
		return text, false
	}
	value, ok := c.next()
	if !ok {
		return text, false
	}
	if short, known := shortNames.find(kind.body); known {
		text = append(append(text, short...), '=')
		return appendValue(text, value), true
	}
	start := len(text)
	if text = appendOID(text, kind.body); len(text) == start {
		return text, false
	}
	return appendHex(append(text, '='), value.raw), true
}

func appendHex(text, octets []byte) []byte { return hex.AppendEncode(append(text, '#'), octets) }

// appendValue appends an attribute's value, in hexadecimal where it is no text.
func appendValue(text []byte, value element) []byte {
	switch value.tag {
	case tagUTF8String, tagPrintableString, tagIA5String, tagVisibleString, tagNumericString:
		return appendEscaped(text, value.body)
	case tagTeletexString:
		return appendEscaped(text, fromLatin1(value.body))
	case tagBMPString:
		if len(value.body)%2 == 0 {
			return appendEscaped(text, fromUTF16(value.body))
		}
	case tagUniversalString:
		if len(value.body)%4 == 0 {
			return appendEscaped(text, fromUTF32(value.body))
		}
	}
	return appendHex(text, value.raw)
}

// fromLatin1 takes a TeletexString for what it holds in practice: UTF-8 or Latin-1.
func fromLatin1(octets []byte) []byte {
	if utf8.Valid(octets) {
		return octets
	}
	text := make([]byte, 0, 2*len(octets))
	for _, octet := range octets {
		text = utf8.AppendRune(text, rune(octet))
	}
	return text
}

func fromUTF16(octets []byte) []byte {
	units := make([]uint16, len(octets)/2)
	for i := range units {
		units[i] = uint16(octets[2*i])<<8 | uint16(octets[2*i+1])
	}
	return []byte(string(utf16.Decode(units)))
}

func fromUTF32(octets []byte) []byte {
	var text []byte
	for ; len(octets) > 0; octets = octets[4:] {
		r := rune(octets[0])<<24 | rune(octets[1])<<16 | rune(octets[2])<<8 | rune(octets[3])
		text = utf8.AppendRune(text, r)
	}
	return text
}

// appendEscaped appends a value with the escapes of RFC 4514, section 2.4. Octets that are not UTF-8 and characters that
// do not print are written in hexadecimal, as that section allows.
func appendEscaped(text, value []byte) []byte {
	for i := 0; i < len(value); {
		plain := i
		for i < len(value) && isPlain(value[i]) {
			i++
		}
		if text = append(text, value[plain:i]...); i == len(value) {
			break
		}
		r, size := utf8.DecodeRune(value[i:])
		switch {
		case r == utf8.RuneError && size == 1 || !unicode.IsPrint(r):
			for _, octet := range value[i : i+size] {
				text = hex.AppendEncode(append(text, '\\'), []byte{octet})
			}
		case needsBackslash(r, i == 0, i+size == len(value)):
			text = append(text, '\\', byte(r))
		default:
			text = append(text, value[i:i+size]...)
		}
		i += size
	}
	return text
}

// isPlain says whether an octet is a character that is never escaped; the usual ones are enough.
func isPlain(octet byte) bool {
	switch {
	case 'a' <= octet && octet <= 'z', 'A' <= octet && octet <= 'Z', '0' <= octet && octet <= '9':
		return true
	}
	return octet == '-' || octet == '.'
}

func needsBackslash(r rune, first, last bool) bool {
	switch r {
	case '"', '+', ',', ';', '<', '>', '\\':
		return true
	case ' ':
		return first || last
	case '#':
		return first
	}
	return false
}
