package worker

import (
	"encoding/binary"
	"encoding/hex"
	"errors"

	"github.com/dice-engine/dice/internal/tape"
	"github.com/dice-engine/dice/protocols"
)

// certificate is what a worker remembers of a certificate's text.
type certificate struct {
	parsed protocols.Certificate
	tape   []byte // of parsed
	labels string // those that do not depend on time
	sha    [32]byte
	spki   [32]byte
	valid  bool // it was read, and takes part in reuse
}

// certificateShape is compiled once; it does not change.
var certificateShape = tape.Of[protocols.Certificate]()

func readCertificate(text []byte, chains bool) *certificate {
	parsed, labels := protocols.ReadCertificate(text, chains)
	c := &certificate{parsed: parsed, labels: joinLabels(labels...)}
	c.tape = tape.Append(certificateShape, nil, &c.parsed)
	c.setHashes()
	return c
}

// setHashes fills what follows from parsed.
func (c *certificate) setHashes() {
	if c.parsed.Error != nil || c.parsed.SPKISHA256 == nil {
		return
	}
	_, err1 := hex.Decode(c.sha[:], []byte(c.parsed.SHA256))
	_, err2 := hex.Decode(c.spki[:], []byte(*c.parsed.SPKISHA256))
	c.valid = err1 == nil && err2 == nil
}

// labelsAt returns the labels that depend on when the certificate was seen.
func (c *certificate) labelsAt(time int64, hasTime bool) []string {
	if !hasTime {
		return nil
	}
	return c.parsed.LabelsAt(time)
}

// payload is the form in which a side table's certificate travels to the record that it is attached to.
func (c *certificate) payload() []byte {
	p := binary.AppendUvarint(nil, uint64(len(c.tape)))
	p = append(p, c.tape...)
	return append(p, c.labels...)
}

// fromPayload undoes payload.
func fromPayload(p []byte) (*certificate, error) {
	size, n := binary.Uvarint(p)
	if n <= 0 || size > uint64(len(p)-n) {
		return nil, errors.New("read attached certificate: damaged payload")
	}
	return fromTape(p[n:n+int(size)], string(p[n+int(size):])), nil
}

// fromTape makes a certificate of its tape and its label set.
func fromTape(t []byte, labels string) *certificate {
	c := &certificate{tape: t, labels: labels}
	tape.Decode(certificateShape, t, &c.parsed)
	c.setHashes()
	return c
}
