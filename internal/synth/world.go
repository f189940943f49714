package synth

import (
	"math/bits"
	"slices"
	"strings"

	"github.com/dice-engine/dice/internal/zgrab2"
)

// world is a scan that was never made. Every fact of it is a pure function of the seed and of what the fact is about, so
// a scan of any size is written, counted and checked without being kept.
type world struct {
	config   Config
	names    []string // protocols, as the index of a record's protocol counts them
	sections []*section
	pools    []*zipf // by protocol: how often each of its variants occurs
	certs    *zipf   // certificates that hosts share
	keys     *zipf   // keys that hosts share
	census   *census
}

// section is a run of lines of one kind: all of one protocol, or mixed. Its lines are numbered from 0, and in blocks of 32
// most stand for a host of their own while the last ones may repeat an earlier one.
type section struct {
	number    uint64
	name      string
	protocols []int // one, or those that may be mixed
	rows      int64
	firstHost int64    // line i is host firstHost+i, unless it repeats another
	neighbour *section // whose last hosts are this one's first; nil: none
}

const (
	block    = 32
	firstDup = 28   // lines from here on may repeat an earlier line of the block, the block before, or one far before
	far      = 1000 // blocks between a line and its far repetition
	never    = -1
)

// shares are the protocols' shares of the lines, in the order of zgrab2.Names.
func shares() []int64 { return []int64{6, 10, 4, 12, 30, 6, 6, 26} }

// variants are the numbers of different results per protocol.
func variants() []int { return []int{4000, 3000, 1500, 4000, 6000, 1500, 3000, 4000} }

func newWorld(c Config) *world {
	w := &world{config: c, names: zgrab2.Names()}
	w.addSections()
	for _, n := range variants() {
		w.pools = append(w.pools, newZipf(n))
	}
	w.certs = newZipf(int(min(max(c.Rows/100, 16), 200_000)))
	w.keys = newZipf(int(min(max(c.Rows/400, 8), 50_000)))
	w.census = newCensus(w)
	return w
}

func (w *world) addSections() {
	var chosen []int
	var total int64
	for i, name := range w.names {
		if w.config.wants(name) {
			chosen, total = append(chosen, i), total+shares()[i]
		}
	}
	mixed := int64(0)
	if w.config.mixes() && len(chosen) > 1 {
		mixed = w.config.Rows / 50
	}
	left, host := w.config.Rows-mixed, int64(0)
	for n, i := range chosen {
		rows := (w.config.Rows - mixed) * shares()[i] / total
		if n == len(chosen)-1 {
			rows = left
		}
		left -= rows
		w.add(w.names[i], []int{i}, rows, host)
		host += rows - rows/20 // the next protocol's first hosts are this one's last
	}
	if mixed > 0 {
		w.add("mixed", chosen, mixed, host+w.config.Rows)
		w.sections[len(w.sections)-1].neighbour = nil
	}
	slices.SortFunc(w.sections, func(a, b *section) int { return strings.Compare(a.name, b.name) }) // input order
}

func (w *world) add(name string, protocols []int, rows, host int64) {
	s := &section{number: uint64(len(w.sections)), name: name, protocols: protocols, rows: rows, firstHost: host}
	if s.number > 0 {
		s.neighbour = w.sections[s.number-1]
	}
	w.sections = append(w.sections, s)
}

// twin returns the line that line i repeats, or never.
func (w *world) twin(s *section, i int64) int64 {
	slot := i % block
	if slot < firstDup {
		return never
	}
	kind, at := slot-firstDup, i-slot
	if kind == 1 { // a third time
		if w.twin(s, i-1) == never || !w.line(s, i, 'd').in(1, 4) {
			return never
		}
		return w.twin(s, i-1)
	}
	r := w.line(s, i, 'd')
	if !r.in(2, 5) {
		return never
	}
	switch kind {
	case 0:
		return at + r.n(10)
	case 2:
		at -= block
		return max(at+10+r.n(9), never)
	default:
		return max(at-far*block+19+r.n(9), never)
	}
}

// repetitions returns the lines of the host of the primary line i in s: itself and what repeats it, in order.
func (w *world) repetitions(s *section, i int64) []int64 {
	lines := []int64{i}
	slot, at := i%block, i-i%block
	var candidates []int64
	switch {
	case slot < 10:
		candidates = []int64{at + firstDup, at + firstDup + 1}
	case slot < 19:
		candidates = []int64{at + block + firstDup + 2}
	case slot < firstDup:
		candidates = []int64{at + far*block + firstDup + 3}
	}
	for _, c := range candidates {
		if c < s.rows && w.twin(s, c) == i {
			lines = append(lines, c)
		}
	}
	return lines
}

