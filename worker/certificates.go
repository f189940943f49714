package worker

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"

	"github.com/dice-engine/dice/internal/tape"
	"github.com/dice-engine/dice/internal/words"
	"github.com/dice-engine/dice/protocols"
)

// certificate is what a worker remembers of a certificate's text.
type certificate struct {
	protocols.CertificateFacts
	tape   []byte
	labels string // those that do not depend on time
}

// certificateReader reads certificates and remembers them by their text.
type certificateReader struct {
	reader protocols.CertificateReader
	tape   []byte
	labels []string
}

// read reads a certificate's text, unless known remembers it.
func (r *certificateReader) read(known *memo[*certificate], text []byte, chains bool) *certificate {
	key := words.Hash(text)
	if c, ok := known.get(key); ok {
		return c
	}
	c := &certificate{}
	r.tape, r.labels, c.CertificateFacts = r.reader.Append(r.tape[:0], r.labels[:0], text, chains)
	c.tape, c.labels = bytes.Clone(r.tape), joinLabels(r.labels...)
	if cap(r.tape) > memorable {
		r.tape = nil
	}
	known.put(key, c, len(c.tape)+certificateOverhead)
	return c
}

// certificateOverhead is what a certificate costs beside its text and its tape, roughly.
const certificateOverhead = 256

// appendKey appends what stands for all that is known of the certificate of a text.
func (c *certificate) appendKey(dst, text []byte) []byte {
	if c.Readable {
		return append(append(dst, 1), c.SHA256[:]...)
	}
	return append(append(dst, 0), text...) // why it cannot be read depends on the text
}

// appendLabelsAt appends the labels that depend on when the certificate was seen.
func (c *certificate) appendLabelsAt(labels []string, time int64, hasTime bool) []string {
	if !hasTime {
		return labels
	}
	return c.AppendLabelsAt(labels, time)
}

// Layout of the form in which a side table's certificate travels to the record that it is attached to: 1, its hashes (32 each),
// the times of its validity (8 each), its tape without the hashes, its labels; or of what cannot be read 0, its tape, its
// labels. The tape is preceded by its length.
const (
	payloadHashes = 1
	payloadTimes  = payloadHashes + 2*sha256.Size
	payloadTape   = payloadTimes + 8 + 8
)

var errPayload = errors.New("read attached certificate: damaged payload")

// appendPayload appends that form.
func (c *certificate) appendPayload(dst []byte) []byte {
	t := c.tape
	if c.Readable {
		dst = append(append(append(dst, 1), c.SHA256[:]...), c.SPKISHA256[:]...)
		dst = binary.BigEndian.AppendUint64(dst, uint64(c.NotBefore))
		dst = binary.BigEndian.AppendUint64(dst, uint64(c.NotAfter))
		t = t[hashesOctets:]
	} else {
		dst = append(dst, 0)
	}
	return append(tape.AppendString(dst, t), c.labels...)
}

// hashesOctets is how much of a tape the hashes take up.
var hashesOctets = len(new(protocols.CertificateFacts).AppendHashes(nil))

// payloadFacts reads what a payload says of reuse and validity, and returns the rest of it. A certificate that cannot be read
// takes part in neither, and has no facts.
func payloadFacts(p []byte) (f protocols.CertificateFacts, rest []byte, err error) {
	switch {
	case len(p) >= payloadTape && p[0] == 1:
		f.SHA256, f.SPKISHA256 = [sha256.Size]byte(p[payloadHashes:]), [sha256.Size]byte(p[payloadHashes+sha256.Size:])
		f.NotBefore = int64(binary.BigEndian.Uint64(p[payloadTimes:]))
		f.NotAfter = int64(binary.BigEndian.Uint64(p[payloadTimes+8:]))
		f.Readable = true
		return f, p[payloadTape:], nil
	case len(p) > 0 && p[0] == 0:
		return f, p[1:], nil
	}
	return f, nil, errPayload
}

// setPayload undoes appendPayload.
func (c *certificate) setPayload(p []byte) error {
	facts, rest, err := payloadFacts(p)
	if err != nil {
		return err
	}
	size, n := binary.Uvarint(rest)
	if n <= 0 || size == 0 || size > uint64(len(rest)-n) {
		return errPayload
	}
	c.CertificateFacts, c.tape = facts, c.tape[:0]
	if facts.Readable {
		c.tape = facts.AppendHashes(c.tape)
	}
	c.tape = append(c.tape, rest[n:n+int(size)]...)
	if labels := rest[n+int(size):]; string(labels) != c.labels {
		c.labels = string(labels)
	}
	return nil
}
