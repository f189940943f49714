// Package protocols says what devices look like: for each protocol which scan records are looked at, what is known of
// the device behind one, and which security issues it shows. It is pure: no I/O, no clock, no state. The same record
// has the same answer for ever, which is what lets the engine ask once per distinct record.
//
// A protocol is one file with one declaration, a [Signature] of two types: the record as the scanner emits it, and the
// fingerprint. [Signature.Protocol] hides the types, so the engine handles every protocol as a function from
// tape to tape (see internal/tape). [All] lists them.
//
// # Adding a protocol
//
// Write protocols/NAME.go in the shape of modbus.go, add it to the list in registry.go and its vectors to
// testdata/conformance. The shared tests then cover it: vectors, labels with and without evidence, truncations, fuzzing.
package protocols

import (
	"fmt"

	"github.com/dice-engine/dice/internal/tape"
)

// Severity says how urgent the issue behind a label is.
type Severity string

// The severities, mildest first.
const (
	Info   Severity = "info"
	Low    Severity = "low"
	Medium Severity = "medium"
	High   Severity = "high"
)

// Label describes one security issue. Identifiers are append-only: people query them.
type Label struct {
	ID        string   `json:"id"` // as it stands in the output; a segment in capitals varies (coap:product:libcoap:YEAR)
	Meaning   string   `json:"meaning"`
	Severity  Severity `json:"severity"`
	Remedy    string   `json:"remedy"`
	Reference string   `json:"reference"`
	Since     string   `json:"since"` // the version of DICE that gave it first
}

// Signature declares a protocol. R is the scanner's result, with those members that the protocol needs and those whose
// types are checked; F is the fingerprint, every field with a doc tag. Both follow the rules of tape.Of.
type Signature[R, F any] struct {
	Name        string   // as in the scanner's "protocol" member
	Title       string   // the protocol's name in prose
	Description string   // what recognition rests on, in a sentence or two
	Criterion   string   // Filter in words
	Evidence    string   // the member whose absence makes Filter drop everything, for a warning
	Ports       []string // usual ports, like 502/tcp
	References  []string // standards, by section where it helps
	Labels      []Label

	// Chains says that a certificate may be followed by its issuers, DER after DER (OPC UA).
	Chains bool
	// Attach says that a record without a certificate may be given one by the side table (XMPP).
	Attach bool

	// Filter says whether a record is looked at. It is never called with a null result.
	Filter func(success bool, r *R) bool
	// Identify tells what is known of the device of a record that passed Filter.
	Identify func(r *R) F
	// Classify gives the labels of a fingerprint, in any order, repeated or not.
	Classify func(f *F) []string
}

// Protocol is a signature with its types hidden. It is safe for concurrent use.
type Protocol struct {
	Name, Title, Description, Criterion, Evidence string

	Ports, References []string
	Labels            []Label
	Chains, Attach    bool

	Input  *tape.Shape // of the scanner's result
	Output *tape.Shape // of the fingerprint

	identify func(success bool, result, dst []byte) ([]byte, []string, bool)
}

// Protocol compiles the signature. It panics on a broken declaration.
func (s Signature[R, F]) Protocol() *Protocol {
	p := &Protocol{
		Name: s.Name, Title: s.Title, Description: s.Description, Criterion: s.Criterion, Evidence: s.Evidence,
		Ports: s.Ports, References: s.References, Labels: s.Labels, Chains: s.Chains, Attach: s.Attach,
		Input: tape.Of[R](), Output: tape.Of[F](),
	}
	p.identify = func(success bool, result, dst []byte) ([]byte, []string, bool) {
		var r R
		if !tape.Decode(p.Input, result, &r) || !s.Filter(success, &r) {
			return dst, nil, false
		}
		f := s.Identify(&r)
		return tape.Append(p.Output, dst, &f), s.Classify(&f), true
	}
	return p
}

// Identify answers for one record: success is whether its status is exactly "success", result its result's tape. It
// appends the fingerprint's tape to dst and returns it with the labels, or says that the record is not kept. A panic of
// the signature is returned as an error that names the protocol; the record is then to be rejected.
func (p *Protocol) Identify(success bool, result, dst []byte) (fingerprint []byte, labels []string, kept bool, err error) {
	defer func() {
		if r := recover(); r != nil {
			fingerprint, labels, kept = dst, nil, false
			err = fmt.Errorf("identify %s: signature panicked: %v", p.Name, r)
		}
	}()
	fingerprint, labels, kept = p.identify(success, result, dst)
	return fingerprint, labels, kept, nil
}
