package record

import (
	"errors"

	"github.com/dice-engine/dice/internal/tape"
)

// response is what a scanner says of one protocol: one record.
type response struct {
	want             int
	protocol, status []byte
	failure          []byte // the scanner's error
	port             int64
	time             int64
	hasTime          bool
	tape             [2]int // in tapes; only of a protocol that is wanted
	certificates     [2]int // among certificates
	result           int    // offset of a result that came before its protocol was known, else -1
	named            bool   // protocol could be read
	err              error  // rejects the record
}

// nobody is the scan name whose records are never looked at, whatever protocol they claim: the contract's vectors hold
// data under it that no protocol may take for its own.
const nobody = "other"

// mostResponses is how many records one line may hold.
const mostResponses = 4096

// nullTape is the tape of a result that is null or missing.
var nullTape = []byte{tape.End}

// parseResult appends the tape of a result that is text of its own to dst; certificates has the texts it mentions.
func (p *jsonParser) parseResult(dst []byte, s *tape.Shape, text []byte) ([]byte, error) {
	if err := p.reset(text); err != nil {
		return dst, err
	}
	out, err := p.whole(dst, p.bind(s))
	if err != nil {
		return dst, err
	}
	return out, p.end()
}

// parseLine reads a line into ip, domain, port and responses. An error rejects the line, a response's error that
// record.
func (p *jsonParser) parseLine(text []byte) error {
	if err := p.reset(text); err != nil {
		return err
	}
	if p.peek() != '{' {
		return p.broken("line is not an object")
	}
	if err := p.object(&p.orders.line, p.lineMember); err != nil {
		return err
	}
	return p.end()
}

// parseData reads the text of a line's data member alone into responses.
func (p *jsonParser) parseData(text []byte) error {
	if err := p.reset(text); err != nil {
		return err
	}
	if err := p.data(); err != nil {
		return err
	}
	return p.end()
}

// fill sets what a response says in a row whose ip, domain and port are those of its line.
func (p *jsonParser) fill(row *Row, i int) {
	r := &p.responses[i]
	row.Member, row.Want, row.Status, row.Error = i, r.want, r.status, r.failure
	row.Time, row.HasTime = r.time, r.hasTime
	if r.port != 0 {
		row.Port = r.port
	}
	row.Result, row.Certificates = nullTape, nil
	if r.want != Other && r.tape[1] > 0 {
		row.Result = p.tapes[r.tape[0]:r.tape[1]:r.tape[1]]
		row.Certificates = p.certificates[r.certificates[0]:r.certificates[1]:r.certificates[1]]
	}
}

// object takes an object whose names may not repeat, member by member.
func (p *jsonParser) object(s *sequence, take func(name []byte) error) error {
	if err := p.enter(); err != nil {
		return err
	}
	base := len(p.names)
	for i := 0; ; i++ {
		name, ok, err := p.next(s, i)
		if err != nil {
			return err
		}
		if !ok {
			return p.differ(s, base)
		}
		if err := p.note(name); err != nil {
			return err
		}
		if err := take(name); err != nil {
			return within(err, string(name))
		}
	}
}

func (p *jsonParser) lineMember(name []byte) (err error) {
	switch string(name) {
	case "ip":
		p.ip, err = p.envelopeText()
	case "domain":
		p.domain, err = p.envelopeText()
	case "port":
		p.port, err = p.envelopePort()
	case "data":
		err = p.data()
	default:
		err = p.skip()
	}
	return err
}

// data takes an object of responses, or null.
func (p *jsonParser) data() error {
	if null, err := p.null(); null || err != nil {
		return err
	}
	if p.peek() != '{' {
		return p.unlike("an object")
	}
	return p.object(&p.orders.data, p.response)
}

// response takes one member of data. What is wrong with it alone stays in its err.
func (p *jsonParser) response(name []byte) error {
	if len(p.responses) >= mostResponses {
		return p.tooLarge("number of responses", mostResponses)
	}
	p.responses = append(p.responses, response{want: Other, result: -1, named: true})
	r := &p.responses[len(p.responses)-1]
	p.startRecord()
	start := p.mark()
	null, err := p.null()
	switch {
	case null || err != nil:
	case p.peek() != '{':
		err = p.unlike("an object")
	default:
		err = p.object(&p.orders.response, p.responseMember)
	}
	if err = r.reject(err); err != nil {
		return err
	}
	if r.err != nil {
		p.back(start)
		if err := p.skip(); err != nil {
			return err
		}
	}
	return p.complete(r, name)
}

// reject keeps an error that concerns the record alone, if it is the first, and returns any other.
func (r *response) reject(err error) error {
	if err == nil {
		return nil
	}
	var f *fault
	if !errors.As(err, &f) || f.broken {
		return err
	}
	if r.err == nil {
		r.err = err
	}
	return nil
}

