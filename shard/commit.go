package shard

import (
	"fmt"
	"math/bits"
)

// Blob is a piece of data that a task left.
type Blob struct {
	Key  string `json:"key"`
	Size int64  `json:"size"`
}

// Extent is a byte range of a blob that can be read on its own.
type Extent struct {
	Offset  int64 `json:"o"`
	Length  int64 `json:"l"`
	Records int64 `json:"n"`
}

// Commit is the record whose existence makes a task done. The first attempt that creates it wins.
type Commit struct {
	Stage         Stage          `json:"stage"`
	Task          int            `json:"task"`
	Attempt       string         `json:"attempt"`
	ResultVersion int            `json:"result_version"`
	Skipped       []Failure      `json:"skipped,omitempty"` // given up: objects that the result is without, or the task as a whole
	Unpack        *UnpackResult  `json:"unpack,omitempty"`
	Map           *MapResult     `json:"map,omitempty"`
	Resolve       *ResolveResult `json:"resolve,omitempty"`
	Write         *WriteResult   `json:"write,omitempty"`
}

// Failure is what an attempt leaves of a fault that lies in the data.
type Failure struct {
	Stage    Stage  `json:"stage"`
	Task     int    `json:"task"`
	Input    int    `json:"input"` // place of the object in Plan.Inputs; NoInput: it was no object's fault
	Object   string `json:"object,omitempty"`
	Group    int64  `json:"row_group,omitempty"` // of a Parquet file, the first one is 1
	Row      int64  `json:"row,omitempty"`       // in the shard's part of the object, the first one is 1
	Cause    string `json:"cause"`
	Attempts int    `json:"attempts,omitempty"`
}

// NoInput is the Input of a failure that is no object's.
const NoInput = -1

// String says what failed where, how often, and why.
func (f Failure) String() string {
	where := fmt.Sprintf("task %d of stage %s", f.Task, f.Stage)
	if f.Input != NoInput {
		where = f.Object
	}
	if f.Group > 0 {
		where += fmt.Sprintf(" row group %d", f.Group)
	}
	if f.Row > 0 {
		where += fmt.Sprintf(" row %d of shard %d", f.Row, f.Task)
	}
	return fmt.Sprintf("%s failed %d times: %s", where, f.Attempts, f.Cause)
}

// UnpackResult is the text of a stream, for map to read in parts. Without a Text map reads the object itself: it is no
// stream, but several members that can be found, or it is damaged.
type UnpackResult struct {
	Text   *Blob   `json:"text,omitempty"`
	Size   int64   `json:"size,omitempty"`   // octets of the text
	Blocks []int64 `json:"blocks,omitempty"` // octets of the blocks in Text; all but the last hold BlockText octets of the text
}

// BlockText is how much of a text a block holds.
const BlockText = 1 << 20

// fit says whether the blocks are those of the text.
func (u *UnpackResult) fit() bool {
	if u.Text == nil {
		return true
	}
	sum := int64(0)
	for _, size := range u.Blocks {
		if size <= 0 || size > u.Text.Size {
			return false
		}
		sum += size
	}
	return u.Size > 0 && sum == u.Text.Size && int64(len(u.Blocks)) == (u.Size-1)/BlockText+1
}

// Part returns the part of the text that belongs to a slice of a stream of size octets.
func (u *UnpackResult) Part(s Slice, size int64) (from, to int64) {
	return share(u.Size, s.From, size), share(u.Size, s.To, size)
}

// share is total * part / whole, of numbers that are not negative, and part at most whole.
func share(total, part, whole int64) int64 {
	if part == whole {
		return total
	}
	high, low := bits.Mul64(uint64(total), uint64(part))
	quotient, _ := bits.Div64(high, low, uint64(whole))
	return int64(quotient)
}

