package protocols

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"

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
	CertificateHosts   *int64     `tape:"certificate_hosts" doc:"distinct addresses that hold this certificate in the whole scan; null: this one alone"`
	KeyHosts           *int64     `tape:"key_hosts" doc:"distinct addresses that hold this key, likewise"`
	Error              *string    `tape:"error" doc:"why the bytes are not a certificate"`
}

// ReadCertificate reads the text of a certificate: base64 in one line or wrapped, PEM with or without its boundaries
// (also after explanatory text), or the DER itself. chains says that issuers may follow, DER after DER (OPC UA); the
// first certificate is the one that is judged. It returns what is known of it and its labels in order, except those that
// depend on time ([Certificate.LabelsAt]) or on other records (certificate:reused, certificate:key:reused).
//
// It never fails. What is no certificate has a hash and an Error, the label certificate:malformed and nothing else; it
// must not count as anybody's certificate or key. An empty text is no certificate at all and is not to be read.
func ReadCertificate(text []byte, chains bool) (Certificate, []string) {
	der, err := x509lite.Decode(text)
	if err != nil {
		return malformed(text, err)
	}
	leaf, rest, err := x509lite.Parse(der)
	if err != nil {
		return malformed(der, err)
	}
	for len(rest) > 0 {
		if !chains {
			return malformed(der, errors.New("bytes follow the certificate"))
		}
		if _, rest, err = x509lite.Parse(rest); err != nil {
			return malformed(der, errors.New("bytes follow that are not another certificate"))
		}
	}
	return describe(&leaf), certificateLabels(&leaf)
}

func malformed(octets []byte, err error) (Certificate, []string) {
	message := err.Error()
	return Certificate{SHA256: hexSHA256(octets), Error: &message}, []string{CertificateMalformed}
}

// describe turns the facts of a certificate into the form of the output.
func describe(c *x509lite.Certificate) Certificate {
	facts := &struct {
		spki, issuer, subject, serial   string
		before, after                   tape.Time
		signature, algorithm            string
		bits                            int64
		selfSigned, issuerOK, subjectOK bool
	}{
		spki: hexSHA256(c.SPKI), serial: hexInteger(c.Serial),
		before: tape.Time(c.NotBefore), after: tape.Time(c.NotAfter),
		signature: c.Signature.Name, algorithm: c.Key.Algorithm, bits: int64(c.Key.Bits),
		selfSigned: c.SelfIssued(),
	}
	facts.subject, facts.subjectOK = x509lite.FormatName(c.Subject)
	facts.issuer, facts.issuerOK = facts.subject, facts.subjectOK
	if !facts.selfSigned {
		facts.issuer, facts.issuerOK = x509lite.FormatName(c.Issuer)
	}
	return Certificate{
		SHA256:             hexSHA256(c.Raw),
		SPKISHA256:         &facts.spki,
		Subject:            known(&facts.subject, facts.subjectOK),
		Issuer:             known(&facts.issuer, facts.issuerOK),
		Serial:             known(&facts.serial, facts.serial != ""),
		NotBefore:          &facts.before,
		NotAfter:           &facts.after,
		SignatureAlgorithm: known(&facts.signature, facts.signature != ""),
		KeyAlgorithm:       known(&facts.algorithm, facts.algorithm != ""),
		KeyBits:            known(&facts.bits, facts.bits >= 0),
		SelfSigned:         &facts.selfSigned,
	}
}

func known[T any](v *T, ok bool) *T {
	if ok {
		return v
	}
	return nil
}

func hexSHA256(octets []byte) string {
	sum := sha256.Sum256(octets)
	var text [2 * sha256.Size]byte
	hex.Encode(text[:], sum[:])
	return string(text[:])
}

// hexInteger writes the content of an INTEGER in hexadecimal, without padding octets and with a minus sign where negative.
func hexInteger(octets []byte) string {
	if len(octets) == 0 {
		return ""
	}
	magnitude, sign := octets, ""
	if octets[0]&0x80 != 0 {
		magnitude, sign = negate(octets), "-"
	}
	for len(magnitude) > 1 && magnitude[0] == 0 {
		magnitude = magnitude[1:]
	}
	return sign + hex.EncodeToString(magnitude)
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
