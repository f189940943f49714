package protocols

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// What a CoAP library's own page says of its version and of the years of its copyright.

// versionAfter returns the first word behind a mark that looks like a version: a digit first, and a dot in it. The mark
// ends in white space.
func versionAfter(text, mark string) *string {
	for found := true; found; {
		_, text, found = strings.Cut(text, mark)
		word := strings.TrimRight(firstWord(text), ".,;")
		if word != "" && word[0] >= '0' && word[0] <= '9' && strings.Contains(word, ".") {
			return &word
		}
	}
	return nil
}

func firstWord(text string) string {
	if end := strings.IndexFunc(text, unicode.IsSpace); end >= 0 {
		return text[:end]
	}
	return text
}

// libcoapYears returns both ends of the first range FROM--TO that follows "Copyright" or "(C)" on its line.
func libcoapYears(page string) []string {
	for line := range strings.SplitSeq(page, "\n") {
		at := min(indexFold(line, "copyright"), indexFold(line, "(c)"))
		if from, to, ok := findRange(line[at:]); ok {
			return []string{from, to}
		}
	}
	return nil
}

// indexFold is where mark begins in text, in letters of any case; len(text) if nowhere.
func indexFold(text, mark string) int {
	for i := range len(text) - len(mark) + 1 {
		if strings.EqualFold(text[i:i+len(mark)], mark) {
			return i
		}
	}
	return len(text)
}

// findRange finds the first two numbers with two hyphens between them. Digits of all scripts count.
func findRange(text string) (from, to string, ok bool) {
	for i := range len(text) - 1 {
		if text[i] != '-' || text[i+1] != '-' {
			continue
		}
		before, after := text[:i], text[i+2:]
		from = before[len(strings.TrimRightFunc(before, unicode.IsDigit)):]
		to = after[:len(after)-len(strings.TrimLeftFunc(after, unicode.IsDigit))]
		if from != "" && to != "" {
			return from, to, true
		}
	}
	return "", "", false
}

// californiumYears returns the numbers between "(c)" and the name of the institute behind it on the same line, on the
// first line that has both.
func californiumYears(page string) []string {
	for line := range strings.SplitSeq(page, "\n") {
		_, notice, _ := strings.Cut(line, "(c)")
		if years, _, ok := strings.Cut(notice, "Institute for Pervasive Computing"); ok {
			return strings.FieldsFunc(years, func(r rune) bool { return !unicode.IsDigit(r) })
		}
	}
	return nil
}

func latest(years []string) int {
	year := 0
	for _, y := range years {
		year = max(year, yearOf(y))
	}
	return year
}

// yearOf returns the value of digits of any script; of large numbers only that they are large.
func yearOf(digits string) int {
	year := 0
	for _, r := range digits {
		year = min(10*year+digitOf(r), 1_000_000)
	}
	return year
}

// maxYear is how many digits a year may have that becomes part of a label.
const maxYear = 6

// isPlainYear says whether a year is short and in digits of one script. Others make no label: strangers who answer for many
// addresses could make up ever more of them.
func isPlainYear(digits string) bool {
	first, _ := utf8.DecodeRuneInString(digits)
	zero := first - rune(digitOf(first))
	for _, r := range digits {
		if r-rune(digitOf(r)) != zero {
			return false
		}
	}
	return utf8.RuneCountInString(digits) <= maxYear
}

// digitOf returns the value of a digit. Unicode encodes the digits of each script in a row, zero first.
func digitOf(r rune) int {
	if r < utf8.RuneSelf {
		return int(r - '0')
	}
	for _, block := range unicode.Nd.R16 {
		if rune(block.Lo) <= r && r <= rune(block.Hi) {
			return int(r-rune(block.Lo)) % 10
		}
	}
	for _, block := range unicode.Nd.R32 {
		if rune(block.Lo) <= r && r <= rune(block.Hi) {
			return int(r-rune(block.Lo)) % 10
		}
	}
	return 0
}
