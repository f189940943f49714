package telemetry

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"time"
)

// How often a progress shows itself.
const (
	barEvery = 200 * time.Millisecond
	logEvery = 10 * time.Second
)

// Progress shows how far the phases of a run have come. It is an io.Writer for what else goes to the same stream, and
// safe for concurrent use. A nil Progress shows nothing, and is no writer.
type Progress struct {
	w       io.Writer
	columns func() int // of the terminal; nil: it is none
	now     func() time.Time

	mu     sync.Mutex
	log    *slog.Logger
	phase  phase
	shown  time.Time
	onLine bool // the bar stands on the last line
}

// phase is a part of a run and how far it came.
type phase struct {
	name               string
	total, done, first int64 // units; those of first were done when it began
	rows, bytes        int64
	began              time.Time
	lastRows, lastSize int64     // when a rate was last taken
	lastAt             time.Time // likewise
	rowRate, byteRate  float64   // per second, smoothed
}

// NewProgress returns a Progress that draws a bar on w if that is a terminal, and otherwise logs (see LogTo). A terminal has
// columns, which is asked at every update, as people resize it; without columns w is none.
func NewProgress(w io.Writer, columns func() int, now func() time.Time) *Progress {
	return &Progress{w: w, columns: columns, now: now}
}

// LogTo names the logger for a stream that is no terminal; it may write to this Progress.
func (p *Progress) LogTo(log *slog.Logger) {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.log = log
}

// Phase begins a phase of so many units (tasks, say; 0: unknown), some of which are done. The one before is over, done or not.
func (p *Progress) Phase(name string, total, done int64) {
	if p == nil {
		return
	}
	p.end("phase ended")
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.now()
	p.phase = phase{name: name, total: total, began: now, lastAt: now}
	p.phase.set(done)
	p.phase.first = p.phase.done
	p.shown = now
}

// Advance says that so many more rows, octets and units of a phase are done. For another phase than the last one begun
// it does nothing: late news.
func (p *Progress) Advance(name string, rows, bytes, done int64) {
	p.update(name, func(s *phase) {
		s.rows += rows
		s.bytes += bytes
		s.set(s.done + done)
	})
}

// Set says how many units of a phase are done, whatever was said before. Late news do nothing.
func (p *Progress) Set(name string, done int64) { p.update(name, func(s *phase) { s.set(done) }) }

// set takes over how many units are done. There is never more done than there is to do.
func (s *phase) set(done int64) {
	if s.done = done; s.total > 0 {
		s.done = min(done, s.total)
	}
}

// update changes the phase of that name if it is the current one, and shows it if it is time.
func (p *Progress) update(name string, change func(*phase)) {
	if p == nil {
		return
	}
	p.mu.Lock()
	if name != p.phase.name {
		p.mu.Unlock()
		return
	}
	change(&p.phase)
	every := logEvery
	if p.columns != nil {
		every = barEvery
	}
	now := p.now()
	if now.Sub(p.shown) < every {
		p.mu.Unlock()
		return
	}
	p.shown = now
	p.phase.measure(now)
	p.show(now, "progress")
}

// Done says that all of the current phase is done.
func (p *Progress) Done() {
	if p != nil {
		p.end("phase done")
	}
}

// Close ends the last phase. One that was not done failed, or was interrupted.
func (p *Progress) Close() {
	if p != nil {
		p.end("phase ended")
	}
}

// end shows the end of the current phase, if there is one.
func (p *Progress) end(message string) {
	p.mu.Lock()
	if p.phase.name == "" {
		p.mu.Unlock()
		return
	}
	now := p.now()
	p.phase.average(now)
	ended := p.phase
	p.show(now, message)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.onLine {
		fmt.Fprintln(p.w)
		p.onLine = false
	}
	if p.phase == ended {
		p.phase = phase{}
	}
}

// show draws the bar, or logs. It is called with the lock held and releases it: the logger may write to p.
func (p *Progress) show(now time.Time, message string) {
	shot := p.phase
	if p.columns != nil {
		fmt.Fprint(p.w, "\r\x1b[K", shot.bar(now, p.columns()-1)) // in the last column a terminal may wrap
		p.onLine = true
		p.mu.Unlock()
		return
	}
	log := p.log
	p.mu.Unlock()
	if log != nil {
		log.LogAttrs(context.Background(), slog.LevelInfo, message, shot.attributes(now)...)
	}
}

