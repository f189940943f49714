package protocols

import (
	"crypto/sha256"
	"encoding/hex"

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

// FactsOf returns the facts of a certificate from its tape. It panics on other octets, as a [tape.Cursor] does.
func FactsOf(certificate []byte) (f CertificateFacts) {
	c := tape.Cursor{Rest: certificate[1:]}
	for field := c.Byte(); field != tape.End; field = c.Byte() {
		switch field {
		case fieldSHA256:
			decodeHash(&f.SHA256, c.String())
		case fieldSPKISHA256:
			decodeHash(&f.SPKISHA256, c.String())
			f.Readable = true
		case fieldNotBefore:
			f.NotBefore = c.Int()
		case fieldNotAfter:
			f.NotAfter = c.Int()
		default:
			c.Skip(CertificateShape.Root.Fields[field-1])
		}
	}
	return f
}

func decodeHash(sum *[sha256.Size]byte, text []byte) {
	if hex.DecodedLen(len(text)) == len(sum) {
		_, _ = hex.Decode(sum[:], text) // describe wrote it
	}
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
