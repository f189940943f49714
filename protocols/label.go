package protocols

import "strings"

// Matches says whether a label as it stands in the output is one that l describes: the same but for the segments that
// are capitals in l.ID, which stand for any text.
func (l Label) Matches(label string) bool {
	pattern, given := strings.Split(l.ID, ":"), strings.Split(label, ":")
	if len(pattern) != len(given) {
		return false
	}
	for i, segment := range pattern {
		if segment != given[i] && !varies(segment) {
			return false
		}
	}
	return true
}

// varies says whether a segment of a label's identifier stands for any text.
func varies(segment string) bool {
	return segment == strings.ToUpper(segment) && segment != strings.ToLower(segment)
}
