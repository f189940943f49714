package reduce

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"hash/crc32"
	"io"
	"net/netip"

	"github.com/dchest/siphash"

	"github.com/dice-engine/dice/internal/run"
	"github.com/dice-engine/dice/shard"
)

// Round is a step of resolving. What the first round attaches is sighted for the second.
type Round int

// The rounds.
const (
	Identity Round = iota // duplicates, and attached certificates
	Reuse                 // shared certificates and keys
	rounds
)

// Config says how sightings are collected.
type Config struct {
	Key        [shard.HashKeySize]byte // keys the hashes that stand for identities: from the plan
	Partitions int                     // at most 256
	Budget     int                     // octets of memory
	Scratch    string                  // folder for the rest
}

// Layouts of sightings. A record begins with its question. In the round Identity:
//
//	question 1 (duplicate): hash of the identity (16), address (8)
//	question 2 (attach):    host (17), 0, shard (4), row (8), payload      an offer
//	                        host (17), 1, address (8)                      a record that asks
//
// In the round Reuse the question is the kind:
//
//	kind, SHA-256 (32), 0, host (17), protocol    evidence that a host holds it
//	kind, SHA-256 (32), 1, space, address (8)     a claim: who is to be told how many do
const (
	askDuplicate = 1
	askAttach    = 2

	tagFirst  = 0 // offers, evidence
	tagSecond = 1 // asking records, claims

	identitySize  = 16
	duplicateSize = 1 + identitySize + addressSize
	offerSize     = 1 + hostSize + 1 + 4 + 8
	askSize       = 1 + hostSize + 1 + addressSize
	evidenceSize  = 1 + sha256.Size + 1 + hostSize + 1
	claimSize     = 1 + sha256.Size + 1 + 1 + addressSize
)

// Sightings collects what one task saw. It is used by one goroutine.
type Sightings struct {
	cfg    Config
	sorter *run.Sorter                 // of both rounds: of records behind their round and partition
	lately *[lately][identitySize]byte // made when it is first needed
	buf    []byte
	hashed []byte
}

// NewSightings returns an empty collection.
func NewSightings(cfg Config) *Sightings {
	return &Sightings{cfg: cfg, sorter: run.NewSorter(cfg.Budget, cfg.Scratch)}
}

// Close frees memory and files.
func (s *Sightings) Close() error { return s.sorter.Close() }

// begin starts a sighting whose key falls into a partition by its first 32 bits.
func (s *Sightings) begin(r Round, bits uint32) []byte {
	return append(s.buf[:0], byte(r), byte(uint64(bits)*uint64(s.cfg.Partitions)>>32))
}

// prefixSize is what stands before a record while it is sorted.
const prefixSize = 2

func (s *Sightings) add(rec []byte) error {
	s.buf = rec
	return s.sorter.Add(rec)
}

// identity hashes an identity by SipHash-2-4 with the job's key, so that nobody who lacks it can make two of them meet.
func (s *Sightings) identity(question byte, key []byte) (h [identitySize]byte) {
	s.hashed = append(append(s.hashed[:0], question), key...)
	key0, key1 := binary.LittleEndian.Uint64(s.cfg.Key[:8]), binary.LittleEndian.Uint64(s.cfg.Key[8:])
	first, second := siphash.Hash128(key0, key1, s.hashed)
	binary.LittleEndian.PutUint64(h[:], first)
	binary.LittleEndian.PutUint64(h[8:], second)
	return h
}

// lately is how many identities a task remembers: of those that fall on one place the last. They fit into a processor's cache.
// Places go by a checksum that hangs on nothing but the key: which duplicates a task finds by itself decides on how many records
// it carries, and that on where parts of the result end.
const lately = 1 << 14

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Duplicate sights a record by the key that makes it a duplicate of others (any octets, unambiguous), or says that this
// task saw the key lately: then the record is a duplicate for certain, and is not sighted. Other duplicates are found when
// sightings are resolved.
func (s *Sightings) Duplicate(a Address, key []byte) (repeated bool, err error) {
	h := s.identity(askDuplicate, key)
	if s.lately == nil {
		s.lately = new([lately][identitySize]byte)
	}
	last := &s.lately[crc32.Checksum(key, castagnoli)%lately]
	if *last == h {
		return true, nil
	}
	*last = h
	rec := append(append(s.begin(Identity, binary.BigEndian.Uint32(h[:])), askDuplicate), h[:]...)
	return false, s.add(a.append(rec))
}

