package record

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dice-engine/dice/internal/tape"
)

type numberedResult struct {
	N    int64     `tape:"n"`
	Cert tape.Cert `tape:"cert"`
}

var numberedShape = tape.Of[numberedResult]()

// readAll reads a slice to its end. Each record and each reject becomes a line of text.
func readAll(t testing.TB, obj Object, s Slice, limits Limits) (out []string, counts Counts) {
	t.Helper()
	r, err := Open(context.Background(), obj, s, []Want{{"a", numberedShape}}, limits)
	if err != nil {
		t.Fatal(err)
	}
	return listing(t, r)
}

func listing(t testing.TB, r Reader) (out []string, counts Counts) {
	t.Helper()
	lost := int64(0)
	for {
		row, err := r.Next()
		var reject *RowError
		switch {
		case errors.Is(err, io.EOF):
			if err := r.Close(); err != nil {
				t.Error(err)
			}
			counts = r.Counts()
			if counts.Lines != counts.WithRecords+counts.Empty+counts.Rejected || counts.Rejected != lost {
				t.Errorf("counts do not add up: %+v, %d rows lost", counts, lost)
			}
			return out, counts
		case errors.As(err, &reject):
			lost += reject.Rows
			out = append(out, fmt.Sprintf("%d/%d lost %d want %d %q: %v", reject.Row, reject.Member, reject.Rows, reject.Want, reject.Content, reject.Err))
		case err != nil:
			t.Fatal(err)
		default:
			out = append(out, fmt.Sprintf("%d/%d want %d %s %s %d %s %q", row.Row, row.Member, row.Want, row.IP, row.Status, row.Port,
				tape.AppendJSON(numberedShape, nil, row.Result), row.Certificates))
		}
	}
}

var whole = Slice{0, 1 << 40}

func TestLineReader(t *testing.T) {
	limits := DefaultLimits
	limits.Line, limits.Content = 100, 12
	long := `{"ip":"` + strings.Repeat("9", 100) + `"}`
	for _, c := range []struct {
		name, text string
		want       []string
		counts     Counts
	}{
		{name: "empty object"},
		{name: "blank lines", text: "\n \t\r\n\n", counts: Counts{Lines: 3, Empty: 3}},
		{
			name: "records", text: "\xef\xbb\xbf" + `{"ip":"1","data":{"a":{"result":{"n":5,"cert":"C"}},"b":{}}}` + "\r\n" + `{"ip":"2"}` + "\n" + `{"ip":"3","port":4,"data":{"a":null}}`,
			want:   []string{`1/0 want 0 1  0 {"n":5,"cert":1} ["C"]`, `1/1 want -1 1  0 null []`, `3/0 want 0 3  4 null []`},
			counts: Counts{Lines: 3, WithRecords: 2, Empty: 1},
		},
		{
			name: "rejects", text: "x\n" + `{"data":{"a":{"result":{"n":"5"}}}}` + "\n\xef\xbb\xbf{}\n{}\n{",
			want: []string{
				`1/-1 lost 1 want -1 "x": offset 0: line is not an object`,
				`2/0 lost 0 want 0 "{\"data\":{\"a\"": offset 28: result.n: string where an integer is expected`,
				`3/-1 lost 1 want -1 "\ufeff{}": offset 0: line is not an object`,
				`5/-1 lost 1 want -1 "{": offset 1: text ends where a member's name is expected`,
			},
			counts: Counts{Lines: 5, WithRecords: 1, Empty: 1, Rejected: 3},
		},
		{
			name: "long lines", text: long + "\n{}\n" + long,
			want: []string{
				`1/-1 lost 1 want -1 "{\"ip\":\"99999": line over the limit of 100 octets`,
				`3/-1 lost 1 want -1 "{\"ip\":\"99999": line over the limit of 100 octets`,
			},
			counts: Counts{Lines: 3, Empty: 1, Rejected: 2},
		},
		{name: "line at the limit", text: long[:7] + long[17:] + "\n", counts: Counts{Lines: 1, Empty: 1}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, counts := readAll(t, objectOf("x.jsonl", []byte(c.text)), whole, limits)
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("want - got +\n%s", diff)
			}
			c.counts.Bytes = int64(len(c.text))
			if diff := cmp.Diff(c.counts, counts); diff != "" {
				t.Errorf("want - got +\n%s", diff)
			}
		})
	}
}

// endless is an object whose octets are made up as they are read.
type endless struct{ fill byte }

func (e endless) ReadAt(p []byte, _ int64) (int, error) {
	for i := range p {
		p[i] = e.fill
	}
	return len(p), nil
}

