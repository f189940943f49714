package x509lite

import (
	"bytes"
	"encoding/base64"
	"errors"
)

// What keeps a text from holding octets at all.
var (
	ErrBase64 = errors.New("not base64")
	ErrPEM    = errors.New("PEM without a certificate")
)

// Decode returns the octets of a certificate's text: base64 in one line or wrapped (CR and LF are skipped, nothing else
// is, and the padding must be there), PEM with or without its boundaries and after any explanatory text (RFC 7468), or
// the octets themselves. Of several PEM blocks the first certificate counts. The octets stand in text, or in buffer where
// there is room for as many as text has.
func Decode(buffer, text []byte) ([]byte, error) {
	if len(text) > 1 && text[0] == tagSequence && text[1] >= 0x80 {
		return text, nil
	}
	body, err := bodyOf(text)
	if err != nil {
		return nil, err
	}
	octets, err := base64.StdEncoding.AppendDecode(buffer[:0], body)
	if err == nil {
		return octets, nil
	}
	if text[0] == tagSequence {
		return text, nil
	}
	return nil, ErrBase64
}

var (
	beginMark = []byte("-----BEGIN ")
	endMark   = []byte("-----END ")
	dashes    = []byte("-----")
)

// bodyOf returns what stands between the boundaries of the first certificate, or everything where there are none.
func bodyOf(text []byte) ([]byte, error) {
	if bytes.IndexByte(text, '-') < 0 {
		return text, nil
	}
	body, found := afterBegin(text)
	if !found && bytes.Contains(text, beginMark) {
		return nil, ErrPEM
	}
	if end := bytes.Index(body, endMark); end >= 0 {
		body = body[:end]
	}
	if found && bytes.ContainsAny(body, " \t\v\f") {
		body = bytes.Join(bytes.FieldsFunc(body, isSpace), nil)
	}
	return body, nil
}

// afterBegin returns what follows the first boundary that begins a certificate, or else the whole text.
func afterBegin(text []byte) (body []byte, found bool) {
	for rest := text; ; {
		_, after, ok := bytes.Cut(rest, beginMark)
		if !ok {
			return text, false
		}
		label, body, ok := bytes.Cut(after, dashes)
		if ok && bytes.HasSuffix(label, []byte("CERTIFICATE")) && !bytes.ContainsAny(label, "\r\n") {
			return body, true
		}
		rest = after
	}
}

func isSpace(r rune) bool { return r == ' ' || '\t' <= r && r <= '\r' }
