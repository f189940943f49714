package worker

import (
	"slices"
	"strings"

	"github.com/dice-engine/dice/internal/record"
	"github.com/dice-engine/dice/reduce"
)

// Label sets travel as their labels, sorted, joined by line feeds.

// joinLabels makes a label set of labels in any order, repeated or not. It sorts them in place.
func joinLabels(labels ...string) string {
	switch len(labels) {
	case 0:
		return ""
	case 1:
		return labels[0]
	}
	slices.Sort(labels)
	return strings.Join(slices.Compact(labels), "\n")
}

// splitLabels appends the labels of a set to dst.
func splitLabels(dst []string, set string) []string {
	for set != "" {
		label, rest, _ := strings.Cut(set, "\n")
		dst = append(dst, label)
		set = rest
	}
	return dst
}

// parts are the label sets of a record and of its only certificate, which make one.
type parts struct {
	own, certificate string
	when             string // what depends on when the certificate was seen
}

func partsOf(own string, c *certificate, time int64, hasTime bool) parts {
	var buffer [2]string
	return parts{own, c.labels, joinLabels(c.appendLabelsAt(buffer[:0], time, hasTime)...)}
}

// append appends the labels of all parts.
func (p parts) append(dst []string) []string {
	return splitLabels(splitLabels(splitLabels(dst, p.own), p.certificate), p.when)
}

// united is what the parts of a protocol's records make.
type united struct {
	labels string
	at     reduce.Place
}

// partsIn are parts of a protocol's record.
type partsIn struct {
	want int
	parts
}

// localLabels are the labels that the record shows by itself, with their place if they may come again.
func (x *mapper) localLabels(row *record.Row, a *answer) (labels string, at *reduce.Place) {
	switch len(x.held) {
	case 0:
		return a.labels, &a.labelsAt
	case 1:
		u := x.unite(partsIn{row.Want, partsOf(a.labels, x.held[0], row.Time, row.HasTime)})
		return u.labels, &u.at
	}
	x.labels = splitLabels(x.labels[:0], a.labels)
	for _, c := range x.held {
		x.labels = splitLabels(x.labels, c.labels)
		x.labels = c.appendLabelsAt(x.labels, row.Time, row.HasTime)
	}
	return joinLabels(x.labels...), nil
}

// unite makes one set of parts, unless that was done before.
func (x *mapper) unite(p partsIn) *united {
	u := x.unions[p]
	if u == nil {
		x.labels = p.append(x.labels[:0])
		u = &united{labels: joinLabels(x.labels...)}
		if len(x.unions) < maxSets {
			x.unions[p] = u
		}
	}
	return u
}