// line returns the generator for a fact about a line.
func (w *world) line(s *section, i int64, fact byte) *random {
	return about(w.config.Seed, 'L', s.number, uint64(i), uint64(fact))
}

// primary returns the line that stands for the host of line i.
func (w *world) primary(s *section, i int64) int64 {
	if twin := w.twin(s, i); twin != never {
		return twin
	}
	return i
}

func (w *world) host(s *section, i int64) host { return host(s.firstHost + w.primary(s, i)) }

// answers returns the protocols that line i holds records of, as bits.
func (w *world) answers(s *section, i int64) uint64 {
	if w.config.mixes() && w.line(s, i, 'b').in(1, 400) || w.broken(s, i) {
		return 0 // the host was never scanned, or nobody will know
	}
	if len(s.protocols) == 1 {
		return 1 << s.protocols[0]
	}
	r := w.line(s, w.primary(s, i), 'm')
	set := uint64(0)
	for range 1 + r.n(3) {
		set |= 1 << pick(r, s.protocols)
	}
	return set
}

// broken says that a line is to be unreadable.
func (w *world) broken(s *section, i int64) bool {
	return w.config.Broken > 0 && w.line(s, i, 'x').in(int64(w.config.Broken), 1000)
}

// class says what became of a scan of a host.
type class uint8

const (
	failed class = iota // no answer, or none of this protocol
	other               // an answer that the filter does not take
	kept
)

// fact is what is known of a record without making its result.
type fact struct {
	section  *section
	line     int64
	protocol int
	class    class
	status   string
	variant  uint64
}

// record returns the generator for a fact about one record.
func (w *world) record(s *section, i int64, protocol int, what byte) *random {
	return about(w.config.Seed, 'R', s.number, uint64(i), uint64(protocol), uint64(what))
}

// fact tells about the record of a protocol in line i.
func (w *world) fact(s *section, i int64, protocol int) fact {
	f := fact{section: s, line: i, protocol: protocol}
	f.class, f.status = w.outcome(s, i, protocol)
	r := w.record(s, i, protocol, 'v')
	switch {
	case w.config.Distinct:
		f.variant = s.number<<40 | uint64(i)
	case f.class == kept:
		f.variant = uint64(w.pools[protocol].draw(r))
	default:
		f.variant = uint64(r.n(50))
	}
	return f
}

// outcome draws what became of a scan. What repeats a line mostly ends like it.
func (w *world) outcome(s *section, i int64, protocol int) (class, string) {
	r := w.record(s, i, protocol, 'o')
	if twin := w.twin(s, i); twin != never && r.in(4, 5) {
		return w.outcome(s, twin, protocol)
	}
	switch n := r.n(100); {
	case n < 48:
		return failed, pick(r, failures())
	case n < 52 && hasOther(protocol):
		return other, otherStatus(w.names[protocol])
	}
	return kept, keptStatus(r, w.names[protocol])
}

func failures() []string {
	return []string{
		"connection-timeout", "connection-timeout", "connection-timeout", "connection-refused", "io-timeout", "io-timeout",
		"connection-closed", "protocol-error", "application-error", "unknown-error",
	}
}

// hasOther says whether a result of that protocol can be there and yet not be kept.
func hasOther(protocol int) bool { return zgrab2.Names()[protocol] != "coap" }

func otherStatus(protocol string) string {
	switch protocol {
	case "modbus", "mqtt":
		return "application-error"
	case "opcua", "bacnet":
		return "protocol-error"
	}
	return "success"
}

// keptStatus draws the status of a record that is looked at: nearly always success, but it need not be.
func keptStatus(r *random, protocol string) string {
	if protocol != "modbus" && r.in(1, 40) {
		return "io-timeout"
	}
	return "success"
}

// duplicate says whether a record that is kept repeats an earlier one that is.
func (w *world) duplicate(f fact) bool {
	primary := w.primary(f.section, f.line)
	for _, i := range w.repetitions(f.section, primary) {
		if i >= f.line {
			return false
		}
		if w.answers(f.section, i)&(1<<f.protocol) == 0 {
			continue
		}
		if class, status := w.outcome(f.section, i, f.protocol); class == kept && status == f.status {
			return true
		}
	}
	return false
}

// protocolsOf calls each for every protocol of a set, in order.
func protocolsOf(set uint64, each func(protocol int)) {
	for ; set != 0; set &= set - 1 {
		each(bits.TrailingZeros64(set))
	}
}
