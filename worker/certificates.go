package worker

import (
	"bytes"
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

// appendPayload appends the form in which a side table's certificate travels to the record that it is attached to.
func (c *certificate) appendPayload(dst []byte) []byte {
	dst = tape.AppendString(dst, c.tape)
	return append(dst, c.labels...)
}

// fromPayload undoes appendPayload.
func fromPayload(p []byte) (*certificate, error) {
	size, n := binary.Uvarint(p)
	if n <= 0 || size == 0 || size > uint64(len(p)-n) {
		return nil, errors.New("read attached certificate: damaged payload")
	}
	t := p[n : n+int(size)]
	return &certificate{CertificateFacts: protocols.FactsOf(t), tape: t, labels: string(p[n+int(size):])}, nil
}
