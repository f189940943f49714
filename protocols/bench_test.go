package protocols_test

import (
	"testing"

	"github.com/dice-engine/dice/protocols"
)

// BenchmarkIdentify measures an answer without the memo, averaged over the vectors that are kept.
func BenchmarkIdentify(b *testing.B) {
	registry := protocols.All()
	vectors := inputs(b, registry)
	for _, p := range registry {
		var kept []input
		size := 0
		for _, in := range vectors[p.Name] {
			if _, _, ok, _ := p.Identify(in.success, in.tape, nil); ok {
				kept = append(kept, in)
				size += len(in.tape)
			}
		}
		b.Run(p.Name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(size / len(kept)))
			var dst []byte
			for i := 0; b.Loop(); i++ {
				in := kept[i%len(kept)]
				dst, _, _, _ = p.Identify(in.success, in.tape, dst[:0])
			}
		})
	}
}
