package shard

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
	Skipped       *Failure       `json:"skipped,omitempty"` // given up; there is no result
	Map           *MapResult     `json:"map,omitempty"`
	Resolve       *ResolveResult `json:"resolve,omitempty"`
	Write         *WriteResult   `json:"write,omitempty"`
}

// Failure is what an attempt leaves of a fault that lies in the data.
type Failure struct {
	Stage    Stage  `json:"stage"`
	Task     int    `json:"task"`
	Object   string `json:"object,omitempty"`
	Row      int64  `json:"row,omitempty"`
	Cause    string `json:"cause"`
	Attempts int    `json:"attempts"`
}

// MapResult is what a map task found in its shard.
type MapResult struct {
	Segment   Blob             `json:"segment"`
	Sightings Blob             `json:"sightings"`
	Identity  []Extent         `json:"identity"` // of Sightings, by key partition
	Reuse     []Extent         `json:"reuse"`    // likewise
	Protocols []ProtocolCounts `json:"protocols"`
	Slices    []SliceCounts    `json:"slices"`
	Records   int64            `json:"records"` // all that were read, whatever became of them
	Other     int64            `json:"other"`   // records of other protocols
	Strays    int64            `json:"strays"`  // rejected records whose protocol is unknown
	Rejects   int64            `json:"rejects"` // entries of the rejects table in the segment
}

// ProtocolCounts accounts for a protocol's records in a shard. Records past the filter: Kept = Repeated + Carried +
// Settled.
type ProtocolCounts struct {
	Excluded     int64 `json:"excluded"`
	Rejected     int64 `json:"rejected"`
	Filtered     int64 `json:"filtered"`
	Kept         int64 `json:"kept"`
	Repeated     int64 `json:"repeated"` // duplicates of an earlier record of the same shard
	Carried      int64 `json:"carried"`  // in the segment
	Settled      int64 `json:"settled"`  // neither label nor open question, in labelled mode
	Certificates int64 `json:"certificates"`
	Successes    int64 `json:"successes"` // records with status success, for the warning that none was kept
}

// SliceCounts accounts for the physical rows of a slice; see record.Counts.
type SliceCounts struct {
	Lines       int64 `json:"lines"`
	WithRecords int64 `json:"with_records"`
	Empty       int64 `json:"empty"`
	Rejected    int64 `json:"rejected"`
	Bytes       int64 `json:"bytes"`
	Start       int64 `json:"start,omitempty"`
	End         int64 `json:"end,omitempty"`
	Damaged     bool  `json:"damaged,omitempty"` // it could not be read to its end; an entry of the rejects says so
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

// Partition is the work of one write task: the records of a protocol in a run of shards.
type Partition struct {
	Protocol int `json:"protocol"` // place in Options.Signatures; one past the end: the rejects
	From     int `json:"from"`     // shards [From, To)
	To       int `json:"to"`
	Part     int `json:"part"` // number of the part in its table
}

// Index is a stage's result: the winning commits by task.
type Index struct {
	Stage      Stage       `json:"stage"`
	Commits    []Commit    `json:"commits"`
	Partitions []Partition `json:"partitions,omitempty"` // of map: the write tasks
}

// Partitions lays out the write tasks from what map counted: for each protocol, and for the rejects, runs of
// consecutive shards that carry about rows records. Shards without a record past the filter take part in none.
func Partitions(commits []Commit, protocols int, rows int64) []Partition {
	var all []Partition
	for p := range protocols + 1 {
		var open *Partition
		var size, part int64
		for shard := range commits {
			carried, concerned := weight(commits[shard].Map, p, protocols)
			if !concerned {
				continue
			}
			if open == nil || size+carried > rows && size > 0 {
				all = append(all, Partition{Protocol: p, From: shard, Part: int(part)})
				open, size = &all[len(all)-1], 0
				part++
			}
			open.To = shard + 1
			size += carried
		}
	}
	return all
}

// weight returns how many records of a protocol (or rejects) a shard carries, and whether write has to look at it.
func weight(m *MapResult, protocol, protocols int) (carried int64, concerned bool) {
	switch {
	case m == nil:
		return 0, false
	case protocol == protocols:
		return m.Rejects, m.Rejects > 0
	case len(m.Protocols) == 0:
		return 0, false
	}
	return m.Protocols[protocol].Carried, m.Protocols[protocol].Kept > 0
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
