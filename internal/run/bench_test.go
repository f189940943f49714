package run

import (
	"encoding/binary"
	"io"
	"math/rand/v2"
	"testing"
)

// sightings makes records like those of package reduce: keyed hashes with an address, and one key seen on many hosts.
func sightings(n int) map[string][][]byte {
	r := rand.New(rand.NewPCG(1, 1))
	key := random(r, 34)
	kinds := map[string][][]byte{"hashes": make([][]byte, n), "onekey": make([][]byte, n)}
	for i := range n {
		kinds["hashes"][i] = binary.BigEndian.AppendUint64(random(r, 18), uint64(i))
		kinds["onekey"][i] = append(key[:34:34], random(r, 18)...)
	}
	return kinds
}

// perRecord reports the time of one record.
func perRecord(b *testing.B, n int) {
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/record")
}

func BenchmarkSort(b *testing.B) {
	const n = 1_000_000
	for kind, recs := range sightings(n) {
		for name, budget := range map[string]int{"memory": 256 << 20, "spill8MiB": 8 << 20} {
			b.Run(kind+"/"+name, func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					s := NewSorter(budget, b.TempDir())
					for _, rec := range recs {
						if err := s.Add(rec); err != nil {
							b.Fatal(err)
						}
					}
					it, err := s.Sorted()
					if err != nil {
						b.Fatal(err)
					}
					if err := exhaust(it); err != nil {
						b.Fatal(err)
					}
					if err := s.Close(); err != nil {
						b.Fatal(err)
					}
				}
				perRecord(b, n)
			})
		}
	}
}

func BenchmarkMerge(b *testing.B) {
	const n = 1_000_000
	for kind, recs := range sightings(n) {
		for name, runs := range map[string]int{"4runs": 4, "64runs": 64, "200runs": 200} {
			b.Run(kind+"/"+name, func(b *testing.B) {
				parts := make([][][]byte, runs)
				for i, rec := range recs {
					parts[i%runs] = append(parts[i%runs], rec)
				}
				inputs := make([]opener, runs)
				for i := range parts {
					inputs[i] = (&gate{}).opener(encodeBlocks(b, sorted(parts[i]), blockSize))
				}
				b.ReportAllocs()
				for b.Loop() {
					it, err := Merge(inputs, 64<<20, b.TempDir())
					if err != nil {
						b.Fatal(err)
					}
					if err := exhaust(it); err != nil {
						b.Fatal(err)
					}
					if err := it.Close(); err != nil {
						b.Fatal(err)
					}
				}
				perRecord(b, n)
			})
		}
	}
}

func exhaust(it Iterator) error {
	for {
		if _, err := it.Next(); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
	}
}
