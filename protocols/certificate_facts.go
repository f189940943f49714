package protocols

import (
	"crypto/sha256"

	"github.com/dice-engine/dice/internal/tape"
)

// CertificateFacts is what decides on reuse and on the labels that depend on time.
type CertificateFacts struct {
	SHA256     [sha256.Size]byte // as in [Certificate]
	SPKISHA256 [sha256.Size]byte
	NotBefore  int64 // microseconds since 1970 UTC
	NotAfter   int64
	Readable   bool // it is a certificate; else nothing but SHA256 is known
}

// AppendHashes appends what the tape of a certificate that can be read begins with: the fields of its hashes.
func (f *CertificateFacts) AppendHashes(dst []byte) []byte {
	dst = appendHash(append(dst, tape.Present), fieldSHA256, &f.SHA256)
	return appendHash(dst, fieldSPKISHA256, &f.SPKISHA256)
}

// AppendLabelsAt appends the labels that depend on the time of the record, in microseconds since 1970, in order. A record
// without a readable time has none of them.
func (f *CertificateFacts) AppendLabelsAt(labels []string, unixMicro int64) []string {
	if f.Readable && f.NotAfter < unixMicro {
		labels = append(labels, CertificateExpired)
	}
	if f.Readable && f.NotBefore > unixMicro {
		labels = append(labels, CertificateFuture)
	}
	return labels
}