// Write writes what is not progress, above the bar.
func (p *Progress) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.onLine {
		if _, err := io.WriteString(p.w, "\r\x1b[K"); err != nil {
			return 0, err
		}
		p.onLine = false
	}
	return p.w.Write(b)
}

// measure takes the rates since the last measure, smoothed.
func (s *phase) measure(now time.Time) {
	seconds := now.Sub(s.lastAt).Seconds()
	if seconds <= 0 {
		return
	}
	smooth := func(old float64, n int64) float64 {
		if old == 0 {
			return float64(n) / seconds
		}
		return 0.7*old + 0.3*float64(n)/seconds
	}
	s.rowRate, s.byteRate = smooth(s.rowRate, s.rows-s.lastRows), smooth(s.byteRate, s.bytes-s.lastSize)
	s.lastAt, s.lastRows, s.lastSize = now, s.rows, s.bytes
}

// average takes the rates over the whole phase.
func (s *phase) average(now time.Time) {
	if seconds := now.Sub(s.began).Seconds(); seconds > 0 {
		s.rowRate, s.byteRate = float64(s.rows)/seconds, float64(s.bytes)/seconds
	}
}

// eta returns how long the rest will take at the pace so far; false if that cannot be told.
func (s *phase) eta(now time.Time) (time.Duration, bool) {
	if s.done <= s.first || s.total <= s.done {
		return 0, false
	}
	passed := now.Sub(s.began)
	return time.Duration(float64(passed) / float64(s.done-s.first) * float64(s.total-s.done)).Round(time.Second), true
}

// Cells of a bar. One that has fewer than the least tells no more than its percents, and is left out.
const (
	mostCells  = 24
	leastCells = 8
)

// bar describes the phase in one line of at most so many columns. The bar gets what the rest leaves to it. Where that is too
// little, figures go, the least important first, then the bar.
func (s *phase) bar(now time.Time, room int) string {
	name, percent, left := fmt.Sprintf("%-9s", s.name), "", "  "+now.Sub(s.began).Round(100*time.Millisecond).String()
	if s.total > 0 {
		percent = fmt.Sprintf(" %3d%%", s.done*100/s.total)
	}
	if eta, ok := s.eta(now); ok {
		left = fmt.Sprintf("  %s left", eta)
	}
	rows, rate := fmt.Sprintf("  %s rows", Short(float64(s.rows))), fmt.Sprintf("  %s rows/s", Short(s.rowRate))
	for _, figures := range []string{rows + rate + fmt.Sprintf("  %sB/s", Short(s.byteRate)), rows + rate, rate, ""} {
		line := name + percent + figures + left
		cells := min(mostCells, room-len(line)-len(" []"))
		switch {
		case s.total > 0 && cells >= leastCells:
			return name + s.cells(cells) + percent + figures + left
		case len(line) <= room && (s.total == 0 || figures == rate || figures == ""):
			return line
		}
	}
	return (name + percent)[:max(0, min(room, len(name+percent)))]
}

// cells draws what is done.
func (s *phase) cells(n int) string {
	full := int(s.done * int64(n) / s.total)
	return " [" + strings.Repeat("█", full) + strings.Repeat("·", n-full) + "]"
}

func (s *phase) attributes(now time.Time) []slog.Attr {
	attributes := []slog.Attr{
		slog.String(KeyPhase, s.name), slog.Int64("done", s.done), slog.Int64("total", s.total), slog.Int64(KeyRows, s.rows),
		slog.Int64("rows_per_second", int64(s.rowRate)), slog.Int64("bytes_per_second", int64(s.byteRate)),
		slog.Duration("elapsed", now.Sub(s.began).Round(time.Millisecond)),
	}
	if eta, ok := s.eta(now); ok {
		attributes = append(attributes, slog.Duration("left", eta))
	}
	return attributes
}

// Short writes a quantity with three digits and a prefix: 12.3 M.
func Short(v float64) string {
	for _, unit := range []string{"", " k", " M", " G", " T"} {
		if v < 999.5 {
			if v < 99.95 && unit != "" {
				return fmt.Sprintf("%.1f%s", v, unit)
			}
			return fmt.Sprintf("%.0f%s", v, unit)
		}
		v /= 1000
	}
	return fmt.Sprintf("%.0f P", v)
}