// host begins a sighting of the question attach.
func (s *Sightings) host(addr netip.Addr) []byte {
	bits := uint32(0)
	if s.cfg.Partitions > 1 {
		var packed [hostSize]byte
		h := s.identity(askAttach, appendHost(packed[:0], addr))
		bits = binary.BigEndian.Uint32(h[:])
	}
	return appendHost(append(s.begin(Identity, bits), askAttach), addr)
}

// Ask sights a record that may be given what is known of its host.
func (s *Sightings) Ask(addr netip.Addr, a Address) error {
	return s.add(a.append(append(s.host(addr), tagSecond)))
}

// Offer sights what a side table's row knows of a host. Rows count by shard and row: the first one of a host is given.
func (s *Sightings) Offer(addr netip.Addr, shard uint32, row uint64, payload []byte) error {
	rec := append(s.host(addr), tagFirst)
	rec = binary.BigEndian.AppendUint32(rec, shard)
	rec = binary.BigEndian.AppendUint64(rec, row)
	return s.add(append(rec, payload...))
}

// shared begins a sighting of a certificate or a key.
func (s *Sightings) shared(kind Kind, sha [32]byte, tag byte) []byte {
	rec := append(append(s.begin(Reuse, binary.BigEndian.Uint32(sha[:])), byte(kind)), sha[:]...)
	return append(rec, tag)
}

// Claim asks for a holder how many hosts share a certificate or a key.
func (s *Sightings) Claim(kind Kind, sha [32]byte, h Holder) error {
	space := spaceRecords
	if h.Certificate {
		space = spaceCertificates
	}
	return s.add(h.append(append(s.shared(kind, sha, tagSecond), space)))
}

// Evidence says that a host holds a certificate or a key.
func (s *Sightings) Evidence(kind Kind, sha [32]byte, addr netip.Addr, protocol uint8) error {
	return s.add(append(appendHost(s.shared(kind, sha, tagFirst), addr), protocol))
}

// Store writes all sightings, sorted, those that say the same only once, and returns where each round's partitions stand.
func (s *Sightings) Store(w io.Writer) (extents [2][]shard.Extent, err error) {
	sorted, err := s.sorter.Sorted()
	if err != nil {
		return extents, err
	}
	out := run.NewWriter(w)
	cuts := newCutter(out, int(rounds)*s.cfg.Partitions)
	var said []byte // by the sighting before
	for {
		rec, err := sorted.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return extents, err
		}
		if what := rec[:repeatable(rec)]; len(what) > 0 {
			if bytes.Equal(what, said) {
				continue
			}
			said = append(said[:0], what...)
		}
		if err := cuts.append(int(rec[0])*s.cfg.Partitions+int(rec[1]), rec[prefixSize:]); err != nil {
			return extents, err
		}
	}
	all, err := cuts.finish()
	if err != nil {
		return extents, err
	}
	extents = [2][]shard.Extent{all[:s.cfg.Partitions], all[s.cfg.Partitions:]}
	return extents, out.Close()
}

// repeatable tells how many octets of a sighting, with what stands before it, may have been said by one before it: of an offer
// those that name the host, of evidence all. What is told to one record or certificate is not said twice.
func repeatable(rec []byte) int {
	const attachTag, sharedTag = prefixSize + 1 + hostSize, prefixSize + 1 + sha256.Size
	switch {
	case Round(rec[0]) == Identity && rec[prefixSize] == askAttach && rec[attachTag] == tagFirst:
		return attachTag + 1
	case Round(rec[0]) == Reuse && rec[sharedTag] == tagFirst:
		return len(rec)
	}
	return 0
}

// cutter writes records of ascending partitions, each partition so that it can be read on its own.
type cutter struct {
	out     *run.Writer
	extents []shard.Extent
	at      int // partition being written, -1 before the first
}

func newCutter(out *run.Writer, partitions int) *cutter {
	return &cutter{out: out, extents: make([]shard.Extent, partitions), at: -1}
}

func (c *cutter) append(partition int, rec []byte) error {
	if err := c.advance(partition); err != nil {
		return err
	}
	c.extents[partition].Records++
	return c.out.Append(rec)
}

// advance ends the partitions before the given one.
func (c *cutter) advance(partition int) error {
	if partition == c.at {
		return nil
	}
	offset, err := c.out.Cut()
	if err != nil {
		return err
	}
	for ; c.at < partition; c.at++ {
		if c.at >= 0 {
			c.extents[c.at].Length = offset - c.extents[c.at].Offset
		}
		if c.at+1 < len(c.extents) {
			c.extents[c.at+1].Offset = offset
		}
	}
	return nil
}

func (c *cutter) finish() ([]shard.Extent, error) {
	return c.extents, c.advance(len(c.extents))
}
