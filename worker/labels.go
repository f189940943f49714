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

// localLabels are the labels that the record shows by itself, with their place if they may come again.
func (x *mapper) localLabels(row *record.Row, a *answer) (labels string, at *reduce.Place) {
	switch len(x.held) {
	case 0:
		return a.labels, &a.labelsAt
	case 1:
		u := x.union(row, a)
		return u.labels, &u.at
	}
	x.labels = splitLabels(x.labels[:0], a.labels)
	for _, c := range x.held {
		x.labels = splitLabels(x.labels, c.labels)
		x.labels = c.appendLabelsAt(x.labels, row.Time, row.HasTime)
	}
	return joinLabels(x.labels...), nil
}

// parts are the labels of a record with one certificate.
type parts struct {
	want                   int
	own, certificate, when string // those that depend on when the record was seen
}

// united are such labels in one set.
type united struct {
	labels string
	at     reduce.Place
}

// union returns the labels of a record with one certificate.
func (x *mapper) union(row *record.Row, a *answer) *united {
	c := x.held[0]
	x.labels = c.appendLabelsAt(x.labels[:0], row.Time, row.HasTime)
	p := parts{row.Want, a.labels, c.labels, joinLabels(x.labels...)}
	u := x.unions[p]
	if u == nil {
		x.labels = splitLabels(splitLabels(splitLabels(x.labels[:0], p.own), p.certificate), p.when)
		u = &united{labels: joinLabels(x.labels...)}
		if len(x.unions) < maxSets {
			x.unions[p] = u
		}
	}
	return u
}
