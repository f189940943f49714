package worker

import (
	"fmt"
	"io"

	"github.com/dice-engine/dice/internal/store"
	"github.com/dice-engine/dice/internal/tape"
	"github.com/dice-engine/dice/reduce"
	"github.com/dice-engine/dice/shard"
)

// partWriter runs a write task: it joins the segments of a run of shards with the verdicts on them.
type partWriter struct {
	*attempt
	part         shard.Partition
	mapped       *shard.Index
	lines        [][]int64
	table        *tableWriter
	records      *verdictCursor
	certificates *verdictCursor
	result       *shard.WriteResult
	attached     certificate // to the record at hand
	composer
	row []byte
}

// writePart runs a write task.
func (a *attempt) writePart() error {
	mapped, err := a.index(a.ctx, shard.Map)
	if err != nil {
		return err
	}
	x := &partWriter{
		attempt: a, mapped: mapped, part: mapped.Partitions[a.task], lines: a.firstLines(mapped),
		result:   &shard.WriteResult{Labels: map[string]int64{}},
		composer: composer{sets: map[string]*labelSet{}, unions: map[parts]*labelSet{}, counts: map[string]*int64{}},
	}
	x.table = &tableWriter{attempt: a, key: x.partKey(), shape: x.rowShape()}
	defer x.table.abort()
	if x.part.Protocol < len(a.protocols) {
		err = x.writeProtocol()
	} else {
		err = x.writeRejects()
	}
	if err != nil {
		return err
	}
	x.countLabels()
	if x.result.Output, err = x.table.finish(); err != nil {
		return err
	}
	return a.commit(&shard.Commit{Write: x.result})
}

func (x *partWriter) partKey() string {
	if x.part.Protocol == len(x.protocols) {
		return shard.PartKey(shard.RejectsTable, x.part.Part)
	}
	return shard.PartKey(shard.ProtocolTable(x.protocols[x.part.Protocol].Name), x.part.Part)
}

func (x *partWriter) rowShape() *tape.Shape {
	if x.part.Protocol == len(x.protocols) {
		return rejectShape
	}
	return OutputShape(x.protocols[x.part.Protocol])
}

// openSegment opens the protocol's records of a shard; nil when the shard carries none.
func (x *partWriter) openSegment(task int) (*reduce.SegmentReader, error) {
	m := x.mapped.Commits[task].Map
	if m == nil {
		return nil, nil
	}
	file := store.Open(x.ctx, x.out, store.Info{Key: m.Segment.Key, Size: m.Segment.Size})
	return reduce.OpenSegment(file, m.Segment.Size, x.part.Protocol)
}

func (x *partWriter) writeProtocol() (err error) {
	if x.records, err = x.openVerdicts(0); err != nil {
		return err
	}
	defer x.records.Close()
	if x.certificates, err = x.openVerdicts(1); err != nil {
		return err
	}
	defer x.certificates.Close()
	for task := x.part.From; task < x.part.To; task++ {
		if err := x.writeShard(task); err != nil {
			return err
		}
	}
	return nil
}

// openVerdicts merges what all resolve tasks said on this partition, of records (0) or certificates (1).
func (x *partWriter) openVerdicts(space int) (*verdictCursor, error) {
	var runs []opener
	for _, stage := range []shard.Stage{shard.Identity, shard.Reuse} {
		index, err := x.index(x.ctx, stage)
		if err != nil {
			return nil, err
		}
		for i := range index.Commits {
			r := index.Commits[i].Resolve
			if r != nil && r.Extents[x.task][space].Records > 0 {
				runs = append(runs, x.extent(r.Verdicts, r.Extents[x.task][space]))
			}
		}
	}
	it, err := reduce.ReadVerdicts(runs, x.budget/2, x.scratch)
	if err != nil {
		return nil, err
	}
	c := &verdictCursor{it: it}
	return c, c.advance()
}

