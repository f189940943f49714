// Package reduce answers what no single record can show: which records repeat others, which certificates and keys are
// shared by many hosts, which certificate belongs to a host that showed none.
//
// Map tasks leave two things. A segment holds the labelled records of a shard ([SegmentWriter], [SegmentReader]).
// Sightings ([Sightings]) say who was seen with what: they are small, partitioned by key and sorted, so that all
// sightings of one key meet in one resolve task, next to each other. It answers with verdicts ([Verdicts]), each
// addressed to a record or a certificate of a segment, sorted by address, so that the write task merges segment and
// verdicts in one pass.
//
// Sightings are laid out so that one pass in byte order suffices: within a key, what has to be counted comes before those
// who ask for the count. No group is ever held in memory.
package reduce

import (
	"encoding/binary"
	"net/netip"
)

// Address is the place of a record, or of a certificate, in the segments of a job.
type Address struct {
	Protocol uint8
	Shard    uint32 // at most 2^24 - 1
	Index    uint32 // among the protocol's records past the filter, or among its certificates, in the shard
}

// addressSize is the length of a packed address.
const addressSize = 8

// append packs the address so that addresses of one protocol sort in input order.
func (a Address) append(dst []byte) []byte {
	dst = binary.BigEndian.AppendUint32(dst, uint32(a.Protocol)<<24|a.Shard&0xffffff)
	return binary.BigEndian.AppendUint32(dst, a.Index)
}

func readAddress(b []byte) Address {
	head := binary.BigEndian.Uint32(b)
	return Address{Protocol: uint8(head >> 24), Shard: head & 0xffffff, Index: binary.BigEndian.Uint32(b[4:])}
}

// Kind is what may be shared by many hosts.
type Kind uint8

// The kinds, in the order in which they stand in the reuse table.
const (
	Certificate Kind = 1
	Key         Kind = 2
)

func (k Kind) String() string {
	if k == Certificate {
		return "certificate"
	}
	return "key"
}

// Holder is who is told how many hosts share something: a certificate of a segment, or a record that was given one.
type Holder struct {
	Address
	Certificate bool // Index is a certificate's; else a record's
}

// hostSize is the length of a packed address of a host.
const hostSize = 17

// ParseAddress reads an address, without its zone. One of IPv4 that is written as IPv6 (::ffff:192.0.2.1) is that host's.
func ParseAddress(text []byte) (addr netip.Addr, ok bool) {
	if four, ok := parseIPv4(text); ok {
		return netip.AddrFrom4(four), true
	}
	addr, err := netip.ParseAddr(string(text))
	return addr.WithZone("").Unmap(), err == nil
}

// appendHost packs an IP address so that addresses sort numerically, IPv4 first.
func appendHost(dst []byte, addr netip.Addr) []byte {
	if addr.Is4() {
		b := addr.As4()
		return append(append(dst, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0), b[:]...)
	}
	b := addr.As16()
	return append(append(dst, 6), b[:]...)
}

func readHost(b []byte) netip.Addr {
	if b[0] == 4 {
		return netip.AddrFrom4([4]byte(b[13:17]))
	}
	return netip.AddrFrom16([16]byte(b[1:17]))
}
