package record

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math/bits"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/dice-engine/dice/internal/tape"
)

// fault says what is wrong with a JSON text, and where.
type fault struct {
	broken bool // no JSON at all, or too deep: nothing of the text can be used. Otherwise only the record is concerned
	limit  bool
	offset int
	path   string // of the member, where one is concerned
	reason string
}

func (f *fault) Error() string {
	if f.path == "" {
		return fmt.Sprintf("offset %d: %s", f.offset, f.reason)
	}
	return fmt.Sprintf("offset %d: %s: %s", f.offset, f.path, f.reason)
}

func (f *fault) Unwrap() error {
	if f.limit {
		return ErrLimit
	}
	return nil
}

// jsonParser turns JSON text into tapes in one pass forward. What nobody declared is checked and skipped. Results
// alias its buffers and the text until the next call. It is for one goroutine.
type jsonParser struct {
	limits   Limits
	wants    map[string]int
	bindings map[*tape.Shape]*binding
	shapes   []*binding // by want

	text  []byte
	at    int
	depth int

	ip, domain   []byte
	port         int64
	responses    []response
	tapes        []byte
	certificates [][]byte // of all responses
	places       map[string]int
	first        int // place of the current record's first certificate
	elements     int // of lists and maps of the current record

	arena   []byte   // texts that had escapes
	scratch []byte   // one such text
	names   [][]byte // stack of the names met in the objects that are open
	offsets []int    // stack of the values of objects whose members are out of order
	orders  struct{ line, data, response sequence }
}

func newJSONParser(wants []Want, limits Limits) *jsonParser {
	p := &jsonParser{
		limits: limits, wants: map[string]int{}, bindings: map[*tape.Shape]*binding{}, places: map[string]int{},
	}
	for i, want := range wants {
		p.wants[want.Protocol] = i
		p.shapes = append(p.shapes, p.bind(want.Result))
	}
	return p
}

// Buffers of up to that many octets, and stacks of up to that many entries, are kept from one text to the next.
const (
	retained        = 4 << 20
	retainedEntries = 1 << 10
)

// again returns a buffer emptied for its next use, or none if it has grown too large.
func again[T any](buffer []T, most int) []T {
	if cap(buffer) > most {
		return nil
	}
	return buffer[:0]
}

// reset starts on a new text.
func (p *jsonParser) reset(text []byte) error {
	p.clear()
	p.text, p.at, p.depth, p.port = text, 0, 0, 0
	p.startRecord()
	if utf8.Valid(text) {
		return nil
	}
	for p.at < len(text) {
		r, size := utf8.DecodeRune(text[p.at:])
		if r == utf8.RuneError && size == 1 {
			break
		}
		p.at += size
	}
	return p.broken("octet 0x%02x is not UTF-8", text[p.at])
}

// clear drops the results of the last text, and the room that a very long one took. Nothing holds on to the text.
func (p *jsonParser) clear() {
	p.text, p.ip, p.domain = nil, nil, nil
	clear(p.responses)
	p.responses, p.tapes = p.responses[:0], again(p.tapes, retained)
	p.arena, p.scratch, p.offsets = again(p.arena, retained), again(p.scratch, retained), p.offsets[:0]
	p.certificates, p.names = forget(p.certificates), forget(p.names)
}

// forget is again for a stack of texts, of which none is kept, those that were taken from it included.
func forget(texts [][]byte) [][]byte {
	texts = again(texts, retainedEntries)
	clear(texts[:cap(texts)])
	return texts
}

// startRecord forgets what is counted per record.
func (p *jsonParser) startRecord() {
	p.first, p.elements = len(p.certificates), 0
	if len(p.places) > 0 {
		p.places = map[string]int{}
	}
}

func (p *jsonParser) broken(format string, args ...any) error {
	return &fault{broken: true, offset: p.at, reason: fmt.Sprintf(format, args...)}
}

func (p *jsonParser) misfit(format string, args ...any) error {
	return &fault{offset: p.at, reason: fmt.Sprintf(format, args...)}
}

func (p *jsonParser) tooLarge(what string, limit int64) error {
	return &fault{limit: true, offset: p.at, reason: fmt.Sprintf("%s over the limit of %d", what, limit)}
}

// expected reports the octet at hand, which should be something else.
func (p *jsonParser) expected(what string) error {
	if p.at >= len(p.text) {
		return p.broken("text ends where %s is expected", what)
	}
	return p.broken("%q where %s is expected", p.text[p.at], what)
}

// peek passes over white space and returns the octet there; 0 at the end.
func (p *jsonParser) peek() byte {
	for i := p.at; i < len(p.text); i++ {
		if c := p.text[i]; c > ' ' || c != ' ' && c != '\t' && c != '\r' && c != '\n' {
			p.at = i
			return c
		}
	}
	p.at = len(p.text)
	return 0
}

