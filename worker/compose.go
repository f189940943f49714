package worker

import (
	"slices"

	"github.com/dice-engine/dice/internal/tape"
	"github.com/dice-engine/dice/protocols"
	"github.com/dice-engine/dice/reduce"
)

// gatherLabels collects the record's labels: its own, reuse, and those of what was attached.
func (x *partWriter) gatherLabels(rec *reduce.SegmentRecord, attached *certificate, f findings) {
	x.labels = splitLabels(x.labels[:0], string(rec.Record.Labels))
	own := len(x.labels)
	for _, c := range rec.Certificates {
		x.reused(c.CertHosts, c.KeyHosts)
	}
	if attached != nil {
		x.labels = splitLabels(x.labels, attached.labels)
		x.labels = append(x.labels, attached.labelsAt(rec.Time, rec.HasTime)...)
		x.reused(f.hosts, f.keyHosts)
	}
	if len(x.labels) > own {
		slices.Sort(x.labels)
		x.labels = slices.Compact(x.labels)
	}
}

func (x *partWriter) reused(hosts, keyHosts uint32) {
	enough := uint32(x.plan.Command.Options.ReuseHosts)
	if hosts >= enough {
		x.labels = append(x.labels, protocols.CertificateReused)
	}
	if keyHosts >= enough {
		x.labels = append(x.labels, protocols.CertificateKeyReused)
	}
}

// compose makes the row's tape.
func (x *partWriter) compose(task int, rec *reduce.SegmentRecord, attached *certificate, f findings) []byte {
	row := append(x.row[:0], tape.Present)
	row = appendText(row, fieldIP, rec.IP)
	row = appendText(row, fieldDomain, rec.Domain)
	row = appendNumber(row, fieldPort, rec.Port)
	if rec.HasTime {
		row = tape.AppendInt(append(row, fieldTimestamp), rec.Time)
	}
	row = appendText(row, fieldStatus, rec.Status)
	row = appendFingerprint(row, rec.Fingerprint)
	if attached != nil || len(rec.Certificates) > 0 {
		row = append(row, fieldCertificates)
		for _, c := range rec.Certificates {
			row = appendCertificate(append(row, tape.Present), c.Tape, c.CertHosts, c.KeyHosts)
		}
		if attached != nil {
			row = appendCertificate(append(row, tape.Present), attached.tape, f.hosts, f.keyHosts)
		}
		row = append(row, tape.End)
	}
	row = appendLabels(row, x.labels)
	row = x.appendSource(row, fieldSourceObject, task, int(rec.Slice), rec.Row)
	x.row = append(row, tape.End)
	return x.row
}

// appendSource appends the fields source_object, whose number is given, and source_row, which follows it.
func (x *partWriter) appendSource(row []byte, field byte, task, slice int, line int64) []byte {
	input := x.plan.Shards[task].Slices[slice].Input
	row = appendText(row, field, x.plan.Inputs[input].URL)
	if line > 0 {
		line += x.lines[task][slice]
	}
	return appendNumber(row, field+1, line)
}
