package protocols

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"slices"

	"github.com/dice-engine/dice/internal/tape"
	"github.com/dice-engine/dice/protocols/internal/x509lite"
)

// Certificate is what is known of an X.509 certificate. Fields that could not be read are nil.
type Certificate struct {
	SHA256             string     `tape:"sha256" doc:"SHA-256 of the DER, lower-case hex; where it is no certificate, of the octets, or of the text if that is not base64"`
	SPKISHA256         *string    `tape:"spki_sha256" doc:"SHA-256 of the SubjectPublicKeyInfo as encoded in the certificate"`
	Subject            *string    `tape:"subject" doc:"subject's distinguished name (RFC 4514)"`
	Issuer             *string    `tape:"issuer" doc:"issuer's distinguished name (RFC 4514)"`
	Serial             *string    `tape:"serial" doc:"serial number, lower-case hex, with a minus sign where negative"`
	NotBefore          *tape.Time `tape:"not_before" doc:"start of validity"`
	NotAfter           *tape.Time `tape:"not_after" doc:"end of validity"`
	SignatureAlgorithm *string    `tape:"signature_algorithm" doc:"signature algorithm, by name or dotted OID"`
	KeyAlgorithm       *string    `tape:"key_algorithm" doc:"RSA, DSA, EC, Ed25519, Ed448, X25519, X448, or the dotted OID"`
	KeyBits            *int64     `tape:"key_bits" doc:"size of the key: RSA and DSA modulus, EC field of a named curve, in bits"`
	SelfSigned         *bool      `tape:"self_signed" doc:"subject and issuer are the same name"`
	CertificateHosts   *int64     `tape:"certificate_hosts" doc:"distinct addresses that hold this certificate in the whole scan; null: no two"`
	KeyHosts           *int64     `tape:"key_hosts" doc:"distinct addresses that hold this key, likewise"`
	Error              *string    `tape:"error" doc:"why the bytes are not a certificate"`
}

// The numbers of the fields of a [Certificate] in a tape.
const (
	fieldSHA256 = 1 + iota
	fieldSPKISHA256
	fieldSubject
	fieldIssuer
	fieldSerial
	fieldNotBefore
	fieldNotAfter
	fieldSignatureAlgorithm
	fieldKeyAlgorithm
	fieldKeyBits
	fieldSelfSigned
	_ // certificate_hosts
	_ // key_hosts
	fieldError
)

// CertificateShape is the shape of a [Certificate].
var CertificateShape = tape.Of[Certificate]()

// CertificateReader reads certificates one after the other. The zero value is ready.
type CertificateReader struct{ der, text []byte }

// usualCertificate is up to how many octets of text a certificate has in scans, with its issuers.
const usualCertificate = 64 << 10

// Append reads the text of a certificate and appends the tape of a [Certificate] to dst: base64 in one line or wrapped, PEM
// with or without its boundaries (also after explanatory text), or the DER itself. chains says that issuers may follow, DER
// after DER (OPC UA); the first certificate is the one that is judged. Its labels are appended to labels, in order, except
// those that depend on time ([CertificateFacts.AppendLabelsAt]) or on other records (certificate:reused,
// certificate:key:reused).
//
// It never fails. What is no certificate has a hash and an error, the label certificate:malformed and nothing else; it
// must not count as anybody's certificate or key. An empty text is no certificate at all and is not to be read.
func (r *CertificateReader) Append(dst []byte, labels []string, text []byte, chains bool) ([]byte, []string, CertificateFacts) {
	if len(text) > usualCertificate {
		r = &CertificateReader{} // such room is not kept
	}
	der, leaf, err := r.parse(text, chains)
	if err != nil {
		facts := CertificateFacts{SHA256: sha256.Sum256(der)}
		dst = appendHash(append(dst, tape.Present), fieldSHA256, &facts.SHA256)
		dst = tape.AppendString(append(dst, fieldError), err.Error())
		return append(dst, tape.End), append(labels, CertificateMalformed), facts
	}
	facts := CertificateFacts{
		SHA256: sha256.Sum256(leaf.Raw), SPKISHA256: sha256.Sum256(leaf.SPKI),
		NotBefore: leaf.NotBefore, NotAfter: leaf.NotAfter, Readable: true,
	}
	return r.describe(dst, &leaf, &facts), appendCertificateLabels(labels, &leaf), facts
}

