package synth

import (
	"bytes"
	"encoding/base64"
	"fmt"

	"github.com/dice-engine/dice/internal/tape"
	"github.com/dice-engine/dice/internal/zgrab2"
)

// device is a result that many hosts may give: its JSON and its tape, cut where a host's certificates go in.
type device struct {
	json, tape [][]byte
	slots      []slot // between the parts; the same for both
	labels     labels
}

// slot is where a certificate goes in: the n-th of the record, alone or followed by its issuer.
type slot struct {
	n     int
	chain bool
}

// text returns what stands in a record for the slot, to be recognised and cut out.
func (s slot) text() string { return fmt.Sprintf("@certificate %d %t@", s.n, s.chain) }

// slots lists all slots that a result may have.
func slots() []slot { return []slot{{0, false}, {0, true}, {1, false}, {1, true}} }

// maker makes one result. Its words carry the variant's number, so that no two results are equal.
type maker struct {
	*random
	variant uint64
	traits  traits
	class   class
}

func (m *maker) tag() string { return fmt.Sprintf("%x", m.variant) }

// newDevice makes the result that a fact stands for.
func newDevice(seed uint64, shapes []zgrab2.Result, f fact) *device {
	m := &maker{random: about(seed, 'V', uint64(f.protocol), uint64(f.class), f.variant), variant: f.variant, class: f.class}
	m.traits = traitsOf(seed, f)
	shape := shapes[f.protocol].Shape
	var whole []byte
	d := &device{}
	switch shapes[f.protocol].Protocol {
	case "bacnet":
		whole, d.labels = encode(shape, m, bacnet)
	case "coap":
		whole, d.labels = encode(shape, m, coap)
	case "dnp3":
		whole, d.labels = encode(shape, m, dnp3)
	case "modbus":
		whole, d.labels = encode(shape, m, modbus)
	case "mqtt":
		whole, d.labels = encode(shape, m, mqtt)
	case "opcua":
		whole, d.labels = encode(shape, m, opcua)
	case "rtps":
		whole, d.labels = encode(shape, m, rtps)
	case "xmpp":
		whole, d.labels = encode(shape, m, xmpp)
	}
	if f.class != kept {
		d.labels = 0
	}
	d.tape, d.slots = cut(whole, func(text string) []byte { return tape.AppendString(nil, text) })
	d.json, _ = cut(tape.AppendJSON(shape, nil, whole), func(text string) []byte { return []byte(`"` + text + `"`) })
	return d
}

func encode[R any](shape *tape.Shape, m *maker, make func(*maker) (*R, labels)) ([]byte, labels) {
	result, l := make(m)
	return tape.Append(shape, nil, result), l
}

// cut divides a result at its slots, whose form encode gives.
func cut(whole []byte, encode func(text string) []byte) (parts [][]byte, found []slot) {
	for {
		at, which, length := len(whole), slot{}, 0
		for _, s := range slots() {
			form := encode(s.text())
			if i := bytes.Index(whole, form); i >= 0 && i < at {
				at, which, length = i, s, len(form)
			}
		}
		parts = append(parts, whole[:at:at])
		if length == 0 {
			return parts, found
		}
		found = append(found, which)
		whole = whole[at+length:]
	}
}

// fill puts the host's certificates in and appends the result as JSON or as a tape.
func (d *device) fill(dst []byte, asJSON bool, certificates []*certificate, issuer []byte) []byte {
	parts := d.tape
	if asJSON {
		parts = d.json
	}
	for i, part := range parts {
		dst = append(dst, part...)
		if i == len(d.slots) {
			continue
		}
		text := d.slots[i].fill(certificates, issuer)
		if asJSON {
			dst = append(append(append(dst, '"'), text...), '"') // base64, or words without quotes
			continue
		}
		dst = tape.AppendString(dst, text)
	}
	return dst
}

func (s slot) fill(certificates []*certificate, issuer []byte) string {
	if s.n >= len(certificates) {
		return ""
	}
	c := certificates[s.n]
	if !s.chain || c.der == nil {
		return c.text
	}
	return base64.StdEncoding.EncodeToString(append(c.der[:len(c.der):len(c.der)], issuer...))
}

func ref[T any](v T) *T { return &v }

func b64(p []byte) string { return base64.StdEncoding.EncodeToString(p) }
