package worker

import (
	"github.com/dice-engine/dice/internal/record"
	"github.com/dice-engine/dice/internal/tape"
	"github.com/dice-engine/dice/reduce"
)

// readCertificates reads the record's certificates. Several texts of one certificate become one.
func (x *mapper) readCertificates(row *record.Row) {
	x.held = x.held[:0]
	for _, text := range row.Certificates {
		x.held = append(x.held, x.reader.read(x.memos.certificates[row.Want], text, x.protocols[row.Want].Chains))
	}
	if len(x.held) < 2 {
		return
	}
	x.ordinals = x.ordinals[:0]
	if clear(x.places); len(x.held) > usualCertificates { // or each record from now on would clear a large map
		defer func() { x.places = map[[32]byte]int{} }()
	}
	kept := 0
	for i, c := range x.held {
		first, known := x.places[c.SHA256]
		if !known {
			first = kept
			x.places[c.SHA256] = first
			x.held[kept], row.Certificates[kept] = c, row.Certificates[i]
			kept++
		}
		x.ordinals = append(x.ordinals, int64(first)+1)
	}
	if kept < len(x.held) {
		x.renumbered = tape.Renumber(x.wants[row.Want].Result, x.renumbered[:0], row.Result, x.ordinals)
		row.Result, row.Certificates, x.held = x.renumbered, row.Certificates[:kept], x.held[:kept]
	}
}

// usualCertificates is up to how many certificates records have in scans.
const usualCertificates = 64

// testify sights the record's certificates with its host. A duplicate is evidence as well.
func (x *mapper) testify(protocol uint8) error {
	if !x.hasIP {
		return nil
	}
	for _, c := range x.held {
		if err := x.evidence(c, protocol); err != nil {
			return err
		}
	}
	return nil
}

// hold enters the record's certificates into the segment, each once, and claims them.
func (x *mapper) hold(row *record.Row, at reduce.Address) error {
	x.out.Certificates = x.out.Certificates[:0]
	for i, c := range x.held {
		x.key = c.appendKey(x.key[:0], row.Certificates[i])
		index, added := x.segment.AddCertificate(row.Want, x.key, c.tape, c.labels)
		if added {
			x.result.Protocols[row.Want].Certificates++
			holder := reduce.Holder{Address: at, Certificate: true}
			holder.Index = index
			if err := x.claim(c, holder); err != nil {
				return err
			}
		}
		x.out.Certificates = append(x.out.Certificates, index)
	}
	return nil
}

func (x *mapper) claim(c *certificate, holder reduce.Holder) error {
	if !c.Readable {
		return nil
	}
	if err := x.sightings.Claim(reduce.Certificate, c.SHA256, holder); err != nil {
		return err
	}
	return x.sightings.Claim(reduce.Key, c.SPKISHA256, holder)
}

func (x *mapper) evidence(c *certificate, protocol uint8) error {
	if !c.Readable {
		return nil
	}
	if err := x.sightings.Evidence(reduce.Certificate, c.SHA256, x.addr, protocol); err != nil {
		return err
	}
	return x.sightings.Evidence(reduce.Key, c.SPKISHA256, x.addr, protocol)
}