// MapResult is what a map task found in its shard.
type MapResult struct {
	Segment   Blob             `json:"segment"`
	Sightings Blob             `json:"sightings"`
	Identity  []Extent         `json:"identity,omitempty"` // of Sightings, by key partition
	Reuse     []Extent         `json:"reuse,omitempty"`    // likewise
	Protocols []ProtocolCounts `json:"protocols,omitempty"`
	Slices    []SliceCounts    `json:"slices,omitempty"`
	Records   int64            `json:"records,omitempty"` // all that were read, whatever became of them
	Other     int64            `json:"other,omitempty"`   // records of other protocols
	Strays    int64            `json:"strays,omitempty"`  // rejected records whose protocol is unknown
	Rejects   int64            `json:"rejects,omitempty"` // entries of the rejects table in the segment
}

// ProtocolCounts accounts for a protocol's records in a shard. Records past the filter: Kept = Repeated + Carried +
// Settled.
type ProtocolCounts struct {
	Excluded     int64 `json:"excluded,omitempty"`
	Rejected     int64 `json:"rejected,omitempty"`
	Filtered     int64 `json:"filtered,omitempty"`
	Kept         int64 `json:"kept,omitempty"`
	Repeated     int64 `json:"repeated,omitempty"` // duplicates that the map task found by itself
	Carried      int64 `json:"carried,omitempty"`  // in the segment
	Settled      int64 `json:"settled,omitempty"`  // neither label nor open question, in labelled mode
	Certificates int64 `json:"certificates,omitempty"`
	Successes    int64 `json:"successes,omitempty"` // records with status success, for the warning that none was kept
}

// SliceCounts accounts for the physical rows of a slice; see record.Counts.
type SliceCounts struct {
	Lines       int64 `json:"lines,omitempty"`
	WithRecords int64 `json:"with_records,omitempty"`
	Empty       int64 `json:"empty,omitempty"`
	Rejected    int64 `json:"rejected,omitempty"`
	Bytes       int64 `json:"bytes,omitempty"`
	Start       int64 `json:"start,omitempty"`
	End         int64 `json:"end,omitempty"`
	Damaged     bool  `json:"damaged,omitempty"` // it could not be read to its end; an entry of the rejects says so
	Whole       bool  `json:"whole,omitempty"`   // the object as a whole could not be read; the first slice's rejects say so
}

// ResolveResult is what an identity or a reuse task leaves.
type ResolveResult struct {
	Verdicts  Blob         `json:"verdicts"`
	Extents   [][2]Extent  `json:"extents"`             // of Verdicts, by output partition: of records, of certificates
	Sightings *Blob        `json:"sightings,omitempty"` // of what identity attached
	Reuse     []Extent     `json:"reuse,omitempty"`     // of Sightings, by key partition
	Output    *Output      `json:"output,omitempty"`    // part of the reuse table
	Found     ReuseSummary `json:"found"`               // groups in it
}

// WriteResult is what a write task counted and wrote. Output is nil when no row came out.
type WriteResult struct {
	Output     *Output          `json:"output,omitempty"`
	Rows       int64            `json:"rows"`       // output
	Duplicates int64            `json:"duplicates"` // found across shards
	Unlabelled int64            `json:"unlabelled"` // left out in labelled mode, settled ones included
	Classified int64            `json:"classified"` // rows with labels
	Labels     map[string]int64 `json:"labels"`
}

// FirstLines returns, for each shard and slice, how many rows of the same input stand before the slice. Commits are
// those of the map stage, by shard.
func FirstLines(p *Plan, commits []Commit) [][]int64 {
	before := make([]int64, len(p.Inputs))
	first := make([][]int64, len(p.Shards))
	for i, s := range p.Shards {
		first[i] = make([]int64, len(s.Slices))
		for k, slice := range s.Slices {
			first[i][k] = before[slice.Input]
			if m := commits[i].Map; m != nil {
				before[slice.Input] += m.Slices[k].Lines
			}
		}
	}
	return first
}
