package worker

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"runtime"

	"github.com/dice-engine/dice/internal/record"
	"github.com/dice-engine/dice/internal/store"
	"github.com/dice-engine/dice/internal/tape"
	"github.com/dice-engine/dice/internal/words"
	"github.com/dice-engine/dice/reduce"
	"github.com/dice-engine/dice/shard"
)

// mapper labels the records of one shard.
type mapper struct {
	*attempt
	memos     *memos
	shard     shard.Shard
	segment   *reduce.SegmentWriter
	sightings *reduce.Sightings
	result    *shard.MapResult

	addr   netip.Addr // of the record at hand
	hasIP  bool
	key    []byte
	held   []*certificate // certificates of the record at hand, each once
	reader certificateReader
	out    reduce.Record

	labels []string
	unions map[partsIn]*united
	reject []byte
	buffer []byte // for fingerprints

	damaged    bool             // the slice at hand cannot be read to its end
	whole      bool             // the object at hand cannot be read at all
	doubt      bool             // something of the slice at hand was rejected
	places     map[[32]byte]int // of certificates in held, by their hashes
	ordinals   []int64
	renumbered []byte
}

// mapShard runs a map task.
func (a *attempt) mapShard(m *memos) error {
	segment, err := a.create("segment")
	if err != nil {
		return err
	}
	defer segment.Abort()
	x := &mapper{
		attempt: a, memos: m.forJob(a.job), shard: a.plan.Shards[a.task],
		segment:   reduce.NewSegmentWriter(segment, len(a.protocols)+1),
		sightings: reduce.NewSightings(a.sightingsConfig(a.budget)),
		places:    map[[32]byte]int{},
		unions:    map[partsIn]*united{},
		result:    &shard.MapResult{Protocols: make([]shard.ProtocolCounts, len(a.protocols))},
	}
	defer x.sightings.Close()
	read := x.slice
	if x.shard.Side {
		side := &sideMapper{attempt: a, mapper: x, texts: newMemo[*certificate](memoBytes)}
		read, x.result.Protocols = side.slice, nil
	}
	for i, slice := range x.shard.Slices {
		if a.isLeftOut(slice.Input) {
			x.result.Slices = append(x.result.Slices, shard.SliceCounts{})
			continue
		}
		a.at = &place{input: slice.Input}
		if err := read(i); err != nil {
			return err
		}
	}
	a.at = nil
	if err := x.segment.Close(); err != nil {
		return err
	}
	if x.result.Segment, err = segment.finish(); err != nil {
		return err
	}
	return x.finish()
}

// sightingsConfig is for sightings that may take budget octets of memory.
func (a *attempt) sightingsConfig(budget int) reduce.Config {
	return reduce.Config{
		Key: [shard.HashKeySize]byte(a.plan.HashKey), Partitions: a.plan.KeyPartitions, Budget: budget, Scratch: a.scratch,
	}
}

// finish writes the sightings and commits.
func (x *mapper) finish() error {
	blob, extents, err := x.writeSightings(x.sightings)
	if err != nil {
		return err
	}
	x.result.Sightings, x.result.Identity, x.result.Reuse = blob, extents[reduce.Identity], extents[reduce.Reuse]
	return x.commit(&shard.Commit{Map: x.result, Skipped: x.leftOut})
}

func (a *attempt) writeSightings(s *reduce.Sightings) (shard.Blob, [2][]shard.Extent, error) {
	w, err := a.create("sightings")
	if err != nil {
		return shard.Blob{}, [2][]shard.Extent{}, err
	}
	defer w.Abort()
	extents, err := s.Store(w)
	if err != nil {
		return shard.Blob{}, extents, fmt.Errorf("write %s: %w", w.key, err)
	}
	blob, err := w.finish()
	return blob, extents, err
}

// openInput opens a slice of an input for reading at the ETag of the plan.
func (a *attempt) openInput(s shard.Slice) (record.Object, record.Slice, *witness, error) {
	in := a.plan.Inputs[s.Input]
	bucket, err := a.places.Bucket(a.ctx, in.Place)
	if err != nil {
		return record.Object{}, record.Slice{}, nil, err
	}
	file, seen := watchOver(in.Place, store.Open(a.ctx, bucket, store.Info{Key: in.Key, Size: in.Size, ETag: in.ETag}))
	return record.Object{Name: in.URL, Size: in.Size, ReaderAt: file, OnLarge: a.takeTurn}, record.Slice{From: s.From, To: s.To}, seen, nil
}

