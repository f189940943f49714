package shard

import "strings"

// MaxShards is how many shards a job can have: their numbers stand in 24 bits wherever records are addressed.
const MaxShards = 1 << 24

// maxSlices bounds the objects of one shard: their slices' counts are held and committed together.
const maxSlices = 1000

// Cut divides ordered inputs into shards of about target octets. Small objects that follow each other share a shard;
// large ones are cut into equal ranges. Every octet of every input lies in exactly one slice, in order; empty inputs
// have an empty slice. first is the place in Plan.Inputs of inputs[0].
func Cut(inputs []Input, first int, target int64, side bool) []Shard {
	var shards []Shard
	var open Shard
	var size int64
	closeShard := func() {
		if len(open.Slices) > 0 {
			shards = append(shards, open)
		}
		open, size = Shard{Side: side}, 0
	}
	closeShard()
	for i, in := range inputs {
		if isCut(in, target) {
			closeShard()
			for _, s := range ranges(in.Size, target) {
				s.Input = first + i
				shards = append(shards, Shard{Slices: []Slice{s}, Side: side})
			}
			continue
		}
		if size+in.Size > target || len(open.Slices) == maxSlices {
			closeShard()
		}
		open.Slices = append(open.Slices, Slice{Input: first + i, To: in.Size})
		size += in.Size
	}
	closeShard()
	return shards
}

// isCut tells the objects that are more than one shard's.
func isCut(in Input, target int64) bool { return in.Size > target+target/2 }

// Pieces returns into how many shards Cut divides the large ones of inputs. Cut makes no fewer, and at most one more for each
// other input. So it is told without memory whether there are too many.
func Pieces(inputs []Input, target int64) (n int64) {
	for _, in := range inputs {
		if isCut(in, target) {
			n += pieces(in.Size, target)
		}
	}
	return n
}

// Streams returns the inputs, by their places, that are compressed and were cut: if such an object is one long stream, no
// part of it can be read but after all before it, so that it is unpacked first.
func Streams(inputs []Input, shards []Shard) []int {
	var streams []int
	for _, s := range shards {
		first := s.Slices[0]
		if first.From == 0 && first.To < inputs[first.Input].Size && Compression(inputs[first.Input].URL) != "" {
			streams = append(streams, first.Input)
		}
	}
	return streams
}

// Compression tells by the ending of a name how an object is compressed: gz, zst, or not at all.
func Compression(name string) string {
	name = strings.ToLower(name)
	switch {
	case strings.HasSuffix(name, ".gz"):
		return "gz"
	case strings.HasSuffix(name, ".zst"), strings.HasSuffix(name, ".zstd"):
		return "zst"
	}
	return ""
}

// ranges cuts [0, size) into equal ranges of about target.
func ranges(size, target int64) []Slice {
	n := pieces(size, target)
	cuts := make([]Slice, n)
	for i := range n {
		cuts[i] = Slice{From: size / n * i, To: size / n * (i + 1)}
	}
	cuts[n-1].To = size
	return cuts
}

func pieces(size, target int64) int64 { return (size + target - 1) / target }

// partitionBytes is the input that one key partition is meant for: little enough that resolving keeps a machine of many cores
// busy, as far as the scan is worth one.
const partitionBytes = 128 << 20

// KeyPartitions returns into how many partitions the keys of cross-shard questions fall.
func KeyPartitions(inputs []Input) int {
	var bytes int64
	for _, in := range inputs {
		bytes += in.Size
	}
	return int(min(max((bytes+partitionBytes-1)/partitionBytes, 1), 64))
}
