package main

import (
	"bytes"
	"errors"
	"fmt"
	"testing"
)

// TestComplaintsAreOneLine each, whatever was joined and whatever strangers wrote.
func TestComplaintsAreOneLine(t *testing.T) {
	first, second := errors.New("mode \"x\""), errors.New("object \x1b[2J\nb\u202e")
	const one, two = `mode "x"`, `object \x1b[2J\nb\u202e`
	for _, c := range []struct {
		err  error
		want string
	}{
		{first, one},
		{errors.Join(first, second), one + "; " + two},
		{errors.Join(second), two},
		{fmt.Errorf("%w: %w", errUsage, errors.Join(first, errors.Join(second, first))), "wrong usage: " + one + "; " + two + "; " + one},
		{fmt.Errorf("read %w: %w (see help)", second, errors.Join(second, second)), "read " + two + ": " + two + "; " + two + " (see help)"},
		{fmt.Errorf("%w, then %w", errors.Join(first, second), errors.Join(second, first)), one + "; " + two + ", then " + two + "; " + one},
		{fmt.Errorf("a\nb: %w", first), `a\nb: ` + one},
		{hidden{errors.Join(first, second)}, `hidden\nerror`},
	} {
		var said bytes.Buffer
		complain(&said, c.err)
		if got, want := said.String(), "dice: "+c.want+"\n"; got != want {
			t.Errorf("got %q\nwant %q", got, want)
		}
	}
}

// hidden is an error that does not tell its cause.
type hidden struct{ cause error }

func (hidden) Error() string   { return "hidden\nerror" }
func (h hidden) Unwrap() error { return h.cause }
