package protocols

import (
	"github.com/dice-engine/dice/protocols/internal/x509lite"
)

// The labels of certificates.
const (
	CertificateEncryptionWeak = "certificate:encryption:weak"
	CertificateHashWeak       = "certificate:hash:weak"
	CertificateKeyReused      = "certificate:key:reused"
	CertificateKeyShort       = "certificate:key:short"
	CertificateMalformed      = "certificate:malformed"
	CertificateReused         = "certificate:reused"
	CertificateExpired        = "certificate:validity:expired"
	CertificateFuture         = "certificate:validity:future"
	CertificateLongLasting    = "certificate:validity:long-lasting"
	CertificateNegative       = "certificate:validity:negative"
)

// longestValidity is 20 years of 365.25 days, in microseconds.
const longestValidity = 20 * 36525 / 100 * 24 * 60 * 60 * 1_000_000

// appendCertificateLabels appends the labels that follow from the certificate alone, in order.
func appendCertificateLabels(labels []string, c *x509lite.Certificate) []string {
	add := func(given bool, label string) {
		if given {
			labels = append(labels, label)
		}
	}
	add(weakEncryption(&c.Key), CertificateEncryptionWeak)
	add(weakDigest(c.Signature.Digest), CertificateHashWeak)
	add(shortKey(&c.Key), CertificateKeyShort)
	add(c.NotAfter-c.NotBefore > longestValidity, CertificateLongLasting)
	add(c.NotAfter <= c.NotBefore, CertificateNegative)
	return labels
}

func weakDigest(name string) bool {
	switch name {
	case "MD2", "MD4", "MD5", "SHA-1":
		return true
	}
	return false
}

func weakEncryption(k *x509lite.Key) bool {
	switch k.Algorithm {
	case "DSA":
		return true
	case "RSA":
		return k.BadExponent || k.Bits >= 0 && k.Bits < 1024
	}
	return false
}

func shortKey(k *x509lite.Key) bool {
	switch k.Algorithm {
	case "RSA", "DSA":
		return k.Bits >= 0 && k.Bits < 2048
	case "EC":
		return k.Bits >= 0 && k.Bits < 224
	}
	return false
}

// CertificateLabels lists the labels of certificates, which any protocol that carries or is given one can have.
func CertificateLabels() []Label {
	return []Label{
		{
			ID:       CertificateEncryptionWeak,
			Meaning:  "The certificate's key is of a withdrawn or trivially broken kind: DSA, an RSA modulus below 1024 bits, or an RSA exponent that is even or below 3.",
			Severity: High, Since: "0.1",
			Remedy:    "Replace the key with RSA of at least 2048 bits and exponent 65537, an EC key on P-256 or better, or Ed25519, and the certificate with it.",
			Reference: "FIPS 186-5; NIST SP 800-131A r2",
		},
		{
			ID:       CertificateHashWeak,
			Meaning:  "The certificate is signed over an MD2, MD4, MD5 or SHA-1 digest, for which collisions can be made.",
			Severity: Medium, Since: "0.1",
			Remedy:    "Have the certificate issued anew with SHA-256 or better.",
			Reference: "NIST SP 800-131A r2, section 9; RFC 6151; RFC 4055, section 3.1",
		},
		{
			ID:       CertificateKeyReused,
			Meaning:  "The same public key is served from several addresses: whoever takes one device's private key can pose as all of them.",
			Severity: High, Since: "0.1",
			Remedy:    "Give every device a key of its own; ask the vendor whether the key is built into the firmware.",
			Reference: "CWE-321",
		},
		{
			ID:       CertificateKeyShort,
			Meaning:  "The certificate's key has less than 112 bits of security: RSA or DSA below 2048 bits, EC below 224.",
			Severity: High, Since: "0.1",
			Remedy:    "Replace the key with RSA of at least 2048 bits, an EC key on P-256 or better, or Ed25519, and the certificate with it.",
			Reference: "NIST SP 800-57 part 1 r5, table 2; NIST SP 800-131A r2",
		},
		{
			ID:       CertificateMalformed,
			Meaning:  "The host presents bytes for a certificate that are none, even for a lenient reader.",
			Severity: Low, Since: "0.1",
			Remedy:    "Install a well-formed certificate; if the device made it, ask the vendor for a fix.",
			Reference: "RFC 5280, section 4.1",
		},
		{
			ID:       CertificateReused,
			Meaning:  "The same certificate is served from several addresses, so the devices share a private key.",
			Severity: Medium, Since: "0.1",
			Remedy:    "Give every device a key and a certificate of its own, unless the addresses are one service.",
			Reference: "CWE-321",
		},
		{
			ID:       CertificateExpired,
			Meaning:  "The certificate's validity had ended when the host was scanned.",
			Severity: Medium, Since: "0.1",
			Remedy:    "Renew the certificate and automate its renewal.",
			Reference: "RFC 5280, section 4.1.2.5",
		},
		{
			ID:       CertificateFuture,
			Meaning:  "The certificate's validity had not begun when the host was scanned.",
			Severity: Low, Since: "0.1",
			Remedy:    "Set the clock of the device that issues the certificates, then have the certificate issued anew.",
			Reference: "RFC 5280, section 4.1.2.5",
		},
		{
			ID:       CertificateLongLasting,
			Meaning:  "The certificate is valid for more than 20 years, longer than its key can be expected to hold.",
			Severity: Low, Since: "0.1",
			Remedy:    "Issue certificates for at most a few years and renew them.",
			Reference: "NIST SP 800-57 part 1 r5, section 5.3",
		},
		{
			ID:       CertificateNegative,
			Meaning:  "The certificate's validity ends when it begins, or before.",
			Severity: Medium, Since: "0.1",
			Remedy:    "Correct what issues the certificates, then have the certificate issued anew.",
			Reference: "RFC 5280, section 4.1.2.5",
		},
	}
}
