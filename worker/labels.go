package worker

import (
	"slices"
	"strings"
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
