package worker

import (
	"slices"

	"github.com/dice-engine/dice/internal/record"
	"github.com/dice-engine/dice/internal/tape"
	"github.com/dice-engine/dice/protocols"
	"github.com/dice-engine/dice/reduce"
)

// composer keeps what rows have in common, so that it is put together once.
type composer struct {
	sets   map[string]*labelSet // by their labels, joined
	unions map[parts]*labelSet
	counts map[string]*int64 // of each label
	labels []string
	value  []byte // of a certificate
	input  int
	url    []byte // of the input
}

// labelSet are the labels of a row.
type labelSet struct {
	joined string
	labels []string
	counts []*int64 // of each
	value  *record.Fragment
	with   [4]*labelSet // with those of reuse added: of a certificate, of its key
}

// maxSets bounds the label sets that are kept. There are few; strangers may bring more about.
const maxSets = 1 << 12

// setOf returns the set of labels in any order, repeated or not.
func (x *partWriter) setOf(labels []string) *labelSet {
	joined := joinLabels(labels...)
	if set := x.sets[joined]; set != nil {
		return set
	}
	set := &labelSet{joined: joined, labels: splitLabels(nil, joined)}
	for _, label := range set.labels {
		if x.counts[label] == nil {
			x.counts[label] = new(int64)
		}
		set.counts = append(set.counts, x.counts[label])
	}
	if len(x.sets) < maxSets {
		x.sets[joined] = set
	}
	return set
}

// countLabels moves the counts into the task's result.
func (x *partWriter) countLabels() {
	for label, n := range x.counts {
		if *n > 0 {
			x.result.Labels[label] = *n
		}
	}
}

// labelSet returns the labels of a record: its own, those of reuse, and those of what was attached.
func (x *partWriter) labelSet(rec *reduce.SegmentRecord, attached *certificate, f findings) *labelSet {
	own, _ := rec.OfLabels.Note.(*labelSet)
	if own == nil {
		own = x.setOf(splitLabels(nil, string(rec.Labels)))
		rec.OfLabels.Note = own
	}
	reuse := 0
	for _, c := range rec.Certificates {
		reuse |= x.reuse(c.CertHosts, c.KeyHosts)
	}
	if attached == nil {
		return x.withReuse(own, reuse)
	}
	p := partsOf(own.joined, attached, rec.Time, rec.HasTime)
	set := x.unions[p]
	if set == nil {
		x.labels = p.append(x.labels[:0])
		set = x.setOf(x.labels)
		if len(x.unions) < maxSets {
			x.unions[p] = set
		}
	}
	return x.withReuse(set, reuse|x.reuse(f.hosts, f.keyHosts))
}

// Parts of labelSet.with.
const (
	certificateReuse = 1 << iota
	keyReuse
)

// reuse says which labels of reuse apply to a certificate on so many hosts, and with a key on so many.
func (x *partWriter) reuse(hosts, keyHosts uint32) (which int) {
	enough := uint32(x.plan.Command.Options.ReuseHosts)
	if hosts >= enough {
		which = certificateReuse
	}
	if keyHosts >= enough {
		which |= keyReuse
	}
	return which
}

func (x *partWriter) withReuse(set *labelSet, which int) *labelSet {
	if which == 0 {
		return set
	}
	if set.with[which] == nil {
		labels := slices.Clone(set.labels)
		if which&certificateReuse != 0 {
			labels = append(labels, protocols.CertificateReused)
		}
		if which&keyReuse != 0 {
			labels = append(labels, protocols.CertificateKeyReused)
		}
		set.with[which] = x.setOf(labels)
	}
	return set.with[which]
}

// compose writes a record as a row.
func (x *partWriter) compose(task int, rec *reduce.SegmentRecord, attached *certificate, f findings, set *labelSet) error {
	if err := x.table.open(); err != nil {
		return err
	}
	w, large := x.table.rows, len(rec.Fingerprint) > record.LargeRow
	if large {
		if err := w.EndGroup(); err != nil {
			return err
		}
	}
	putText(w, fieldIP, rec.IP)
	putText(w, fieldDomain, rec.Domain)
	putNumber(w, fieldPort, rec.Port)
	if rec.HasTime {
		w.Int(fieldTimestamp, rec.Time)
	}
	putText(w, fieldStatus, rec.Status)
	if fingerprint := rec.Fingerprint[1:]; fingerprint[0] != tape.End { // else it has no member
		x.putFingerprint(w, rec.OfFingerprint, fingerprint)
	}
	for _, c := range rec.Certificates {
		x.addCertificate(w, c)
	}
	if attached != nil {
		x.value = appendCertificate(x.value[:0], attached.tape, f.hosts, f.keyHosts)
		w.AddValue(fieldCertificates, x.value)
	}
	if len(set.labels) > 0 {
		if set.value == nil {
			set.value = w.Fragment(fieldLabels, labelsValue(set.labels))
		}
		w.Put(set.value)
	}
	if input := x.plan.Shards[task].Slices[rec.Slice].Input; input != x.input || x.url == nil {
		x.input, x.url = input, []byte(x.plan.Inputs[input].URL)
	}
	putText(w, fieldSourceObject, x.url)
	putNumber(w, fieldSourceRow, x.sourceRow(task, int(rec.Slice), rec.Row))
	if err := w.EndRow(); err != nil || !large {
		return err
	}
	return w.EndGroup()
}

// met is the note of what was met once: what is not met again is not worth a fragment.
type met struct{}

// putFingerprint writes a fingerprint.
func (x *partWriter) putFingerprint(w *record.Writer, of *reduce.SegmentEntry, value []byte) {
	switch note := of.Note.(type) {
	case *record.Fragment:
		w.Put(note)
	case met:
		f := w.Fragment(fieldFingerprint, value)
		of.Note = f
		w.Put(f)
	default:
		of.Note = met{}
		w.Value(fieldFingerprint, value)
	}
}

// addCertificate writes a certificate of a segment.
func (x *partWriter) addCertificate(w *record.Writer, c *reduce.SegmentCertificate) {
	switch note := c.Note.(type) {
	case *record.Fragment:
		w.Add(note)
	case met:
		f := w.Element(fieldCertificates, appendCertificate(nil, c.Tape, c.CertHosts, c.KeyHosts))
		c.Note = f
		w.Add(f)
	default:
		c.Note = met{}
		x.value = appendCertificate(x.value[:0], c.Tape, c.CertHosts, c.KeyHosts)
		w.AddValue(fieldCertificates, x.value)
	}
}

func putText(w *record.Writer, field int, text []byte) {
	if len(text) > 0 {
		w.Text(field, text)
	}
}

func putNumber(w *record.Writer, field int, n int64) {
	if n != 0 {
		w.Int(field, n)
	}
}

// labelsValue is the tape of a list of labels.
func labelsValue(labels []string) (value []byte) {
	for _, label := range labels {
		value = tape.AppendString(append(value, tape.Present), label)
	}
	return append(value, tape.End)
}

// sourceRow is the row in its object of a line of a slice; 0 is none.
func (x *partWriter) sourceRow(task, slice int, line int64) int64 {
	if line > 0 {
		line += x.lines[task][slice]
	}
	return line
}

// appendSource appends the fields source_object, whose number is given, and source_row, which follows it.
func (x *partWriter) appendSource(row []byte, field byte, task, slice int, line int64) []byte {
	row = appendText(row, field, x.plan.Inputs[x.plan.Shards[task].Slices[slice].Input].URL)
	return appendNumber(row, field+1, x.sourceRow(task, slice, line))
}