// complete settles which protocol a response is of and reads a result that had to wait for it.
func (p *jsonParser) complete(r *response, name []byte) error {
	if len(r.protocol) == 0 {
		r.protocol = name
	}
	r.want = Other
	if want, ok := p.wants[string(r.protocol)]; ok && r.named && string(name) != nobody {
		r.want = want
	}
	switch {
	case r.want == Other && r.named:
		r.err = nil // nobody's record cannot be wrong
	case r.err == nil && r.result >= 0:
		after := p.mark()
		p.at = r.result
		if err := r.reject(within(p.result(r), "result")); err != nil {
			return err
		}
		after.certificates = len(p.certificates)
		p.back(after)
	}
	return nil
}

// responseMember takes one member of the last response. After a fault of the record it goes on, for the protocol may
// still come.
func (p *jsonParser) responseMember(name []byte) (err error) {
	r := &p.responses[len(p.responses)-1]
	start := p.mark()
	switch string(name) {
	case "status":
		r.status, err = p.envelopeText()
	case "protocol":
		r.protocol, err = p.envelopeText()
		r.named = err == nil
	case "port":
		r.port, err = p.envelopePort()
	case "error":
		if p.peek() != '"' {
			return p.skip() // of another type: nobody decides by it
		}
		r.failure, err = p.envelopeText()
	case "timestamp":
		err = p.timestamp(r)
	case "result":
		err = p.resultMember(r)
	default:
		return p.skip()
	}
	if err == nil {
		return nil
	}
	if err = r.reject(within(err, string(name))); err != nil {
		return err
	}
	p.back(start)
	return p.skip()
}

// resultMember reads a result if its protocol is known by now, and otherwise notes where it is.
func (p *jsonParser) resultMember(r *response) error {
	if len(r.protocol) == 0 {
		p.peek()
		r.result = p.at
		return p.skip()
	}
	want, ok := p.wants[string(r.protocol)]
	if !ok || r.err != nil {
		return p.skip()
	}
	r.want = want
	return p.result(r)
}

// result reads the result at hand.
func (p *jsonParser) result(r *response) error {
	start := len(p.tapes)
	out, err := p.whole(p.tapes, p.shapes[r.want])
	if err != nil {
		return err
	}
	p.tapes = out
	r.tape, r.certificates = [2]int{start, len(out)}, [2]int{p.first, len(p.certificates)}
	return nil
}

// whole appends a whole tape.
func (p *jsonParser) whole(dst []byte, b *binding) ([]byte, error) {
	start := len(dst)
	out, ok, err := p.maybe(append(dst, tape.Present), b)
	if err != nil {
		return dst, err
	}
	if int64(len(out)-start) > p.limits.Result {
		return dst, p.tooLarge("result", p.limits.Result)
	}
	if !ok {
		return append(dst, tape.End), nil
	}
	return out, nil
}

// envelopeText takes a string or null.
func (p *jsonParser) envelopeText() ([]byte, error) {
	if null, err := p.null(); null || err != nil {
		return nil, err
	}
	if p.peek() != '"' {
		return nil, p.unlike("a string")
	}
	raw, escaped, err := p.quoted()
	switch {
	case err != nil:
		return nil, err
	case int64(len(raw)) > p.limits.Field:
		return nil, p.tooLarge("string", p.limits.Field)
	case escaped:
		return p.keep(raw), nil
	}
	return raw, nil
}

// envelopePort takes a port or null.
func (p *jsonParser) envelopePort() (int64, error) {
	if null, err := p.null(); null || err != nil {
		return 0, err
	}
	if c := p.peek(); c == '"' || c == '{' || c == '[' || c == 't' || c == 'f' {
		return 0, p.unlike("a port")
	}
	port, raw, err := p.wholeNumber()
	if err != nil {
		return 0, err
	}
	if raw != nil {
		return 0, p.misfit("%.32s is no port", raw)
	}
	if port < 0 || port > 65535 {
		return 0, p.misfit("%d is no port", port)
	}
	return port, nil
}

// timestamp takes a string or null; a string that is no time that can be read is none.
func (p *jsonParser) timestamp(r *response) error {
	if null, err := p.null(); null || err != nil {
		return err
	}
	if p.peek() != '"' {
		return p.unlike("a time in RFC 3339")
	}
	raw, escaped, err := p.quoted()
	if err != nil {
		return err
	}
	if escaped {
		p.scratch = unescape(p.scratch[:0], raw)
		raw = p.scratch
	}
	r.time, r.hasTime = parseTime(raw)
	return nil
}

// parseTableLine reads a line that is a struct of the first want's shape; it becomes the only response.
func (p *jsonParser) parseTableLine(text []byte) error {
	if err := p.reset(text); err != nil {
		return err
	}
	if p.peek() != '{' {
		return p.broken("line is not an object")
	}
	p.responses = append(p.responses, response{})
	r, start := &p.responses[0], p.mark()
	if err := r.reject(p.result(r)); err != nil {
		return err
	}
	if r.err != nil {
		p.back(start)
		if err := p.skip(); err != nil {
			return err
		}
	}
	return p.end()
}
