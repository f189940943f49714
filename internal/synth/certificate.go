package synth

import (
	"crypto/ecdh"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"math/big"
	"time"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// certificate is a certificate as a record carries it. Its signature is noise: nobody who judges a certificate by its own
// content can check one.
type certificate struct {
	id     certID
	key    keyID
	text   string // base64 of the DER, or what stands in its place
	der    []byte
	sha256 string // of the DER, hex; empty for one that cannot be read
	spki   string
	labels labels // those that hold at any time
	// notAfter decides a certificate that ends in the middle of the scan; 0: none of that kind.
	notAfter int64
}

// judge returns the labels of a certificate in a record of that time, without those of reuse.
func (c *certificate) judge(at int64, timed bool) labels {
	l := c.labels
	if !timed {
		return l &^ (certExpired | certFuture)
	}
	if c.notAfter != 0 && c.notAfter < at {
		l |= certExpired
	}
	return l
}

// digest is how a certificate is signed.
type digest struct {
	oid    string
	params string // after the OID
	weak   bool
}

// derNull is what stands after an algorithm without parameters.
const derNull = "\x05\x00"

// digests lists signature algorithms by the family of the signing key; the first ones are drawn most.
func digests(ec bool) []digest {
	if ec {
		return []digest{{oid: "1.2.840.10045.4.3.2"}, {oid: "1.2.840.10045.4.3.3"}, {oid: "1.2.840.10045.4.1", weak: true}, {oid: "1.3.101.112"}}
	}
	return []digest{
		{oid: "1.2.840.113549.1.1.11", params: derNull},
		{oid: "1.2.840.113549.1.1.13", params: derNull},
		{oid: "1.2.840.113549.1.1.5", params: derNull, weak: true},
		{oid: "1.2.840.113549.1.1.10", params: "\x30\x00", weak: true}, // RSASSA-PSS: SHA-1 by default
		{oid: "1.2.840.113549.1.1.4", params: derNull, weak: true},
	}
}

// validity returns the first and last second of a certificate, and what is wrong with them for a scan that starts at base.
func validity(r *random, base int64) (from, to int64, l labels, midway bool) {
	const day = 86400
	switch kind := r.n(100); {
	case kind < 12: // over before the scan
		to = base - r.n(800*day) - day
		return to - 365*day, to, certExpired, false
	case kind < 15: // begins after the scan
		from = base + 30*day + r.n(100*day)
		return from, from + 365*day, certFuture, false
	case kind < 17: // ends before it begins
		from = base - 100*day
		return from, from - 50*day - r.n(day), certNegative | certExpired, false
	case kind < 24:
		from = base - r.n(900*day)
		return from, from + 30*365*day, certLong, false
	case kind < 26: // RFC 5280: no end
		return base - r.n(900*day), 253402300799, certLong, false
	case kind < 27: // as long as it may be
		from = base - r.n(900*day)
		return from, from + 7305*day, 0, false
	case kind < 30: // ends while the scan runs
		to = base + day + r.n(5*day)
		return to - 365*day, to, 0, true
	}
	return base - r.n(300*day) - day, base + 30*day + r.n(400*day), 0, false
}

// newCertificate makes the certificate of an identity.
func newCertificate(seed uint64, base int64, id certID, key keyID) *certificate {
	r := about(seed, 'C', uint64(id))
	c := &certificate{id: id, key: key}
	if id.malformed() {
		c.text, c.labels = malformed(r), certMalformed
		return c
	}
	spki, ec, keyLabels := newKey(seed, key)
	all := digests(ec)
	sign := all[min(r.n(int64(len(all))), r.n(int64(len(all))))]
	from, to, timeLabels, midway := validity(r, base)
	c.labels = keyLabels | timeLabels
	if sign.weak {
		c.labels |= certHash
	}
	if midway {
		c.notAfter = to
	}
	c.der = encodeCertificate(r, id, sign, from, to, spki)
	c.text = base64.StdEncoding.EncodeToString(c.der)
	c.sha256, c.spki = hexHash(c.der), hexHash(spki)
	return c
}

func hexHash(p []byte) string {
	sum := sha256.Sum256(p)
	return hex.EncodeToString(sum[:])
}

// malformed returns a text that is no certificate to any reader.
func malformed(r *random) string {
	noise := r.octets(make([]byte, 40))
	switch r.n(4) {
	case 0:
		return "not a certificate! " + hex.EncodeToString(noise[:8])
	case 1: // an outer length beyond the end
		noise[0], noise[1], noise[2], noise[3] = 0x30, 0x82, 0x05, 0x00
	case 2: // a sequence that holds only octets
		noise = append([]byte{0x30, 0x0a, 0x04, 0x08}, noise[:8]...)
	default: // no sequence
		noise[0] = 0x04
	}
	return base64.StdEncoding.EncodeToString(noise)
}

// newKey makes a SubjectPublicKeyInfo, says whether it is of the elliptic family, and what is wrong with it.
func newKey(seed uint64, id keyID) (spki []byte, ec bool, l labels) {
	r := about(seed, 'K', uint64(id))
	switch kind := r.n(100); {
	case kind < 55:
		return rsaKey(r, 256, 65537), false, 0
	case kind < 68:
		return rsaKey(r, 128, 65537), false, certShort
	case kind < 70:
		return rsaKey(r, 64, 65537), false, certShort | certEncryption
	case kind < 72:
		return rsaKey(r, 256, 1), false, certEncryption
	case kind < 73:
		return dsaKey(r), false, certEncryption
	case kind < 80:
		return publicKey([]byte{6, 3, 43, 101, 112}, nil, r.octets(make([]byte, 32))), true, 0
	}
	curve := []byte{6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7}
	return publicKey([]byte{6, 7, 0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1}, curve, point(r)), true, 0
}

// point returns a point of P-256.
func point(r *random) []byte {
	for {
		if key, err := ecdh.P256().NewPrivateKey(r.octets(make([]byte, 32))); err == nil {
			return key.PublicKey().Bytes()
		}
	}
}

func rsaKey(r *random, size int, exponent int64) []byte {
	modulus := r.octets(make([]byte, size))
	modulus[0] |= 0x80
	modulus[size-1] |= 1
	var b cryptobyte.Builder
	b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1BigInt(new(big.Int).SetBytes(modulus))
		b.AddASN1Int64(exponent)
	})
	return publicKey([]byte{6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1}, []byte(derNull), b.BytesOrPanic())
}

