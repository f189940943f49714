// Package shard is the vocabulary of a job: how inputs are cut into shards, what the pieces that tasks leave behind are
// called and contain, and what the result says about itself. It is pure; a plan can be made, printed and compared
// without any store.
//
// A job is a [Command] over inputs. [Cut] turns the inputs' listing into shards, and the [Plan] stores them with every
// choice that the result depends on. Tasks of five stages follow it: unpack, where there are streams, prepares these, map
// reads shards, identity and reuse resolve what crosses them, write makes the output. A task's result is its [Commit] record; a stage's result is its [Index].
package shard

import (
	"errors"
	"fmt"
)

// ResultVersion changes whenever the same inputs and options would give other output bytes, or work files that mean
// something else. Workers of another version refuse the job.
const ResultVersion = 8

// Limits reject what is too large. They are part of a plan, so that every machine rejects the same.
type Limits struct {
	Line        int64 `json:"line" doc:"octets of a JSON line, decompressed"`
	Field       int64 `json:"field" doc:"octets of one string or one Parquet value"`
	Result      int64 `json:"result" doc:"octets of one record's tape: what is read of its result"`
	Page        int64 `json:"page" doc:"octets of a Parquet page, decompressed"`
	Footer      int64 `json:"footer" doc:"octets of a Parquet footer"`
	Certificate int64 `json:"certificate" doc:"octets of one certificate's text"`
	Depth       int   `json:"depth" doc:"nesting of JSON"`
	Elements    int   `json:"elements" doc:"elements of all lists and maps of one record"`
	Content     int   `json:"content" doc:"octets of what is kept of a rejected row"`
}

// DefaultLimits are those of every new plan. docs/records.md has them.
var DefaultLimits = Limits{
	Line: 96 << 20, Field: 80 << 20, Result: 96 << 20, Page: 256 << 20, Footer: 64 << 20,
	Certificate: 1 << 20, Depth: 128, Elements: 256 << 10, Content: 1 << 10,
}

// Mode says which records come out.
type Mode string

// The modes.
const (
	Labelled Mode = "labelled" // records with at least one label
	All      Mode = "all"      // all that pass the filter and are no duplicates
)

// Options are the choices that the result depends on.
type Options struct {
	Source        string   `json:"source" doc:"format of the records: zgrab2"`
	Signatures    []string `json:"signatures" doc:"names, in alphabetical order"`
	Mode          Mode     `json:"mode" doc:"labelled or all"`
	Dedupe        []string `json:"dedupe" doc:"members that make records duplicates, of ip, port, status; null: all records are kept"`
	ReuseHosts    int      `json:"reuse_hosts" doc:"distinct addresses from which on a certificate or key is reused"`
	ShardBytes    int64    `json:"shard_bytes" doc:"target size of a shard, in octets of input"`
	PartitionRows int64    `json:"partition_rows" doc:"carried records after which an output partition is closed"`
	Exclude       []string `json:"exclude" doc:"networks that are left out, in canonical form, sorted"`
	Limits        Limits   `json:"limits" doc:"the limits above, by name"`
	ResultVersion int      `json:"result_version" doc:"as above"`
}

// Command is what the user asked for: the same command continues the same job.
type Command struct {
	Files        []string `json:"files" doc:"patterns as given, without credentials"`
	Certificates []string `json:"certificates" doc:"those of side tables, likewise"`
	Options      Options  `json:"options" doc:"what else the result depends on"`
}

// Input is an object to be read.
type Input struct {
	URL   string `json:"url"`   // as given: it stands in source_object and decides the order
	Place string `json:"place"` // what a worker dials: s3://bucket?…, or a folder's absolute path
	Key   string `json:"key"`   // below the place
	Size  int64  `json:"size"`
	ETag  string `json:"etag"`
}

// Slice is a byte range of an input; see record.Slice for which rows belong to it.
type Slice struct {
	Input int   `json:"input"` // place in Plan.Inputs
	From  int64 `json:"from"`
	To    int64 `json:"to"`
}

// Shard is the work of one map task.
type Shard struct {
	Slices []Slice `json:"slices"`
	Side   bool    `json:"side,omitempty"` // of a side table
}

// HashKeySize is how many octets Plan.HashKey has.
const HashKeySize = 16

// Plan is everything that workers need to know of a job.
type Plan struct {
	Job           string  `json:"job"`
	Command       Command `json:"command"`
	Digest        string  `json:"digest"`            // of Command
	Inputs        []Input `json:"inputs"`            // scans in order, then side tables in order
	Shards        []Shard `json:"shards"`            // scans' in input order, then side tables'
	Streams       []int   `json:"streams,omitempty"` // places in Inputs, in order: the tasks of Unpack
	KeyPartitions int     `json:"key_partitions"`
	HashKey       []byte  `json:"hash_key"` // HashKeySize random octets: who does not know them can't make records collide; no output depends on them
}

// Stages lists the stages of the job in order.
func (p *Plan) Stages() []Stage {
	if len(p.Streams) == 0 {
		return Stages[1:]
	}
	return Stages
}

// SideInputs says of each input whether it is a side table.
func (p *Plan) SideInputs() []bool {
	side := make([]bool, len(p.Inputs))
	for _, s := range p.Shards {
		for _, slice := range s.Slices {
			side[slice.Input] = s.Side
		}
	}
	return side
}

// ScanShards returns how many shards are of scans; they come first.
func (p *Plan) ScanShards() int {
	n := 0
	for _, s := range p.Shards {
		if !s.Side {
			n++
		}
	}
	return n
}

// Validate reports all faults of the options.
func (o Options) Validate() error {
	var faults []error
	fault := func(wrong bool, format string, args ...any) {
		if wrong {
			faults = append(faults, fmt.Errorf(format, args...))
		}
	}
	fault(o.Source != "zgrab2", "source %q: only zgrab2 is known", o.Source)
	fault(o.Mode != Labelled && o.Mode != All, "mode %q: want labelled or all", o.Mode)
	fault(o.ReuseHosts < 1, "--reuse-hosts %d: want at least 1", o.ReuseHosts)
	fault(o.ShardBytes < 1, "--shard-size %d: want at least 1 octet", o.ShardBytes)
	fault(o.PartitionRows < 1, "--partition-rows %d: want at least 1", o.PartitionRows)
	fault(len(o.Signatures) > 200, "%d signatures, at most 200", len(o.Signatures))
	return errors.Join(faults...)
}