// ReadCertificate reads one certificate as [CertificateReader.Append] does, into values.
func ReadCertificate(text []byte, chains bool) (c Certificate, facts CertificateFacts, labels []string) {
	var r CertificateReader
	t, labels, facts := r.Append(nil, nil, text, chains)
	tape.Decode(CertificateShape, t, &c)
	return c, facts, labels
}

// parse decodes a text and reads the first certificate, and looks at what follows it. Of a text that holds no octets it
// returns the text itself.
func (r *CertificateReader) parse(text []byte, chains bool) (der []byte, leaf x509lite.Certificate, err error) {
	r.der = slices.Grow(r.der[:0], len(text))
	if der, err = x509lite.Decode(r.der, text); err != nil {
		return text, leaf, err
	}
	leaf, rest, err := x509lite.Parse(der)
	for err == nil && len(rest) > 0 {
		if !chains {
			return der, leaf, errors.New("bytes follow the certificate")
		}
		if _, rest, err = x509lite.Parse(rest); err != nil {
			return der, leaf, errors.New("bytes follow that are not another certificate")
		}
	}
	return der, leaf, err
}

// describe appends the tape of a certificate.
func (r *CertificateReader) describe(dst []byte, c *x509lite.Certificate, facts *CertificateFacts) []byte {
	dst = r.appendNames(facts.AppendHashes(dst), c)
	if len(c.Serial) > 0 {
		r.text = appendInteger(r.text[:0], c.Serial)
		dst = tape.AppendString(append(dst, fieldSerial), r.text)
	}
	dst = tape.AppendInt(append(dst, fieldNotBefore), c.NotBefore)
	dst = tape.AppendInt(append(dst, fieldNotAfter), c.NotAfter)
	if name := c.Signature.Name; name != "" {
		dst = tape.AppendString(append(dst, fieldSignatureAlgorithm), name)
	}
	if name := c.Key.Algorithm; name != "" {
		dst = tape.AppendString(append(dst, fieldKeyAlgorithm), name)
	}
	if bits := c.Key.Bits; bits >= 0 {
		dst = tape.AppendInt(append(dst, fieldKeyBits), int64(bits))
	}
	dst = tape.AppendBool(append(dst, fieldSelfSigned), c.SelfIssued())
	return append(dst, tape.End)
}

func appendHash(dst []byte, field byte, sum *[sha256.Size]byte) []byte {
	var text [2 * sha256.Size]byte
	hex.Encode(text[:], sum[:])
	return tape.AppendString(append(dst, field), text[:])
}

// appendNames appends subject and issuer where they are names.
func (r *CertificateReader) appendNames(dst []byte, c *x509lite.Certificate) []byte {
	var ok bool
	if r.text, ok = x509lite.AppendName(r.text[:0], c.Subject); ok {
		dst = tape.AppendString(append(dst, fieldSubject), r.text)
	}
	if !c.SelfIssued() {
		r.text, ok = x509lite.AppendName(r.text[:0], c.Issuer)
	}
	if ok {
		dst = tape.AppendString(append(dst, fieldIssuer), r.text)
	}
	return dst
}

// appendInteger appends the content of an INTEGER in hexadecimal, without padding octets and with a minus sign where
// negative.
func appendInteger(dst, octets []byte) []byte {
	magnitude := octets
	if octets[0]&0x80 != 0 {
		dst, magnitude = append(dst, '-'), negate(octets)
	}
	for len(magnitude) > 1 && magnitude[0] == 0 {
		magnitude = magnitude[1:]
	}
	return hex.AppendEncode(dst, magnitude)
}

// negate returns the two's complement of an integer.
func negate(octets []byte) []byte {
	negated := make([]byte, len(octets))
	carry := 1
	for i := len(octets) - 1; i >= 0; i-- {
		n := int(^octets[i]) + carry
		negated[i], carry = byte(n), n>>8
	}
	return negated
}