func (x *mapper) slice(i int) error {
	object, part, seen, err := x.openSlice(x.shard.Slices[i])
	if err != nil {
		return err
	}
	reader, err := record.Open(x.ctx, object, part, x.wants, x.plan.Command.Options.Limits)
	if err != nil {
		return err
	}
	defer x.endTurn()
	defer reader.Close()
	x.at.reader = reader
	if err := x.rows(i, reader); err != nil {
		return err
	}
	return x.endSlice(i, reader, seen)
}

// endSlice takes down what a slice came to. Before data is called bad, or a part of a compressed object empty, it is
// looked at twice.
func (x *mapper) endSlice(i int, reader record.Reader, seen *witness) error {
	counts := sliceCounts(reader.Counts())
	counts.Damaged, counts.Whole = x.damaged, x.whole
	x.result.Slices = append(x.result.Slices, counts)
	doubt := x.doubt || x.shard.Slices[i].From > 0 && counts.Lines == 0
	x.damaged, x.whole, x.doubt = false, false, false
	if doubt {
		return seen.verify(x.ctx, x.moved)
	}
	return nil
}

func sliceCounts(c record.Counts) shard.SliceCounts {
	return shard.SliceCounts{
		Lines: c.Lines, WithRecords: c.WithRecords, Empty: c.Empty, Rejected: c.Rejected,
		Bytes: c.Bytes, Start: c.Start, End: c.End,
	}
}

// rows reads the records of slice i.
func (x *mapper) rows(i int, reader record.Reader) error {
	var rows, bytes int64
	move := func() {
		x.moved.rows.Add(rows)
		now := reader.Counts().Bytes
		x.moved.bytes.Add(now - bytes)
		rows, bytes = 0, now
	}
	defer move()
	for {
		if rows == moveRows {
			move()
		}
		rows++
		if err := x.next(i, reader); err == io.EOF {
			rows--
			return nil
		} else if err != nil {
			return err
		}
	}
}

// moveRows is after how many rows a task notes that it moves.
const moveRows = 1024

// next handles the next record, or what stands in its place.
func (x *mapper) next(slice int, reader record.Reader) error {
	row, err := reader.Next()
	if err == nil {
		x.result.Records++
		return x.record(slice, row)
	}
	var bad *record.RowError
	if !errors.As(err, &bad) {
		return err
	}
	if bad.Member >= 0 {
		x.result.Records++
	}
	return x.rejected(slice, bad)
}

// record decides what becomes of one record; the order of the cases is the order of accounting.
func (x *mapper) record(slice int, row *record.Row) error {
	if row.Want == record.Other {
		x.result.Other++
		return nil
	}
	counts := &x.result.Protocols[row.Want]
	if x.exclude.containText(row.IP) {
		counts.Excluded++
		return nil
	}
	success := string(row.Status) == "success"
	if success {
		counts.Successes++
	}
	if row.Result[0] == tape.End { // there is nothing that a signature could look at
		counts.Filtered++
		return nil
	}
	x.held = x.held[:0]
	if len(row.Certificates) > 1 { // texts of one certificate become one, which the signature sees
		x.readCertificates(row)
	}
	a, err := x.identify(row, success)
	switch {
	case err != nil:
		return x.rejected(slice, &record.RowError{
			Row: row.Row, Member: row.Member, Want: row.Want, IP: row.IP, Err: err,
		})
	case !a.kept:
		counts.Filtered++
		return nil
	}
	return x.kept(slice, row, a)
}

// memorable is up to how many octets of a record the answer is remembered: longer ones hardly come again, and each copy of
// theirs counts.
const memorable = memoBytes / 16

// huge is a size of a row of which few copies fit into a process's memory.
const huge = 16 << 20

// identify asks the signature, unless it has answered for the same record before.
func (x *mapper) identify(row *record.Row, success bool) (*answer, error) {
	if len(row.Result) > record.LargeRow {
		if err := x.takeTurn(); err != nil {
			return nil, err
		}
	}
	if len(row.Result) > memorable {
		x.moved.signs.Add(1)
		a, err := x.ask(row, success)
		if len(row.Result) > huge {
			runtime.GC() // what was made of it to ask is as large as the row, and so is what comes next
		}
		return a, err
	}
	answers := x.memos.answers[row.Want]
	x.key = append(tape.AppendBool(x.key[:0], success), row.Result...)
	key := words.Hash(x.key)
	if a, ok := answers.get(key); ok {
		return a, nil
	}
	a, err := x.ask(row, success)
	if err == nil {
		answers.put(key, a, len(a.fingerprint)+len(a.labels)+answerOverhead)
	}
	return a, err
}

