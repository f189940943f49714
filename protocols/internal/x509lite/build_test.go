package x509lite

import (
	"bytes"
	"encoding/asn1"
	"strconv"
	"strings"
	"testing"
)

// tlv encodes one ASN.1 value from the encodings of its parts.
func tlv(tag byte, parts ...[]byte) []byte {
	body := bytes.Join(parts, nil)
	if len(body) < 0x80 {
		return append([]byte{tag, byte(len(body))}, body...)
	}
	return append([]byte{tag, 0x82, byte(len(body) >> 8), byte(len(body))}, body...)
}

func seq(parts ...[]byte) []byte { return tlv(tagSequence, parts...) }

// oid encodes a dotted object identifier.
func oid(t testing.TB, dotted string) []byte {
	t.Helper()
	var id asn1.ObjectIdentifier
	for arc := range strings.SplitSeq(dotted, ".") {
		n, err := strconv.Atoi(arc)
		if err != nil {
			t.Fatal(err)
		}
		id = append(id, n)
	}
	der, err := asn1.Marshal(id)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

// attribute encodes a relative distinguished name of one attribute.
func attribute(t testing.TB, kind string, tag byte, value string) []byte {
	return tlv(tagSet, seq(oid(t, kind), tlv(tag, []byte(value))))
}

// parts of a certificate, each replaceable.
type parts struct{ serial, algorithm, issuer, validity, subject, spki, rest []byte }

// plain returns the parts of a certificate with nothing odd about it.
func plain(t testing.TB) parts {
	t.Helper()
	rsa := seq(tlv(tagInteger, []byte{0, 0x80}, make([]byte, 255)), tlv(tagInteger, []byte{1, 0, 1}))
	return parts{
		serial:    tlv(tagInteger, []byte{1}),
		algorithm: seq(oid(t, "1.2.840.113549.1.1.11"), tlv(tagNull)),
		issuer:    seq(attribute(t, "2.5.4.3", tagUTF8String, "a")),
		validity:  seq(tlv(tagUTCTime, []byte("240101000000Z")), tlv(tagUTCTime, []byte("250101000000Z"))),
		subject:   seq(attribute(t, "2.5.4.3", tagUTF8String, "b")),
		spki:      seq(seq(oid(t, "1.2.840.113549.1.1.1"), tlv(tagNull)), tlv(tagBitString, []byte{0}, rsa)),
	}
}

func (p parts) encode() []byte {
	tbs := seq(tlv(tagVersion, tlv(tagInteger, []byte{2})), p.serial, p.algorithm, p.issuer, p.validity, p.subject, p.spki, p.rest)
	return seq(tbs, p.algorithm, tlv(tagBitString, []byte{0, 1, 2, 3}))
}
