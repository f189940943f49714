package synth

import (
	"encoding/json"
	"slices"
	"time"

	"github.com/dice-engine/dice/internal/tape"
	"github.com/dice-engine/dice/internal/zgrab2"
)

// chunk makes the rows [from, to) of a file whose first row is first.
func (g *generation) chunk(s *section, object string, first, from, to int64) *chunk {
	c := &chunk{}
	for i := from; i < to; i++ {
		row := g.row(c, s, object, i, i-first+1)
		c.rows = append(c.rows, row)
		c.octets += int64(len(row))
	}
	return c
}

// row makes a line of a section and notes the truth about its records.
func (g *generation) row(c *chunk, s *section, object string, i, number int64) []byte {
	h := g.world.host(s, i)
	head := g.head(s, i, h)
	set := g.world.answers(s, i)
	switch {
	case g.world.broken(s, i):
		c.rejected++
		return brokenLine(g.world.line(s, i, 'X'), head)
	case set == 0:
		c.empty++
	}
	var answers []zgrab2.Answer
	member := 0
	protocolsOf(set, func(protocol int) {
		f := g.world.fact(s, i, protocol)
		a, r := g.answer(f, h, head, g.world.config.asJSON())
		answers = append(answers, a)
		r.Object, r.Row, r.Member, r.Protocol = object, number, member, g.world.names[protocol]
		member++
		g.note(c, f, &r.Record, r.labels)
	})
	switch g.world.config.Layout {
	case "parquet":
		return zgrab2.AppendRow(nil, answers[0].Head, answers[0].Result)
	case "raw":
		return zgrab2.AppendRawRow(nil, head, answers)
	}
	return appendLine(head, answers)
}

func (c Config) asJSON() bool { return c.Layout != "parquet" && c.Layout != "raw" }

// note counts a record, and writes the truth about it where it was asked for.
func (g *generation) note(c *chunk, f fact, r *Record, l labels) {
	c.tallies[f.protocol].note(r.Outcome, l)
	if g.truth == nil || !g.world.config.Records {
		return
	}
	if r.Outcome == Kept {
		r.Labels = l.sorted(g.labels)
	}
	line, err := json.Marshal(Line{Record: r})
	if err != nil {
		panic(err) // texts and numbers always have a JSON form
	}
	c.truth = append(append(c.truth, line...), '\n')
}

// noted is a record's truth while its labels are a set.
type noted struct {
	Record
	labels labels
}

// head tells what a line's records have in common.
func (g *generation) head(s *section, i int64, h host) *zgrab2.Head {
	head := &zgrab2.Head{}
	if !g.world.byName(h) {
		head.IP = g.world.spelling(s, i, h)
	}
	if g.world.named(h) {
		head.Domain = h.domain()
	}
	if g.world.line(s, i, 'p').in(1, 2) && len(s.protocols) == 1 {
		head.Port = []int64{47808, 5683, 20000, 502, 1883, 4840, 7400, 5222}[s.protocols[0]]
	}
	return head
}

// answer makes a record: what the scanner says, and the truth about it.
func (g *generation) answer(f fact, h host, line *zgrab2.Head, asJSON bool) (zgrab2.Answer, noted) {
	w := g.world
	d := g.device(f)
	at, zone, timed := w.time(f)
	head := *line
	head.Protocol, head.Status = w.names[f.protocol], f.status
	if f.class == failed {
		head.Error = "dial: " + f.status
	}
	head.Text = "not a time"
	if timed {
		head.Text = time.Unix(at, 0).In(zone).Format(time.RFC3339)
		head.Time = ref(tape.Time(at * 1_000_000))
	}
	certs, attached := g.certificates(f, h)
	r := noted{Record: Record{Outcome: Filtered}}
	if f.class == kept {
		r.Outcome, r.labels = Kept, d.labels
		for _, c := range append(certs, attached...) {
			r.labels |= c.judge(at, timed) | w.census.reuse(c.id, c.key)
			if c.sha256 != "" && !slices.Contains(r.Certificates, c.sha256) {
				r.Certificates = append(r.Certificates, c.sha256)
			}
		}
		if w.duplicate(f) {
			r.Outcome, r.Certificates = Duplicate, nil
		}
	}
	return zgrab2.Answer{Index: f.protocol, Head: &head, Result: d.fill(nil, asJSON, certs, g.issuer)}, r
}

// certificates makes the certificates of a record: those in it, and the one that the side table has for it.
func (g *generation) certificates(f fact, h host) (carried, attached []*certificate) {
	for _, role := range g.world.roles(f, h) {
		c := g.certificate(g.world.certificate(h, role))
		if g.world.names[f.protocol] == "xmpp" {
			return nil, append(attached, c)
		}
		carried = append(carried, c)
	}
	return carried, nil
}

// time draws when a record was made: in order through the scan, in one of two zones; a few have no readable time.
func (w *world) time(f fact) (at int64, zone *time.Location, timed bool) {
	r := w.record(f.section, f.line, f.protocol, 'T')
	at = scanStart + int64(float64(f.line)/float64(f.section.rows)*scanSeconds)
	zone = time.UTC
	if r.in(1, 10) {
		zone = time.FixedZone("", 3600)
	}
	return at, zone, !r.in(1, 300)
}

// brokenLine returns a line that is no record.
func brokenLine(r *random, head *zgrab2.Head) []byte {
	return []byte(pick(r, []string{
		`{"ip":"` + head.IP + `","data":{"mqtt":{"status":"succ`, // cut
		"panic: runtime error: index out of range",
		`{"ip":"` + head.IP + `","ip":"192.0.2.1"}`,
		`{"ip":"` + head.IP + `"} {}`,
		`["` + head.IP + `"]`,
	}) + "\n")
}

// appendLine writes a line as ZGrab2 does.
func appendLine(head *zgrab2.Head, answers []zgrab2.Answer) []byte {
	dst := []byte{'{'}
	if head.IP != "" {
		dst = append(append(append(dst, `"ip":"`...), head.IP...), `",`...)
	}
	if head.Domain != "" {
		dst = append(append(append(dst, `"domain":"`...), head.Domain...), `",`...)
	}
	if head.Port != 0 {
		dst = append(appendInt(append(dst, `"port":`...), head.Port), ',')
	}
	if len(answers) == 0 {
		dst[len(dst)-1] = '}'
		return append(dst, '\n')
	}
	dst = append(dst, `"data":{`...)
	for n, a := range answers {
		if n > 0 {
			dst = append(dst, ',')
		}
		dst = appendAnswer(dst, a)
	}
	return append(dst, "}}\n"...)
}
