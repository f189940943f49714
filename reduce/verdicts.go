package reduce

import (
	"encoding/binary"
	"fmt"
	"io"

	"github.com/dice-engine/dice/internal/run"
	"github.com/dice-engine/dice/shard"
)

// Spaces of addresses.
const (
	spaceRecords      byte = 0
	spaceCertificates byte = 1
	spaces                 = 2
)

// VerdictKind is what a verdict says.
type VerdictKind uint8

// The kinds of verdicts.
const (
	Duplicate        VerdictKind = 1 // the record repeats an earlier one
	Attach           VerdictKind = 2 // the record is given Payload
	CertificateHosts VerdictKind = 3 // Hosts hold the certificate: that at the address, or that attached to the record there
	KeyHosts         VerdictKind = 4 // Hosts hold its key
)

// Verdict is an answer to one record or certificate.
type Verdict struct {
	Address
	Certificate bool // Index is a certificate's; else a record's
	Kind        VerdictKind
	Hosts       uint32
	Payload     []byte // valid until the next verdict is read
}

// Layout of a verdict: protocol, space, shard (4), index (4), kind, hosts (4), payload.
const verdictSize = 1 + 1 + 4 + 4 + 1 + 4

func (v Verdict) append(dst []byte) []byte {
	space := spaceRecords
	if v.Certificate {
		space = spaceCertificates
	}
	dst = append(dst, v.Protocol, space)
	dst = binary.BigEndian.AppendUint32(dst, v.Shard)
	dst = binary.BigEndian.AppendUint32(dst, v.Index)
	dst = append(dst, byte(v.Kind))
	dst = binary.BigEndian.AppendUint32(dst, v.Hosts)
	return append(dst, v.Payload...)
}

func readVerdict(rec []byte) (Verdict, error) {
	if len(rec) < verdictSize || rec[1] >= spaces {
		return Verdict{}, fmt.Errorf("read verdict: %w", run.ErrCorrupt)
	}
	return Verdict{
		Address: Address{
			Protocol: rec[0], Shard: binary.BigEndian.Uint32(rec[2:]), Index: binary.BigEndian.Uint32(rec[6:]),
		},
		Certificate: rec[1] == spaceCertificates,
		Kind:        VerdictKind(rec[10]),
		Hosts:       binary.BigEndian.Uint32(rec[11:]),
		Payload:     rec[verdictSize:],
	}, nil
}

// Verdicts collects the verdicts of one resolve task. It is used by one goroutine.
type Verdicts struct {
	sorter *run.Sorter
	buf    []byte
}

// NewVerdicts returns an empty collection that uses about budget octets of memory and the folder scratch.
func NewVerdicts(budget int, scratch string) *Verdicts {
	return &Verdicts{sorter: run.NewSorter(budget, scratch)}
}

// Close frees memory and files.
func (v *Verdicts) Close() error { return v.sorter.Close() }

// Add adds a verdict.
func (v *Verdicts) Add(verdict Verdict) error {
	v.buf = verdict.append(v.buf[:0])
	return v.sorter.Add(v.buf)
}

// Range is the part of a job that one write task handles: shards [From, To) of a protocol.
type Range struct {
	Protocol uint8
	From, To uint32
}

// Store writes all verdicts by address, and returns for each range where those on its records and those on its
// certificates stand. Ranges are in order of protocol and shards, and every verdict lies in one.
func (v *Verdicts) Store(w io.Writer, ranges []Range) ([][2]shard.Extent, error) {
	sorted, err := v.sorter.Sorted()
	if err != nil {
		return nil, err
	}
	out := run.NewWriter(w)
	pieces := layOut(ranges)
	cuts := newCutter(out, len(pieces))
	at := 0
	for {
		rec, err := sorted.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, err
		}
		for at < len(pieces) && pieces[at].before(rec) {
			at++
		}
		if at == len(pieces) || !pieces[at].holds(rec) {
			return nil, fmt.Errorf("verdict on shard %d of protocol %d is in no range", binary.BigEndian.Uint32(rec[2:]), rec[0])
		}
		if err := cuts.append(at, rec); err != nil {
			return nil, err
		}
	}
	extents, err := cuts.finish()
	if err != nil {
		return nil, err
	}
	byRange := make([][2]shard.Extent, len(ranges))
	for i, p := range pieces {
		byRange[p.at][p.space] = extents[i]
	}
	return byRange, out.Close()
}

// piece is a range in one space.
type piece struct {
	Range
	space byte
	at    int // place of the range
}

// layOut orders the pieces of ranges as their verdicts are ordered: by protocol, then space, then shard.
func layOut(ranges []Range) []piece {
	var pieces []piece
	for from := 0; from < len(ranges); {
		to := from
		for to < len(ranges) && ranges[to].Protocol == ranges[from].Protocol {
			to++
		}
		for space := range byte(spaces) {
			for i := from; i < to; i++ {
				pieces = append(pieces, piece{ranges[i], space, i})
			}
		}
		from = to
	}
	return pieces
}

// before says whether the piece ends before a verdict.
func (p piece) before(rec []byte) bool {
	if rec[0] != p.Protocol {
		return p.Protocol < rec[0]
	}
	if rec[1] != p.space {
		return p.space < rec[1]
	}
	return p.To <= binary.BigEndian.Uint32(rec[2:])
}

// holds says whether a verdict lies in the piece.
func (p piece) holds(rec []byte) bool {
	s := binary.BigEndian.Uint32(rec[2:])
	return rec[0] == p.Protocol && rec[1] == p.space && p.From <= s && s < p.To
}

// VerdictReader yields verdicts of several resolve tasks by address.
type VerdictReader struct{ it run.Iterator }

// ReadVerdicts merges the verdicts that resolve tasks stored for one range and space.
func ReadVerdicts(inputs []func() (io.ReadCloser, error), budget int, scratch string) (*VerdictReader, error) {
	it, err := run.Merge(inputs, budget, scratch)
	if err != nil {
		return nil, fmt.Errorf("read verdicts: %w", err)
	}
	return &VerdictReader{it}, nil
}

// Next returns the next verdict, or io.EOF.
func (r *VerdictReader) Next() (Verdict, error) {
	rec, err := r.it.Next()
	if err != nil {
		return Verdict{}, err
	}
	return readVerdict(rec)
}

// Close frees what the reader holds.
func (r *VerdictReader) Close() error { return r.it.Close() }