// writeShard writes one shard's records. Settled records are not in the segment: those of them that are duplicates
// have a verdict all the same, and are told from the unlabelled ones by it.
func (x *partWriter) writeShard(task int) error {
	m := x.mapped.Commits[task].Map
	if m == nil {
		return nil
	}
	counts := m.Protocols[x.part.Protocol]
	x.result.Unlabelled += counts.Settled
	if counts.Carried > 0 {
		if err := x.writeCarried(task); err != nil {
			return err
		}
	}
	return x.settle(task, uint32(counts.Kept))
}

func (x *partWriter) writeCarried(task int) error {
	segment, err := x.openSegment(task)
	if err != nil {
		return err
	}
	defer x.endTurn()
	segment.OnLarge = x.takeTurn
	var failed error
	segment.OnCertificate = func(c *reduce.SegmentCertificate) {
		if err := x.judge(task, c); err != nil && failed == nil {
			failed = err
		}
	}
	for {
		rec, err := segment.Next()
		if err == io.EOF {
			return failed
		}
		if err == nil {
			err = failed
		}
		if err != nil {
			return fmt.Errorf("read segment of map task %d: %w", task, err)
		}
		if err := x.settle(task, rec.Ordinal); err != nil {
			return err
		}
		if err := x.record(task, rec); err != nil {
			return err
		}
		x.moved.rows.Add(1)
	}
}

// settle counts the verdicts on settled records before index.
func (x *partWriter) settle(task int, index uint32) error {
	for x.records.before(task, index) {
		at := x.records.next.Address
		f, err := x.records.take(int(at.Shard), at.Index)
		if err != nil {
			return err
		}
		if f.duplicate {
			x.result.Duplicates++
			x.result.Unlabelled--
		}
	}
	return nil
}

// judge fills in on how many hosts a segment's certificate and its key were seen.
func (x *partWriter) judge(task int, c *reduce.SegmentCertificate) error {
	for x.certificates.before(task, c.Index) {
		if err := x.certificates.advance(); err != nil {
			return err
		}
	}
	f, err := x.certificates.take(task, c.Index)
	c.CertHosts, c.KeyHosts = f.hosts, f.keyHosts
	return err
}

// record writes one record, or counts why it does not come out.
func (x *partWriter) record(task int, rec *reduce.SegmentRecord) error {
	f, err := x.records.take(task, rec.Ordinal)
	if err != nil {
		return err
	}
	if f.duplicate {
		x.result.Duplicates++
		return nil
	}
	var attached *certificate
	if f.attached {
		attached = &x.attached
		if err := attached.setPayload(f.payload); err != nil {
			return err
		}
	}
	set := x.labelSet(rec, attached, f)
	if len(set.labels) == 0 && x.plan.Command.Options.Mode == shard.Labelled {
		x.result.Unlabelled++
		return nil
	}
	x.result.Rows++
	if len(set.labels) > 0 {
		x.result.Classified++
	}
	for i := range set.labels {
		*set.counts[i]++
	}
	x.moved.bytes.Add(int64(len(rec.IP) + len(rec.Fingerprint)))
	return x.compose(task, rec, attached, f, set)
}

// writeRejects writes the rejects of a run of shards.
func (x *partWriter) writeRejects() error {
	for task := x.part.From; task < x.part.To; task++ {
		if m := x.mapped.Commits[task].Map; m == nil || m.Rejects == 0 {
			continue
		}
		segment, err := x.openSegment(task)
		if err != nil {
			return err
		}
		for {
			rec, err := segment.Next()
			if err == io.EOF {
				break
			}
			if err != nil {
				return fmt.Errorf("read segment of map task %d: %w", task, err)
			}
			x.row = x.appendSource(append(x.row[:0], tape.Present), 1, task, int(rec.Slice), rec.Row)
			x.row = append(x.row, rec.Fingerprint[1:]...) // its fields follow those of the origin
			x.result.Rows++
			x.moved.rows.Add(1)
			if err := x.table.write(x.row); err != nil {
				return err
			}
		}
	}
	return nil
}
