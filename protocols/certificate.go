package protocols

import "github.com/dice-engine/dice/internal/tape"

// Certificate is what is known of an X.509 certificate. Fields that could not be read are nil.
type Certificate struct {
	SHA256             string     `tape:"sha256" doc:"SHA-256 of the DER, lower-case hex; of the bytes as they came where they are no certificate"`
	SPKISHA256         *string    `tape:"spki_sha256" doc:"SHA-256 of the SubjectPublicKeyInfo as encoded in the certificate"`
	Subject            *string    `tape:"subject" doc:"subject's distinguished name (RFC 4514)"`
	Issuer             *string    `tape:"issuer" doc:"issuer's distinguished name (RFC 4514)"`
	Serial             *string    `tape:"serial" doc:"serial number, lower-case hex, with a minus sign where negative"`
	NotBefore          *tape.Time `tape:"not_before" doc:"start of validity"`
	NotAfter           *tape.Time `tape:"not_after" doc:"end of validity"`
	SignatureAlgorithm *string    `tape:"signature_algorithm" doc:"signature algorithm, by name or dotted OID"`
	KeyAlgorithm       *string    `tape:"key_algorithm" doc:"RSA, DSA, EC, Ed25519, Ed448, X25519, X448, or the dotted OID"`
	KeyBits            *int64     `tape:"key_bits" doc:"size of the key: RSA and DSA modulus, EC field, in bits"`
	SelfSigned         *bool      `tape:"self_signed" doc:"subject and issuer are the same name"`
	Error              *string    `tape:"error" doc:"why the bytes are not a certificate"`
}
