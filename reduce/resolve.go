package reduce

import (
	"bytes"
	"fmt"
	"io"
	"net/netip"

	"github.com/dice-engine/dice/internal/run"
)

// Describe tells which certificate and key the payload of an offer holds; ok is false for one that takes part in no
// reuse.
type Describe func(payload []byte) (certificate, key [32]byte, ok bool, err error)

// ResolveIdentity answers the sightings of one partition of the round Identity: all but the first record of an identity
// are duplicates, and every record that asks is given the first offer of its host, which is sighted for the round Reuse.
func ResolveIdentity(it run.Iterator, out *Verdicts, next *Sightings, describe Describe) error {
	d := duplicates{out: out}
	a := attachments{out: out, next: next, describe: describe}
	for {
		rec, err := it.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read sightings: %w", err)
		}
		switch {
		case len(rec) == duplicateSize && rec[0] == askDuplicate:
			err = d.sighting(rec)
		case len(rec) >= askSize && rec[0] == askAttach:
			err = a.sighting(rec)
		default:
			err = fmt.Errorf("read sighting: %w", run.ErrCorrupt)
		}
		if err != nil {
			return err
		}
	}
}

// duplicates finds records whose identity came before.
type duplicates struct {
	out  *Verdicts
	last []byte // identity of the sighting before
}

func (d *duplicates) sighting(rec []byte) error {
	identity := rec[1 : 1+identitySize]
	if !bytes.Equal(identity, d.last) {
		d.last = append(d.last[:0], identity...)
		return nil
	}
	return d.out.Add(Verdict{Address: readAddress(rec[1+identitySize:]), Kind: Duplicate})
}

// attachments gives records the first offer of their host.
type attachments struct {
	out      *Verdicts
	next     *Sightings
	describe Describe

	host             []byte // that the offer in hand is for
	payload          []byte
	described        bool // what follows is known: from the first record on that asks
	certificate, key [32]byte
	shared           bool // the offer takes part in reuse
}

func (a *attachments) sighting(rec []byte) error {
	host, tag := rec[1:1+hostSize], rec[1+hostSize]
	known := bytes.Equal(host, a.host)
	switch {
	case tag == tagFirst && len(rec) >= offerSize && !known:
		a.host = append(a.host[:0], host...)
		a.payload = append(a.payload[:0], rec[offerSize:]...)
		a.described = false
		return nil
	case tag == tagFirst || !known:
		return nil // a later offer, or a record that nothing is known for
	}
	return a.attach(readHost(host), readAddress(rec[2+hostSize:]))
}

func (a *attachments) attach(addr netip.Addr, at Address) (err error) {
	if !a.described {
		if a.certificate, a.key, a.shared, err = a.describe(a.payload); err != nil {
			return err
		}
		a.described = true
	}
	err = a.out.Add(Verdict{Address: at, Kind: Attach, Payload: a.payload})
	if err != nil || !a.shared {
		return err
	}
	if err := a.sight(Certificate, a.certificate, addr, at); err != nil {
		return err
	}
	return a.sight(Key, a.key, addr, at)
}

func (a *attachments) sight(kind Kind, sha [32]byte, addr netip.Addr, at Address) error {
	if err := a.next.Claim(kind, sha, Holder{Address: at}); err != nil {
		return err
	}
	return a.next.Evidence(kind, sha, addr, at.Protocol)
}

// MaxAddresses is how many addresses of holders are listed.
const MaxAddresses = 20

// Shared is a certificate or a key that several hosts hold.
type Shared struct {
	Kind      Kind
	SHA256    [32]byte
	Hosts     int64        // distinct addresses
	Protocols []uint8      // ascending
	Addresses []netip.Addr // the smallest, ascending
}

// ResolveReuse answers the sightings of one partition of the round Reuse: holders are told how many hosts share what they
// hold, where there are at least two or at least minHosts. found is called for what is on at least minHosts, in order of
// kind and hash.
func ResolveReuse(it run.Iterator, minHosts int, out *Verdicts, found func(Shared) error) error {
	g := group{minHosts: int64(minHosts), out: out, found: found}
	for {
		rec, err := it.Next()
		if err == io.EOF {
			return g.end()
		}
		if err != nil {
			return fmt.Errorf("read sightings: %w", err)
		}
		if err := g.sighting(rec); err != nil {
			return err
		}
	}
}

// group is the certificate or key whose sightings pass by.
type group struct {
	minHosts int64
	out      *Verdicts
	found    func(Shared) error

	key       []byte // kind and hash; empty before the first group
	host      []byte // the last one counted
	hosts     int64
	protocols [256]bool
	addresses []netip.Addr
}

func (g *group) sighting(rec []byte) error {
	if len(rec) < claimSize {
		return fmt.Errorf("read sighting: %w", run.ErrCorrupt)
	}
	key, tag, rest := rec[:33], rec[33], rec[34:]
	if !bytes.Equal(key, g.key) {
		if err := g.end(); err != nil {
			return err
		}
		g.key = append(g.key[:0], key...)
	}
	switch {
	case tag == tagFirst && len(rec) == evidenceSize:
		g.evidence(rest)
		return nil
	case tag == tagSecond && len(rec) == claimSize:
		return g.claim(rest)
	}
	return fmt.Errorf("read sighting: %w", run.ErrCorrupt)
}

func (g *group) evidence(rest []byte) {
	g.protocols[rest[hostSize]] = true
	if host := rest[:hostSize]; !bytes.Equal(host, g.host) {
		g.host = append(g.host[:0], host...)
		if g.hosts++; len(g.addresses) < MaxAddresses {
			g.addresses = append(g.addresses, readHost(host))
		}
	}
}

func (g *group) claim(rest []byte) error {
	if g.hosts < 2 && g.hosts < g.minHosts {
		return nil
	}
	kind := CertificateHosts
	if Kind(g.key[0]) == Key {
		kind = KeyHosts
	}
	return g.out.Add(Verdict{
		Address: readAddress(rest[1:]), Certificate: rest[0] == spaceCertificates, Kind: kind, Hosts: uint32(min(g.hosts, 1<<32-1)),
	})
}

// end tells of the group, if there is one and it is large enough, and forgets it.
func (g *group) end() error {
	defer func() {
		*g = group{minHosts: g.minHosts, out: g.out, found: g.found, key: g.key[:0], host: g.host[:0], addresses: g.addresses[:0]}
	}()
	if len(g.key) == 0 || g.hosts < g.minHosts {
		return nil
	}
	s := Shared{Kind: Kind(g.key[0]), SHA256: [32]byte(g.key[1:]), Hosts: g.hosts, Addresses: g.addresses}
	for p, seen := range g.protocols {
		if seen {
			s.Protocols = append(s.Protocols, uint8(p))
		}
	}
	return g.found(s)
}
