package telemetry

import (
	"bytes"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// clock is a time that moves when told.
type clock struct{ at time.Time }

func (c *clock) now() time.Time { return c.at }

func (c *clock) pass(d time.Duration) { c.at = c.at.Add(d) }

func TestBarShowsRatesAndRest(t *testing.T) {
	var out bytes.Buffer
	c := &clock{time.Unix(0, 0)}
	p := NewProgress(&out, func() int { return 200 }, c.now)
	p.Phase("map", 10, 0)
	c.pass(2 * time.Second)
	p.Advance("map", 4_000_000, 600_000_000, 4)
	want := "\r\x1b[Kmap       [█████████···············]  40%  4.0 M rows  2.0 M rows/s  300 MB/s  3s left"
	if got := out.String(); got != want {
		t.Errorf("bar\n got %q\nwant %q", got, want)
	}
	out.Reset()
	p.Advance("map", 1, 1, 1)
	if out.Len() != 0 {
		t.Errorf("bar is drawn again at once: %q", out.String())
	}
	p.Advance("write", 1, 1, 1)
	if _, err := p.Write([]byte("a line\n")); err != nil || out.String() != "\r\x1b[Ka line\n" {
		t.Errorf("line beside the bar: %q, %v", out.String(), err)
	}
	out.Reset()
	p.Close()
	if got := out.String(); !strings.HasSuffix(got, "2s left\n") || !strings.Contains(got, " 50%") {
		t.Errorf("end %q", got)
	}
}

// TestBarFitsTheTerminal at every update, whatever there is to tell; what matters most stays longest.
func TestBarFitsTheTerminal(t *testing.T) {
	for columns, want := range map[int]string{
		200: "map       [█████████···············]  40%  4.0 M rows  2.0 M rows/s  300 MB/s  3s left",
		80:  "map       [██████···········]  40%  4.0 M rows  2.0 M rows/s  300 MB/s  3s left",
		60:  "map       [███████············]  40%  2.0 M rows/s  3s left",
		40:  "map        40%  2.0 M rows/s  3s left",
		20:  "map        40%",
		5:   "map ",
		0:   "",
	} {
		var out bytes.Buffer
		c := &clock{time.Unix(0, 0)}
		now := 500
		p := NewProgress(&out, func() int { return now }, c.now)
		p.Phase("map", 10, 0)
		now = columns
		c.pass(2 * time.Second)
		p.Advance("map", 4_000_000, 600_000_000, 4)
		if got := strings.TrimPrefix(out.String(), "\r\x1b[K"); got != want {
			t.Errorf("%d columns\n got %q\nwant %q", columns, got, want)
		}
	}
	for columns := range 250 {
		for _, total := range []int64{0, 1, 122, 1e12} {
			for _, s := range []phase{{rows: 1}, {rows: 1e17, rowRate: 1e17, byteRate: 1e17, done: total / 9}, {rows: 3e5, done: total}} {
				s.name, s.total = "identity", total
				if line := s.bar(time.Unix(4e6, 0), columns-1); utf8.RuneCountInString(line) >= max(1, columns) {
					t.Errorf("%d columns: %q", columns, line)
				}
			}
		}
	}
}

func TestLinesWhereThereIsNoTerminal(t *testing.T) {
	var out bytes.Buffer
	c := &clock{time.Unix(0, 0)}
	p := NewProgress(&out, nil, c.now)
	log, err := NewLogger(p, "text", "info")
	if err != nil {
		t.Fatal(err)
	}
	p.LogTo(log)
	p.Phase("map", 4, 0)
	c.pass(9 * time.Second)
	p.Advance("map", 90, 0, 1)
	if out.Len() != 0 {
		t.Errorf("line before its time: %s", out.String())
	}
	c.pass(time.Second)
	p.Advance("map", 10, 0, 1)
	if got := out.String(); !strings.Contains(got, "msg=progress phase=map done=2 total=4 rows=100 rows_per_second=10") {
		t.Errorf("line %q", got)
	}
	for _, end := range []struct {
		call func()
		want string
	}{
		{p.Done, `msg="phase done" phase=map done=2 total=4`},
		{p.Close, ""},
		{func() { p.Phase("write", 7, 3); p.Phase("write", 7, 9) }, `msg="phase ended" phase=write done=3 total=7`},
		{p.Close, `msg="phase ended" phase=write done=7 total=7`},
	} {
		out.Reset()
		end.call()
		if got := out.String(); !strings.Contains(got, end.want) || end.want == "" && got != "" {
			t.Errorf("end %q, want %q", got, end.want)
		}
	}
}

// TestSetCounts what is there, whatever was said before; never more than there is to do, and the rest by what is new.
func TestSetCounts(t *testing.T) {
	var out bytes.Buffer
	c := &clock{time.Unix(0, 0)}
	p := NewProgress(&out, func() int { return 200 }, c.now)
	p.Phase("map", 100, 40)
	for _, step := range []struct {
		done int64
		want string
	}{{60, " 60%"}, {60, " 4s left"}, {50, " 50%"}, {50, "20s left"}, {124, "100%"}} {
		out.Reset()
		c.pass(time.Second)
		p.Set("map", step.done)
		p.Set("write", 1)
		if got := out.String(); !strings.Contains(got, step.want) {
			t.Errorf("%d done: %q, want %q", step.done, got, step.want)
		}
	}
}

func TestNilProgressShowsNothing(*testing.T) {
	var p *Progress
	p.Phase("map", 1, 0)
	p.Advance("map", 1, 1, 1)
	p.Set("map", 1)
	p.Done()
	p.LogTo(nil)
	p.Close()
}

func TestNewLoggerNamesWhatItWants(t *testing.T) {
	for _, c := range []struct{ format, level, want string }{
		{"xml", "info", "log format"},
		{"text", "loud", "log level"},
	} {
		if _, err := NewLogger(&bytes.Buffer{}, c.format, c.level); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("format %s, level %s: error %v", c.format, c.level, err)
		}
	}
	var out bytes.Buffer
	log, err := NewLogger(&out, "json", "warn")
	if err != nil {
		t.Fatal(err)
	}
	log.Info("quiet")
	log.Warn("loud", KeyRows, 3)
	if got := out.String(); !strings.Contains(got, `"msg":"loud","rows":3`) || strings.Contains(got, "quiet") {
		t.Errorf("log %q", got)
	}
}

func TestShort(t *testing.T) {
	for v, want := range map[float64]string{0: "0", 999: "999", 1000: "1.0 k", 12_345: "12.3 k", 999_960: "1.0 M", 234e6: "234 M", 1e18: "1000 P"} {
		if got := Short(v); got != want {
			t.Errorf("%v: got %q, want %q", v, got, want)
		}
	}
}
