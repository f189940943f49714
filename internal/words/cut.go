package words

import "unicode/utf8"

// Cut shortens a text to n octets, or to a few less where a character of UTF-8 would be cut through.
func Cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for end := n; end >= max(n-utf8.UTFMax+1, 0); end-- {
		if utf8.RuneStart(s[end]) {
			return s[:end]
		}
	}
	return s[:n] // it is no UTF-8
}