func TestLongLineIsNotHeld(t *testing.T) {
	limits := DefaultLimits
	limits.Line = 1 << 20
	got, counts := readAll(t, Object{Name: "x", Size: 300 << 20, ReaderAt: endless{'a'}}, whole, limits)
	if len(got) != 1 || counts.Rejected != 1 || counts.Bytes != 300<<20 {
		t.Errorf("got %q, %+v", got, counts)
	}
	n := testing.AllocsPerRun(1, func() {
		s := newSplitter(io.LimitReader(infinite{}, 100<<20), limits, nil)
		if _, long, err := s.next(); !long || !errors.Is(err, io.EOF) || len(s.buffer) > 4<<20 {
			t.Errorf("long %v, error %v, buffer of %d", long, err, len(s.buffer))
		}
	})
	if n > 20 {
		t.Errorf("%v allocations", n)
	}
}

type infinite struct{}

func (infinite) Read(p []byte) (int, error) { return endless{'a'}.ReadAt(p, 0) }

func TestOpenTable(t *testing.T) {
	text := `{"n":1,"cert":"A","x":{}}` + "\n\n" + `{"n":"1"}` + "\n[]\n" + `{"cert":"A","n":2}`
	r, err := OpenTable(context.Background(), objectOf("side", []byte(text)), whole, numberedShape, DefaultLimits)
	if err != nil {
		t.Fatal(err)
	}
	got, counts := listing(t, r)
	want := []string{
		`1/0 want 0   0 {"n":1,"cert":1} ["A"]`,
		`3/0 lost 0 want 0 "{\"n\":\"1\"}": offset 5: n: string where an integer is expected`,
		`4/-1 lost 1 want -1 "[]": offset 0: line is not an object`,
		`5/0 want 0   0 {"n":2,"cert":1} ["A"]`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("want - got +\n%s", diff)
	}
	if counts.WithRecords != 3 || counts.Lines != 5 {
		t.Errorf("counts %+v", counts)
	}
}

// flaky fails to read behind an offset.
type flaky struct {
	io.ReaderAt
	from int64
	err  error
}

func (f flaky) ReadAt(p []byte, at int64) (int, error) {
	if at+int64(len(p)) > f.from {
		return 0, f.err
	}
	return f.ReaderAt.ReadAt(p, at)
}

func TestStoreErrorsEndTheReading(t *testing.T) {
	line := []byte(`{"data":{"a":null}}` + "\n")
	text := bytes.Repeat(line, 12<<20/len(line))
	broken := errors.New("connection reset")
	for _, c := range []struct {
		at   io.ReaderAt
		size int
		want error
	}{
		{flaky{bytes.NewReader(text), 5 << 20, broken}, len(text), broken},
		{bytes.NewReader(text), len(text) + 5, io.ErrUnexpectedEOF},
	} {
		r, err := Open(context.Background(), Object{Name: "x", Size: int64(c.size), ReaderAt: c.at}, whole, []Want{{"a", numberedShape}}, DefaultLimits)
		if err != nil {
			t.Fatal(err)
		}
		for err == nil {
			_, err = r.Next()
		}
		_, again := r.Next()
		if !errors.Is(err, c.want) || !errors.Is(again, c.want) {
			t.Errorf("error %v, then %v, want %v", err, again, c.want)
		}
		r.Close()
	}
}

func TestReadingIsCancelled(t *testing.T) {
	ctx, cancel := context.WithCancelCause(context.Background())
	reason := errors.New("drained")
	r, err := Open(ctx, Object{Name: "x", Size: 1 << 40, ReaderAt: endless{'\n'}}, whole, nil, DefaultLimits)
	if err != nil {
		t.Fatal(err)
	}
	cancel(reason)
	if _, err := r.Next(); !errors.Is(err, reason) {
		t.Errorf("error %v, want %v", err, reason)
	}
	r.Close()
}

func TestReaderMayBeClosedEarly(t *testing.T) {
	line := []byte(`{"data":{"a":null}}` + "\n")
	text := bytes.Repeat(line, 12<<20/len(line))
	r, err := Open(context.Background(), objectOf("x", text), whole, []Want{{"a", numberedShape}}, DefaultLimits)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Next(); err != nil {
		t.Error(err)
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
}

// TestTextWithoutLineFeeds: that no line begins in a slice is found without reading on to the end.
func TestTextWithoutLineFeeds(t *testing.T) {
	const size, slices = 64 << 20, 16
	read := 0
	for _, s := range even(size, slices)[1:] {
		c := &counting{ReaderAt: endless{'a'}}
		if out, counts := readAll(t, Object{Name: "a.jsonl", Size: size, ReaderAt: c}, s, DefaultLimits); len(out) > 0 || counts.Lines > 0 {
			t.Fatalf("got %q, %+v", out, counts)
		}
		for _, n := range c.sizes {
			read += n
		}
	}
	if read > 2*size {
		t.Errorf("%d octets were read of %d", read, size)
	}
}
