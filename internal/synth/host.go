package synth

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"strings"
)

// host is the number of a host. Each has an address of its own, and perhaps certificates.
type host int64

// byName says that the host was scanned by name, without an address in the record.
func (w *world) byName(h host) bool { return about(w.config.Seed, 'N', uint64(h)).in(1, 100) }

// named says that the record has a domain.
func (w *world) named(h host) bool {
	return w.byName(h) || about(w.config.Seed, 'D', uint64(h)).in(1, 30)
}

func (h host) domain() string { return fmt.Sprintf("host-%x.example", uint64(h)) }

// address returns the canonical text of the host's address: one in thirteen is of IPv6.
func (w *world) address(h host) string { return w.addr(h).String() }

func (w *world) addr(h host) netip.Addr {
	if h%13 == 5 || h >= 1<<32 {
		a := [16]byte{0x20, 0x01, 0x0d, 0xb8}
		binary.BigEndian.PutUint64(a[4:], uint64(h)<<16)
		binary.BigEndian.PutUint32(a[12:], uint32(mix(uint64(h))))
		return netip.AddrFrom16(a)
	}
	var a [4]byte
	binary.BigEndian.PutUint32(a[:], permute(w.config.Seed, uint32(h)))
	return netip.AddrFrom4(a)
}

// permute maps the numbers of 32 bits onto themselves (a Feistel network).
func permute(seed uint64, n uint32) uint32 {
	left, right := n>>16, n&0xffff
	for round := range uint64(4) {
		left, right = right, left^uint32(mix(seed^round<<40^uint64(right))&0xffff)
	}
	return left<<16 | right
}

// spelling returns the address as a record gives it: lines that repeat another may write an IPv6 address in full.
func (w *world) spelling(s *section, i int64, h host) string {
	addr := w.addr(h)
	if addr.Is6() && w.twin(s, i) != never && w.line(s, i, 's').in(1, 2) {
		return strings.ToUpper(addr.StringExpanded())
	}
	return addr.String()
}

// certID identifies a certificate: its class in the top octet, then a number.
type certID uint64

// keyID identifies a public key in the same way.
type keyID uint64

const (
	classShift           = 56
	ownClass      uint64 = 0
	sharedClass   uint64 = 1
	malformedCert uint64 = 2
	pooledClass   uint64 = 3
)

func (id certID) malformed() bool { return uint64(id)>>classShift == malformedCert }

// shared returns the place of a shared certificate among them.
func (id certID) shared() (int, bool) {
	return int(id &^ (0xff << classShift)), uint64(id)>>classShift == sharedClass
}

// The certificates that a host may present.
const (
	mainCert    uint64 = iota
	rotatedCert        // by records that repeat others
	secondCert         // by a further endpoint of OPC UA
)

// certificate returns which certificate a host presents in a role, and the key in it.
func (w *world) certificate(h host, role uint64) (certID, keyID) {
	own := uint64(h)<<2 | role
	r := about(w.config.Seed, 'H', own)
	if r.in(1, 50) {
		return certID(malformedCert<<classShift | own), 0
	}
	if w.config.Distinct {
		return certID(own), keyID(own)
	}
	switch n := r.n(100); {
	case n < 30:
		shared := uint64(w.certs.draw(r))
		return certID(sharedClass<<classShift | shared), sharedKey(shared)
	case n < 36:
		return certID(own), keyID(pooledClass<<classShift | uint64(w.keys.draw(r)))
	}
	return certID(own), keyID(own)
}

// sharedKey returns the key of a shared certificate: one in eight renews the one before it and keeps its key.
func sharedKey(shared uint64) keyID { return keyID(sharedClass<<classShift | (shared - shared%8/7)) }

// listed says whether the side table has certificates for a host, whoever asks for them.
func (w *world) listed(h host) bool {
	return !w.byName(h) && about(w.config.Seed, 'T', uint64(h)).in(2, 5)
}
