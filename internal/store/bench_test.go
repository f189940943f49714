package store_test

import (
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/dice-engine/dice/internal/servertest"
	"github.com/dice-engine/dice/internal/store"
)

// benchmarks runs a benchmark on a folder and on MinIO. On one machine the latter's share of the CPU counts, too.
func benchmarks(b *testing.B, bench func(b *testing.B, s store.Bucket)) {
	url, env := servertest.Bucket(b)
	servertest.SetEnv(b, env)
	for name, place := range map[string]string{"local": b.TempDir(), "s3": url} {
		b.Run(name, func(b *testing.B) {
			loc, err := store.Parse(place)
			if err != nil {
				b.Fatal(err)
			}
			s, err := store.Dial(b.Context(), loc.Join(fmt.Sprint(b.N)), store.Config{})
			if err != nil {
				b.Fatal(err)
			}
			bench(b, s)
		})
	}
}

func BenchmarkCreate(b *testing.B) {
	benchmarks(b, func(b *testing.B, s store.Bucket) {
		var n atomic.Int64
		body := make([]byte, 500)
		b.SetParallelism(8)
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				if err := s.Create(b.Context(), fmt.Sprintf("commit/%d", n.Add(1)), body); err != nil {
					b.Error(err)
				}
			}
		})
	})
}

func BenchmarkWriteAndRead(b *testing.B) {
	const size = 64 << 20
	benchmarks(b, func(b *testing.B, s store.Bucket) {
		body, part := make([]byte, size), make([]byte, 8<<20)
		b.SetBytes(2 * size)
		for i := range b.N {
			w, err := s.NewWriter(b.Context(), fmt.Sprint(i))
			if err != nil {
				b.Fatal(err)
			}
			if _, err := w.Write(body); err != nil {
				b.Fatal(err)
			}
			info, err := w.Commit()
			if err != nil {
				b.Fatal(err)
			}
			for off := int64(0); off < size; off += int64(len(part)) {
				if err := s.ReadAt(b.Context(), info.Key, info.ETag, part, off); err != nil {
					b.Fatal(err)
				}
			}
		}
	})
}
