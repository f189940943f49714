package reduce

import (
	"bytes"
	"encoding/binary"
	"io"
	"math/rand/v2"
	"net/netip"
	"testing"

	"github.com/dice-engine/dice/internal/run"
)

// forge seals octets as a segment of one lane with one block, so that no checksum stands before what reads them.
func forge(block []byte) []byte {
	body := run.Pack(nil, block)
	index := binary.AppendUvarint([]byte{1, 9, 9, 0}, uint64(len(body)))
	at := len(body)
	body = run.Pack(body, index)
	length := len(body) - at
	body = binary.BigEndian.AppendUint64(body, uint64(at))
	body = binary.BigEndian.AppendUint32(body, uint32(length))
	return append(body, trailerMagic...)
}

// block makes a block of a few random records as a writer would.
func block(r *rand.Rand, rows int) []byte {
	l := newLane()
	w := &SegmentWriter{lanes: []*lane{l}}
	for i := range rows {
		rec := Record{Row: int64(i), IP: []byte("192.0.2.1"), Status: []byte(pick(r, "status", 3)), Labels: []byte(pick(r, "label", 2))}
		if i%2 == 0 {
			text := []byte(pick(r, "text", 1000))
			index, _ := w.AddCertificate(0, text, text, "")
			rec.Certificates = []uint32{index}
		}
		l.add(&rec)
	}
	return l.appendBlock(nil)
}

// TestForgedBlocks changes every octet of a block before it is sealed.
func TestForgedBlocks(t *testing.T) {
	good := block(rand.New(rand.NewPCG(1, 1)), 12)
	if n, err := readLane(forge(good), 0); n != 12 || err != io.EOF {
		t.Fatalf("unchanged: %d records, %v", n, err)
	}
	for i := range good {
		for _, v := range []byte{0, 1, 0x7f, 0x80, 0xff} {
			bad := bytes.Clone(good)
			bad[i] = v
			if _, err := readLane(forge(bad), 0); err == nil {
				t.Fatalf("octet %d set to %d: reading does not end", i, v)
			}
		}
	}
}

func FuzzForgedBlock(f *testing.F) {
	f.Add(block(rand.New(rand.NewPCG(2, 2)), 5))
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) == 0 {
			return
		}
		if _, err := readLane(forge(data), 0); err == nil {
			t.Error("reading does not end")
		}
	})
}

// listed yields given records.
type listed [][]byte

func (l *listed) Next() ([]byte, error) {
	if len(*l) == 0 {
		return nil, io.EOF
	}
	rec := (*l)[0]
	*l = (*l)[1:]
	return rec, nil
}

func (l *listed) Close() error { return nil }

// FuzzSightings: no sighting, however made, does harm.
func FuzzSightings(f *testing.F) {
	s := NewSightings(Config{Partitions: 1, Scratch: f.TempDir()})
	host := netip.MustParseAddr("192.0.2.1")
	_, _ = s.Duplicate(Address{}, []byte("key"))
	_ = s.Ask(host, Address{})
	_ = s.Offer(host, 1, 2, []byte("payload"))
	_ = s.Claim(Key, [32]byte{1}, Holder{})
	_ = s.Evidence(Key, [32]byte{1}, host, 3)
	all := store(f, s)
	for round := range rounds {
		it := merged(f, round, 0, all)
		for rec, err := it.Next(); err == nil; rec, err = it.Next() {
			f.Add(bytes.Clone(rec), bytes.Clone(rec))
		}
	}
	f.Fuzz(func(t *testing.T, a, b []byte) {
		v, next := NewVerdicts(0, t.TempDir()), NewSightings(Config{Partitions: 1, Scratch: t.TempDir()})
		defer v.Close()
		defer next.Close()
		_ = ResolveIdentity(&listed{a, b}, v, next, describe)
		_ = ResolveReuse(&listed{a, b}, 2, v, func(Shared) error { return nil })
		_, _ = readVerdict(a)
	})
}

// TestAddressesComeBackAsWritten: only the canonical form is four octets.
func TestAddressesComeBackAsWritten(t *testing.T) {
	for text, octets := range map[string]bool{
		"0.0.0.0": true, "192.0.2.1": true, "255.255.255.255": true, "10.0.100.9": true,
		"": false, "1.2.3": false, "1.2.3.": false, "1.2.3.4.": false, "1.2.3.4.5": false, "1..2.3": false, "256.1.1.1": false,
		"1.2.3.04": false, "00.1.1.1": false, "1.2.3.4 ": false, " 1.2.3.4": false, "1.2.3.-4": false, "1.2.3.1000": false,
		"::ffff:1.2.3.4": false, "2001:DB8::1": false,
	} {
		host, _ := ParseAddress([]byte(text))
		for _, known := range []netip.Addr{{}, host} {
			l := newLane()
			has := l.host(&Record{IP: []byte(text), Host: known})
			if got := has&hasText == 0; got != octets {
				t.Errorf("%q as octets: %v, want %v", text, got, octets)
			}
			s := SegmentReader{}
			s.columns[columnIP] = fields{rest: l.columns[columnIP]}
			s.host(has)
			if got := string(s.rec.IP); got != text || s.columns[columnIP].bad || len(s.columns[columnIP].rest) > 0 {
				t.Errorf("%q comes back as %q", text, got)
			}
		}
	}
}
