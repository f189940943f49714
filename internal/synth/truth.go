package synth

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
)

// What becomes of a record.
const (
	Kept      = "kept"      // passes its protocol's filter and repeats no earlier record that does
	Duplicate = "duplicate" // passes, but an earlier record of the same host and status does too
	Filtered  = "filtered"  // does not pass
)

// Line is a line of the truth file: exactly one member is there. Records come first, in input order, if they were asked
// for; then what is reused, then the protocols, then the scan.
type Line struct {
	Record   *Record   `json:"record,omitempty"`
	Reuse    *Reuse    `json:"reuse,omitempty"`
	Protocol *Protocol `json:"protocol,omitempty"`
	Scan     *Scan     `json:"scan,omitempty"`
}

// Record is the truth about one record.
type Record struct {
	Object   string   `json:"object"` // relative to the scan's folder
	Row      int64    `json:"row"`    // from 1
	Member   int      `json:"member"` // among the records of the row, from 0
	Protocol string   `json:"protocol"`
	Outcome  string   `json:"outcome"`
	Labels   []string `json:"labels,omitempty"` // of a record that is kept, sorted
	// Certificates are the SHA-256 of the readable certificates of a record that is kept, attached ones included.
	Certificates []string `json:"certificates,omitempty"`
}

// Reuse is something that at least two hosts hold.
type Reuse struct {
	Kind   string `json:"kind"` // certificate or key
	SHA256 string `json:"sha256"`
	Hosts  int64  `json:"hosts"` // distinct addresses
}

// Protocol counts the records of a protocol. Records = Filtered + Duplicates + Kept.
type Protocol struct {
	Protocol   string           `json:"protocol"`
	Records    int64            `json:"records"`
	Filtered   int64            `json:"filtered"`
	Duplicates int64            `json:"duplicates"`
	Kept       int64            `json:"kept"`
	Labelled   int64            `json:"labelled"` // kept ones with at least one label
	Labels     map[string]int64 `json:"labels"`   // kept ones by label
}

// Scan counts the scan's rows. Lines = WithRecords + Empty + Rejected.
type Scan struct {
	Seed         uint64 `json:"seed"`
	Layout       string `json:"layout"`
	Objects      int64  `json:"objects"` // without the side table
	Lines        int64  `json:"lines"`
	WithRecords  int64  `json:"with_records"`
	Empty        int64  `json:"empty"`    // rows without a record
	Rejected     int64  `json:"rejected"` // lines that cannot be read
	Records      int64  `json:"records"`
	Certificates int64  `json:"certificates"`         // rows of the side table
	SideTable    string `json:"side_table,omitempty"` // its object
	Certificate  int64  `json:"reused_certificates"`
	Key          int64  `json:"reused_keys"`
}

// Truth is the truth without its records.
type Truth struct {
	Scan      Scan       `json:"scan"`
	Protocols []Protocol `json:"protocols"` // in alphabetical order
}

// ReadTruth calls each for every line of a truth file, in order, until it fails. It keeps nothing.
func ReadTruth(r io.Reader, each func(Line) error) error {
	d := json.NewDecoder(r)
	for {
		var line Line
		if err := d.Decode(&line); err == io.EOF {
			return nil
		} else if err != nil {
			return fmt.Errorf("read truth: %w", err)
		}
		if err := each(line); err != nil {
			return err
		}
	}
}

// tally counts the records of one protocol without names.
type tally struct {
	records, filtered, duplicates, kept, labelled int64

	labels [64]int64
}

func (t *tally) add(o *tally) {
	t.records += o.records
	t.filtered += o.filtered
	t.duplicates += o.duplicates
	t.kept += o.kept
	t.labelled += o.labelled
	for i, n := range o.labels {
		t.labels[i] += n
	}
}

// note counts a record.
func (t *tally) note(outcome string, l labels) {
	t.records++
	switch outcome {
	case Filtered:
		t.filtered++
		return
	case Duplicate:
		t.duplicates++
		return
	}
	t.kept++
	if l != 0 {
		t.labelled++
	}
	for i := range t.labels {
		t.labels[i] += int64(l >> i & 1)
	}
}

func (t *tally) protocol(name string, labels []string) Protocol {
	p := Protocol{
		Protocol: name, Records: t.records, Filtered: t.filtered, Duplicates: t.duplicates, Kept: t.kept,
		Labelled: t.labelled, Labels: map[string]int64{},
	}
	for i, label := range labels {
		if t.labels[i] > 0 {
			p.Labels[label] = t.labels[i]
		}
	}
	return p
}

// reused lists what the census found on several hosts, certificates first, each sorted by hash.
func (w *world) reused() []Reuse {
	var certs, keys []Reuse
	for n, hosts := range w.census.certs {
		if hosts >= reuseHosts {
			id := sharedClass<<classShift | uint64(n)
			c := newCertificate(w.config.Seed, scanStart, certID(id), sharedKey(uint64(n)))
			certs = append(certs, Reuse{Kind: "certificate", SHA256: c.sha256, Hosts: int64(hosts)})
		}
	}
	add := func(class uint64, counts []uint32) {
		for n, hosts := range counts {
			if hosts >= reuseHosts {
				spki, _, _ := newKey(w.config.Seed, keyID(class<<classShift|uint64(n)))
				keys = append(keys, Reuse{Kind: "key", SHA256: hexHash(spki), Hosts: int64(hosts)})
			}
		}
	}
	add(sharedClass, w.census.keys)
	add(pooledClass, w.census.pooled)
	byHash := func(a, b Reuse) int { return strings.Compare(a.SHA256, b.SHA256) }
	slices.SortFunc(certs, byHash)
	slices.SortFunc(keys, byHash)
	return append(certs, keys...)
}
