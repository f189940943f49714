package words

import (
	"strings"
	"testing"
)

func TestCut(t *testing.T) {
	for _, c := range []struct {
		text string
		n    int
		want string
	}{
		{"", 0, ""},
		{"abc", 3, "abc"},
		{"abc", 2, "ab"},
		{"abc", 0, ""},
		{"é", 1, ""},
		{"aé", 2, "a"},
		{"aé", 3, "aé"},
		{"工業", 5, "工"},
		{"工業", 3, "工"},
		{"a😀", 4, "a"},
		{"a😀b", 5, "a😀"},
		{strings.Repeat("\x80", 10), 8, strings.Repeat("\x80", 8)},
	} {
		if got := Cut(c.text, c.n); got != c.want {
			t.Errorf("%q to %d octets: got %q, want %q", c.text, c.n, got, c.want)
		}
	}
}
