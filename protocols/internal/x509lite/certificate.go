// Package x509lite reads certificates that strict parsers refuse.
//
// A scan meets certificates with retired curves, negative serial numbers, broken extensions and strings of the wrong
// type. Whether they may be trusted is not the question here; who holds which certificate and key, how long it is valid
// and how it was signed is, and those facts stand at fixed places. So [Parse] walks to them and judges nothing else: it
// does not look at extensions, check signatures or insist on minimal lengths. [Decode] finds the octets in the text
// forms in which certificates travel.
//
// Every function takes time and memory linear in its input, and none panics.
package x509lite

import (
	"bytes"
	"errors"
)

// Certificate holds the facts of one certificate. Slices alias the octets that were parsed.
type Certificate struct {
	Raw       []byte // the whole certificate
	SPKI      []byte // SubjectPublicKeyInfo as encoded
	Issuer    []byte // Name as encoded, see [AppendName]
	Subject   []byte
	Serial    []byte // content of the INTEGER, two's complement; nil where there is none
	NotBefore int64  // microseconds since 1970 UTC
	NotAfter  int64
	Signature Algorithm
	Key       Key
}

// SelfIssued says whether subject and issuer are the same name, octet by octet.
func (c *Certificate) SelfIssued() bool { return bytes.Equal(c.Issuer, c.Subject) }

// What keeps octets from being a certificate.
var (
	ErrSequence = errors.New("no ASN.1 sequence")
	ErrLength   = errors.New("the outer length goes beyond the end")
	ErrNames    = errors.New("names can't be found")
	ErrDates    = errors.New("dates can't be found")
	ErrKey      = errors.New("the key can't be found")
)

// Parse reads the certificate at the front of der and returns the octets that follow it.
func Parse(der []byte) (cert Certificate, rest []byte, err error) {
	c := cursor(der)
	whole, ok := c.next()
	switch {
	case len(der) > 0 && der[0] != tagSequence || len(der) == 0:
		return cert, nil, ErrSequence
	case !ok:
		return cert, nil, ErrLength
	}
	cert.Raw = whole.raw
	outer := cursor(whole.body)
	tbs, ok := outer.expect(tagSequence)
	if !ok {
		return cert, c, ErrNames
	}
	inner, err := cert.readBody(tbs.body)
	if err != nil {
		return cert, c, err
	}
	if algorithm, ok := outer.expect(tagSequence); ok {
		inner = algorithm
	}
	cert.Signature = readSignature(inner.body)
	return cert, c, nil
}

// readBody reads a TBSCertificate up to the key and returns its signature algorithm.
func (cert *Certificate) readBody(tbs []byte) (algorithm element, err error) {
	c := cursor(tbs)
	c.skipVersion()
	if serial, ok := c.optional(tagInteger); ok {
		cert.Serial = serial.body
	}
	algorithm, ok := c.expect(tagSequence)
	if !ok {
		return algorithm, ErrNames
	}
	issuer, ok := c.expect(tagSequence)
	if !ok {
		return algorithm, ErrNames
	}
	validity, ok := c.expect(tagSequence)
	if !ok || !cert.readValidity(validity.body) {
		return algorithm, ErrDates
	}
	subject, ok := c.expect(tagSequence)
	if !ok {
		return algorithm, ErrNames
	}
	cert.Issuer, cert.Subject = issuer.raw, subject.raw
	spki, ok := c.expect(tagSequence)
	if !ok {
		return algorithm, ErrKey
	}
	cert.SPKI = spki.raw
	if cert.Key, ok = readKey(spki.body); !ok {
		return algorithm, ErrKey
	}
	return algorithm, nil
}

// skipVersion passes over the version. The INTEGER in it counts, not the length around it: some readers never look at that.
func (c *cursor) skipVersion() {
	if b := *c; len(b) > 2 && b[0] == tagVersion && b[1] < 0x80 && b[2] == tagInteger {
		*c = b[2:]
		c.next()
		return
	}
	c.optional(tagVersion)
}

func (cert *Certificate) readValidity(body []byte) bool {
	c := cursor(body)
	before, ok := c.next()
	if !ok {
		return false
	}
	after, ok := c.next()
	if !ok {
		return false
	}
	if cert.NotBefore, ok = readTime(before); !ok {
		return false
	}
	cert.NotAfter, ok = readTime(after)
	return ok
}