func (x *mapper) ask(row *record.Row, success bool) (*answer, error) {
	fingerprint, labels, kept, err := x.protocols[row.Want].Identify(success, row.Result, x.buffer[:0])
	x.buffer = nil
	if cap(fingerprint) <= memorable { // else the answer has it, as it is
		x.buffer, fingerprint = fingerprint, bytes.Clone(fingerprint)
	}
	return &answer{kept: kept, fingerprint: fingerprint, labels: joinLabels(labels...)}, err
}

// kept handles a record past the filter: it is seen for every question that it takes part in, and carried if it can
// come out.
func (x *mapper) kept(slice int, row *record.Row, a *answer) error {
	x.addr, x.hasIP = reduce.ParseAddress(row.IP)
	counts := &x.result.Protocols[row.Want]
	at := reduce.Address{Protocol: uint8(row.Want), Shard: uint32(x.task), Index: uint32(counts.Kept)}
	counts.Kept++
	if len(x.held) == 0 {
		x.readCertificates(row)
	}
	if err := x.testify(at.Protocol); err != nil {
		return err
	}
	asks := len(row.Certificates) == 0 && x.hasIP && x.side && x.protocols[row.Want].Attach
	if asks { // even a duplicate: what its host is known to hold is evidence, in whichever shard it stands
		if err := x.sightings.Ask(x.addr, at); err != nil {
			return err
		}
	}
	repeated, err := x.duplicate(row, at)
	if err != nil {
		return err
	}
	if repeated {
		counts.Repeated++
		return nil
	}
	if err := x.hold(row, at); err != nil {
		return err
	}
	labels, labelsAt := x.localLabels(row, a)
	if labels == "" && !asks && len(x.held) == 0 && x.plan.Command.Options.Mode == shard.Labelled {
		counts.Settled++
		return nil
	}
	counts.Carried++
	x.out.Labels, x.out.LabelsAt = append(x.out.Labels[:0], labels...), labelsAt
	return x.carry(slice, row, at, a)
}

// duplicate sights the record's identity and says whether this task saw it lately.
func (x *mapper) duplicate(row *record.Row, at reduce.Address) (bool, error) {
	members := x.plan.Command.Options.Dedupe
	if len(members) == 0 || len(row.IP) == 0 && len(row.Domain) == 0 {
		return false, nil
	}
	x.key = append(x.key[:0], at.Protocol)
	for _, member := range members {
		switch member {
		case "ip":
			x.key = x.appendIdentity(x.key, row)
		case "port":
			x.key = tape.AppendInt(x.key, row.Port)
		case "status":
			x.key = tape.AppendString(x.key, row.Status)
		}
	}
	return x.sightings.Duplicate(at, x.key)
}

// appendIdentity appends who the host is: its address in canonical form, else its address as given, else its domain.
func (x *mapper) appendIdentity(dst []byte, row *record.Row) []byte {
	switch {
	case x.hasIP && x.addr.Is4():
		a := x.addr.As4()
		return append(append(dst, '4'), a[:]...)
	case x.hasIP:
		a := x.addr.As16()
		return append(append(dst, '6'), a[:]...)
	case len(row.IP) > 0:
		return tape.AppendString(append(dst, '?'), row.IP)
	}
	return tape.AppendString(append(dst, 'd'), row.Domain)
}

// carry puts the record, whose labels are known, into the segment.
func (x *mapper) carry(slice int, row *record.Row, at reduce.Address, a *answer) error {
	out := &x.out
	out.Slice, out.Row, out.Member, out.Ordinal = uint32(slice), row.Row, uint32(row.Member), at.Index
	out.IP, out.Domain, out.Status, out.Port = row.IP, row.Domain, row.Status, row.Port
	out.Host = x.addr
	out.Time, out.HasTime = row.Time, row.HasTime
	out.Fingerprint, out.FingerprintAt = a.fingerprint, &a.fingerprintAt
	return x.segment.Add(row.Want, out)
}
