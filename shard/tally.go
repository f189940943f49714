package shard

import (
	"fmt"
	"slices"
	"strings"
)

// Tally is what the indexes of a finished job add up to.
type Tally struct {
	Manifest  *Manifest
	Summary   *Summary
	Successes []int64 // by signature
	Kept      []int64 // by signature
	read      int64   // records, as they were counted when they were read
}

// Count makes manifest and summary of the indexes of all stages. It fails when a row or a record is unaccounted for.
func Count(p *Plan, indexes map[Stage]*Index) (*Tally, error) {
	names := p.Command.Options.Signatures
	m := &Manifest{
		ResultVersion: ResultVersion, Digest: p.Digest, Command: p.Command,
		Protocols: map[string]Records{}, Skipped: []Failure{}, Outputs: []Output{},
		Inputs: []ManifestInput{}, Side: []ManifestInput{},
	}
	t := &Tally{
		Manifest: m, Summary: &Summary{Protocols: map[string]ProtocolSummary{}},
		Successes: make([]int64, len(names)), Kept: make([]int64, len(names)),
	}
	countInputs(p, m)
	records := make([]Records, len(names))
	t.countMap(p, indexes[Map], records)
	t.countReuse(indexes[Reuse])
	if err := t.countWrite(indexes[Map], indexes[Write], names, records); err != nil {
		return nil, err
	}
	for i, name := range names {
		if kept := records[i].Output + records[i].Duplicate + records[i].Unlabelled; kept != t.Kept[i] {
			return nil, fmt.Errorf("%s: %d records passed the filter, %d are accounted for", name, t.Kept[i], kept)
		}
		records[i].sum()
		m.Protocols[name] = records[i]
		m.Records.add(records[i])
	}
	if m.Records.sum(); m.Records.Records != t.read {
		return nil, fmt.Errorf("%d records were read, %d are accounted for", t.read, m.Records.Records)
	}
	slices.SortFunc(m.Outputs, func(a, b Output) int { return strings.Compare(a.Key, b.Key) })
	t.Summary.Lines, t.Summary.Records, t.Summary.Rejects = m.Lines, m.Records, m.Rejects
	return t, checkLines(m)
}

func checkLines(m *Manifest) error {
	for _, l := range []Lines{m.Lines, m.SideLines} {
		if l.Lines != l.WithRecords+l.Empty+l.Rejected {
			return fmt.Errorf("%d rows were read, %d with records, %d empty and %d rejected ones are accounted for",
				l.Lines, l.WithRecords, l.Empty, l.Rejected)
		}
	}
	return nil
}

func countInputs(p *Plan, m *Manifest) {
	side := map[int]bool{}
	for _, s := range p.Shards {
		for _, slice := range s.Slices {
			side[slice.Input] = s.Side
		}
	}
	for i, in := range p.Inputs {
		entry := ManifestInput{URL: in.URL, Size: in.Size, ETag: in.ETag}
		if side[i] {
			m.Side = append(m.Side, entry)
		} else {
			m.Inputs = append(m.Inputs, entry)
		}
	}
}

func (t *Tally) countMap(p *Plan, index *Index, records []Records) {
	for i, c := range index.Commits {
		if c.Map == nil {
			continue
		}
		lines := &t.Manifest.Lines
		if p.Shards[i].Side {
			lines = &t.Manifest.SideLines
		}
		for _, s := range c.Map.Slices {
			lines.Lines += s.Lines
			lines.WithRecords += s.WithRecords
			lines.Empty += s.Empty
			lines.Rejected += s.Rejected
		}
		t.read += c.Map.Records
		t.Manifest.Records.Other += c.Map.Other
		t.Manifest.Records.Rejected += c.Map.Strays
		t.Manifest.Rejects += c.Map.Rejects
		for k, counts := range c.Map.Protocols {
			r := &records[k]
			r.Excluded += counts.Excluded
			r.Rejected += counts.Rejected
			r.Filtered += counts.Filtered
			r.Duplicate += counts.Repeated
			t.Kept[k] += counts.Kept
			t.Successes[k] += counts.Successes
		}
	}
}

func (t *Tally) countReuse(index *Index) {
	for _, c := range index.Commits {
		if c.Resolve == nil {
			continue
		}
		t.Summary.Reuse.Certificates += c.Resolve.Found.Certificates
		t.Summary.Reuse.Keys += c.Resolve.Found.Keys
		if c.Resolve.Output != nil {
			t.Manifest.Outputs = append(t.Manifest.Outputs, *c.Resolve.Output)
		}
	}
}

func (t *Tally) countWrite(mapped, written *Index, names []string, records []Records) error {
	summaries := make([]ProtocolSummary, len(names))
	for i := range summaries {
		summaries[i].Labels = map[string]int64{}
	}
	for i, c := range written.Commits {
		w := c.Write
		if w == nil {
			continue
		}
		if w.Output != nil {
			t.Manifest.Outputs = append(t.Manifest.Outputs, *w.Output)
		}
		k := mapped.Partitions[i].Protocol
		if k == len(names) {
			continue
		}
		if w.Output != nil && w.Output.Rows != w.Rows {
			return fmt.Errorf("%s: %d rows in the file, %d written", w.Output.Key, w.Output.Rows, w.Rows)
		}
		records[k].Output += w.Rows
		records[k].Duplicate += w.Duplicates
		records[k].Unlabelled += w.Unlabelled
		summaries[k].Flagged += w.Rows + w.Unlabelled
		summaries[k].Classified += w.Classified
		for label, n := range w.Labels {
			summaries[k].Labels[label] += n
		}
	}
	for i, name := range names {
		t.Summary.Protocols[name] = summaries[i]
	}
	return nil
}

func (r *Records) add(o Records) {
	r.Output += o.Output
	r.Duplicate += o.Duplicate
	r.Filtered += o.Filtered
	r.Unlabelled += o.Unlabelled
	r.Other += o.Other
	r.Excluded += o.Excluded
	r.Rejected += o.Rejected
}

func (r *Records) sum() {
	r.Records = r.Output + r.Duplicate + r.Filtered + r.Unlabelled + r.Other + r.Excluded + r.Rejected
}

// unknown is where a damaged slice ends.
const unknown = -1

// CheckSlices checks that the slices of compressed inputs fit together: each begins with the member after the last one
// of the slice before. Where that one was damaged nobody knows, and its reject says what is lost. Commits are those of
// the map stage.
func CheckSlices(p *Plan, commits []Commit) error {
	end := make([]int64, len(p.Inputs))
	for i, s := range p.Shards {
		for k, slice := range s.Slices {
			m := commits[i].Map
			if m == nil {
				continue
			}
			counts := m.Slices[k]
			if counts.Damaged {
				end[slice.Input] = unknown
			}
			if counts.End == 0 {
				continue
			}
			if end[slice.Input] != unknown && counts.Start != end[slice.Input] {
				return fmt.Errorf("%s: what was taken for a member at offset %d is none, or the one before %d is damaged; "+
					"use a --shard-size over the object's size", p.Inputs[slice.Input].URL, counts.Start, counts.Start)
			}
			if !counts.Damaged {
				end[slice.Input] = counts.End
			}
		}
	}
	return nil
}