func dsaKey(r *random) []byte {
	number := func(size int) *big.Int {
		p := r.octets(make([]byte, size))
		p[0] |= 0x80
		return new(big.Int).SetBytes(p)
	}
	var params, key cryptobyte.Builder
	params.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1BigInt(number(256))
		b.AddASN1BigInt(number(32))
		b.AddASN1BigInt(number(255))
	})
	key.AddASN1BigInt(number(255))
	return publicKey([]byte{6, 7, 0x2a, 0x86, 0x48, 0xce, 0x38, 4, 1}, params.BytesOrPanic(), key.BytesOrPanic())
}

// publicKey puts a SubjectPublicKeyInfo together.
func publicKey(algorithm, params, key []byte) []byte {
	var b cryptobyte.Builder
	b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddBytes(algorithm)
			b.AddBytes(params)
		})
		b.AddASN1BitString(key)
	})
	return b.BytesOrPanic()
}

func encodeCertificate(r *random, id certID, sign digest, from, to int64, spki []byte) []byte {
	organisation := pick(r, []string{"Nordwind Automation", "Acme Pumps", "Hydro Nine", "Müller & Söhne", "Example Broker Ltd"})
	subject := name(organisation, fmt.Sprintf("device-%x", uint64(id)))
	issuer := subject
	if r.in(1, 3) {
		issuer = name(organisation, "Issuing CA")
	}
	algorithm := sign.encode()
	var b cryptobyte.Builder
	b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1(asn1.Tag(0).ContextSpecific().Constructed(), func(b *cryptobyte.Builder) { b.AddASN1Int64(2) })
			b.AddASN1Uint64(uint64(id)>>1 | 1)
			b.AddBytes(algorithm)
			b.AddBytes(issuer)
			b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
				addTime(b, from)
				addTime(b, to)
			})
			b.AddBytes(subject)
			b.AddBytes(spki)
		})
		b.AddBytes(algorithm)
		b.AddASN1BitString(r.octets(make([]byte, 64)))
	})
	return b.BytesOrPanic()
}

func (d digest) encode() []byte {
	var b cryptobyte.Builder
	b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1ObjectIdentifier(parseOID(d.oid))
		b.AddBytes([]byte(d.params))
	})
	return b.BytesOrPanic()
}

func parseOID(text string) []int {
	var oid []int
	part := 0
	for _, c := range text + "." {
		if c == '.' {
			oid, part = append(oid, part), 0
			continue
		}
		part = part*10 + int(c-'0')
	}
	return oid
}

// name encodes a distinguished name of an organisation and a common name.
func name(organisation, common string) []byte {
	var b cryptobyte.Builder
	b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		addAttribute(b, []int{2, 5, 4, 10}, organisation)
		addAttribute(b, []int{2, 5, 4, 3}, common)
	})
	return b.BytesOrPanic()
}

func addAttribute(b *cryptobyte.Builder, oid []int, text string) {
	b.AddASN1(asn1.SET, func(b *cryptobyte.Builder) {
		b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1ObjectIdentifier(oid)
			b.AddASN1(asn1.UTF8String, func(b *cryptobyte.Builder) { b.AddBytes([]byte(text)) })
		})
	})
}

// addTime writes UTCTime up to 2049 and GeneralizedTime from then on (RFC 5280, 4.1.2.5).
func addTime(b *cryptobyte.Builder, seconds int64) {
	t := time.Unix(seconds, 0).UTC()
	if t.Year() < 2050 {
		b.AddASN1UTCTime(t)
		return
	}
	b.AddASN1GeneralizedTime(t)
}
