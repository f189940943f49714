package record

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"testing"

	"github.com/parquet-go/parquet-go"
)

const benchRows = 100_000

// Projections: what a reader through structs needs to read for the same fields.
type benchXMPP struct {
	Banner string `parquet:"banner,optional,dict"`
}

type benchModbus struct {
	MEI *struct {
		Conformity int64             `parquet:"conformity_level"`
		Objects    map[string]string `parquet:"objects,optional"`
	} `parquet:"mei_response,optional"`
}

type benchMQTT struct {
	Topics      map[string][]string `parquet:"topics,optional" parquet-value:",list"`
	Certificate []string            `parquet:"certificate,list"`
	Scheme      string              `parquet:"scheme,dict"`
}

// BenchmarkReadParquet reads records as tapes, and for comparison through parquet-go's generic reader.
func BenchmarkReadParquet(b *testing.B) {
	benchShape[goXMPP, benchXMPP](b, "xmpp", banner)
	benchShape[goModbus, benchModbus](b, "modbus", device)
	benchShape[goMQTT, benchMQTT](b, "mqtt", broker)
	benchShape[goOPCUA, goOPCUA](b, "opcua", server)
}

func benchShape[R, P any](b *testing.B, protocol string, make func(*rand.Rand) R) {
	data := writeGo(b, goRows(protocol, benchRows, make), parquet.Compression(&parquet.Zstd), parquet.MaxRowsPerRowGroup(benchRows))
	b.Run(protocol+"/tape", func(b *testing.B) {
		b.ReportAllocs()
		wants := wantOnly(protocol)
		for b.Loop() {
			benchTape(b, objectOf("x", data), wants)
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/benchRows, "ns/row")
	})
	b.Run(protocol+"/structs", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			benchStructs[goRow[P]](b, objectOf("x", data))
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/benchRows, "ns/row")
	})
}

func benchTape(b *testing.B, obj Object, wants []Want) {
	r, err := openParquet(context.Background(), obj, everything, wants, DefaultLimits)
	if err != nil {
		b.Fatal(err)
	}
	n := 0
	for {
		row, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			b.Fatal(err)
		}
		n += min(len(row.Result), 1)
	}
	if err := r.Close(); n != benchRows || err != nil {
		b.Fatalf("%d rows, %v", n, err)
	}
}

func benchStructs[R any](b *testing.B, obj Object) {
	f, err := parquet.OpenFile(obj, obj.Size)
	if err != nil {
		b.Fatal(err)
	}
	r := parquet.NewGenericReader[R](f)
	rows := make([]R, 256)
	n := 0
	for {
		got, err := r.Read(rows)
		n += got
		if err == io.EOF {
			break
		}
		if err != nil {
			b.Fatal(err)
		}
	}
	if n != benchRows {
		b.Fatalf("%d rows", n)
	}
}

// BenchmarkUnpack reads a batch of packed levels.
func BenchmarkUnpack(b *testing.B) {
	levels := make([]uint8, batchSize)
	for _, width := range []uint{1, 2, 3} {
		b.Run(fmt.Sprint(width), func(b *testing.B) {
			data := bytes.Repeat([]byte{0x35}, batchSize/8*int(width))
			for b.Loop() {
				h := hybrid{data: data, width: width, packed: true, left: batchSize, end: uint64(len(data))}
				unpack(&h, levels)
			}
		})
	}
}