// end checks that nothing follows.
func (p *jsonParser) end() error {
	p.peek()
	if p.at < len(p.text) {
		return p.expected("the end")
	}
	return nil
}

// enter takes the bracket that opens an object or a list.
func (p *jsonParser) enter() error {
	p.depth++
	if p.depth > p.limits.Depth {
		return &fault{broken: true, limit: true, offset: p.at, reason: fmt.Sprintf("nesting over the limit of %d", p.limits.Depth)}
	}
	p.at++
	return nil
}

// more takes what stands before the next member or element, or the bracket that closes.
func (p *jsonParser) more(first bool, closing byte) (bool, error) {
	switch c := p.peek(); {
	case c == closing:
		p.at++
		p.depth--
		return false, nil
	case first:
		return true, nil
	case c == ',':
		p.at++
		return true, nil
	}
	return false, p.expected("a comma or the closing bracket")
}

// keep resolves escapes into the arena.
func (p *jsonParser) keep(raw []byte) []byte {
	start := len(p.arena)
	p.arena = unescape(p.arena, raw)
	return p.arena[start:len(p.arena):len(p.arena)]
}

// quoted takes a string, at whose opening quote the parser stands, and returns what is between the quotes.
func (p *jsonParser) quoted() (raw []byte, escaped bool, err error) {
	start := p.at + 1
	for i := plainEnd(p.text, start); ; i = plainEnd(p.text, i) {
		p.at = i
		if i >= len(p.text) {
			return nil, false, p.broken("string does not end")
		}
		switch p.text[i] {
		case '"':
			p.at++
			return p.text[start:i], escaped, nil
		case '\\':
			size := escapeSize(p.text[i+1:])
			if size == 0 {
				return nil, false, p.broken("invalid escape")
			}
			escaped = true
			i += 1 + size
		default:
			return nil, false, p.broken("control character 0x%02x in a string", p.text[i])
		}
	}
}

// plainEnd returns the place of the first quote, backslash or control character from i on.
func plainEnd(text []byte, i int) int {
	const ones, highs = 0x0101010101010101, 0x8080808080808080
	for ; i+8 <= len(text); i += 8 {
		v := binary.LittleEndian.Uint64(text[i:])
		low, slash := v^(ones*0x02), v^(ones*'\\') // below 0x21 in low: control characters and the quote
		found := ((low-ones*0x21)&^low | (slash-ones)&^slash) & highs
		if found != 0 {
			return i + bits.TrailingZeros64(found)/8
		}
	}
	for i < len(text) && text[i] != '"' && text[i] != '\\' && text[i] >= 0x20 {
		i++
	}
	return i
}

// escapeSize returns the length of the escape that follows a backslash, 0 if there is none.
func escapeSize(s []byte) int {
	if len(s) == 0 {
		return 0
	}
	switch s[0] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return 1
	case 'u':
		if _, ok := hex4(s[1:]); ok {
			return 5
		}
	}
	return 0
}

func hex4(s []byte) (r rune, ok bool) {
	if len(s) < 4 {
		return 0, false
	}
	var octets [2]byte
	_, err := hex.Decode(octets[:], s[:4])
	return rune(binary.BigEndian.Uint16(octets[:])), err == nil
}

// unescape appends the text of a string that quoted has taken. Half a surrogate pair becomes U+FFFD.
func unescape(dst, raw []byte) []byte {
	for i := 0; i < len(raw); {
		if raw[i] != '\\' {
			end := i + 1
			for end < len(raw) && raw[end] != '\\' {
				end++
			}
			dst = append(dst, raw[i:end]...)
			i = end
			continue
		}
		if raw[i+1] != 'u' {
			dst = append(dst, simpleEscape(raw[i+1]))
			i += 2
			continue
		}
		r, size := escapedRune(raw[i:])
		dst = utf8.AppendRune(dst, r)
		i += size
	}
	return dst
}

func simpleEscape(c byte) byte {
	switch c {
	case 'b':
		return '\b'
	case 'f':
		return '\f'
	case 'n':
		return '\n'
	case 'r':
		return '\r'
	case 't':
		return '\t'
	}
	return c
}

// escapedRune reads \u and four digits, or two of them that are a surrogate pair.
func escapedRune(s []byte) (r rune, size int) {
	r, _ = hex4(s[2:])
	if !utf16.IsSurrogate(r) {
		return r, 6
	}
	if len(s) >= 12 && s[6] == '\\' && s[7] == 'u' {
		low, _ := hex4(s[8:])
		if pair := utf16.DecodeRune(r, low); pair != utf8.RuneError {
			return pair, 12
		}
	}
	return utf8.RuneError, 6
}
