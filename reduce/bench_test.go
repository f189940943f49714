package reduce

import (
	"bytes"
	"io"
	"math/rand/v2"
	"net/netip"
	"testing"

	"github.com/dice-engine/dice/internal/run"
)

// BenchmarkSightings: what a record costs that is sighted once for its identity and twice for its certificate.
func BenchmarkSightings(b *testing.B) {
	const n = 200_000
	b.ReportAllocs()
	for b.Loop() {
		s := benchSightings(b, n)
		if _, err := s.Store(io.Discard); err != nil {
			b.Fatal(err)
		}
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/record")
}

func benchSightings(b *testing.B, n int) *Sightings {
	b.Helper()
	r := rand.New(rand.NewPCG(1, 1))
	shas := make([][32]byte, 2000)
	for i := range shas {
		shas[i] = [32]byte(noise(i, 32))
	}
	var key []byte
	s := NewSightings(Config{Partitions: 8, Budget: 64 << 20, Scratch: b.TempDir()})
	for i := range n {
		host := netip.AddrFrom4([4]byte{10, byte(i % 3), byte(r.IntN(256)), byte(r.IntN(256))})
		key = appendHost(key[:0], host)
		_, err := s.Duplicate(Address{Index: uint32(i)}, key)
		for kind := Certificate; kind <= Key && err == nil; kind++ {
			err = s.Evidence(kind, shas[r.IntN(1000)*int(kind)], host, 1)
		}
		if err != nil {
			b.Fatal(err)
		}
	}
	return s
}

// BenchmarkResolve: merging and answering, per sighting.
func BenchmarkResolve(b *testing.B) {
	var out bytes.Buffer
	s := benchSightings(b, 200_000)
	defer s.Close()
	extents, err := s.Store(&out)
	if err != nil {
		b.Fatal(err)
	}
	all := stored{out.Bytes(), extents}
	for round, name := range []string{"identity", "reuse"} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				for p := range 8 {
					resolveOne(b, merged(b, Round(round), p, all), Round(round))
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(records(extents[round])), "ns/sighting")
		})
	}
}

func resolveOne(b *testing.B, it run.Iterator, round Round) {
	b.Helper()
	v, next := NewVerdicts(1<<20, b.TempDir()), NewSightings(Config{Partitions: 1, Scratch: b.TempDir()})
	defer v.Close()
	defer next.Close()
	var err error
	if round == Identity {
		err = ResolveIdentity(it, v, next, describe)
	} else {
		err = ResolveReuse(it, 2, v, func(Shared) error { return nil })
	}
	if err != nil {
		b.Fatal(err)
	}
}
