package x509lite

import (
	"math/big"
	"strconv"
	"strings"
)

// table holds what is known of object identifiers, by their dotted forms.
type table[T any] struct {
	dotted  map[string]T
	encoded map[string]T // by their usual encoding, which saves spelling most of them out
}

func tableOf[T any](dotted map[string]T) table[T] {
	t := table[T]{dotted, make(map[string]T, len(dotted))}
	for oid, v := range dotted {
		t.encoded[string(encodeOID(oid))] = v
	}
	return t
}

// find looks up the content of an object identifier.
func (t table[T]) find(body []byte) (T, bool) {
	if v, ok := t.encoded[string(body)]; ok {
		return v, true
	}
	var buffer [64]byte
	v, ok := t.dotted[string(appendOID(buffer[:0], body))]
	return v, ok
}

// encodeOID undoes appendOID. It panics on what is no object identifier with short numbers: a broken declaration.
func encodeOID(oid string) (body []byte) {
	first, rest, _ := strings.Cut(oid, ".")
	root := number(first)
	for i, arc := range strings.Split(rest, ".") {
		n := number(arc)
		if i == 0 {
			n += 40 * root
		}
		body = appendBase128(body, n)
	}
	return body
}

func number(digits string) uint64 {
	n, err := strconv.ParseUint(digits, 10, 32)
	if err != nil {
		panic("x509lite: " + err.Error())
	}
	return n
}

func appendBase128(dst []byte, n uint64) []byte {
	if n >= 0x80 {
		dst = appendBase128(dst, n>>7)
		dst[len(dst)-1] |= 0x80
	}
	return append(dst, byte(n&0x7f))
}

// dotted returns the dotted form of an object identifier's content, empty where it is malformed.
func dotted(body []byte) string {
	var buffer [64]byte
	return string(appendOID(buffer[:0], body))
}

// maxOID bounds the octets of an object identifier that is spelled out.
const maxOID = 128

// appendOID appends the dotted form of an object identifier's content to dst, and nothing where it is malformed.
func appendOID(dst, body []byte) []byte {
	if len(body) == 0 || len(body) > maxOID || body[len(body)-1]&0x80 != 0 {
		return dst
	}
	first := true
	for len(body) > 0 {
		n := 1
		for body[n-1]&0x80 != 0 {
			n++
		}
		dst = appendArc(dst, body[:n], first)
		body, first = body[n:], false
	}
	return dst
}

// appendArc appends one number of an object identifier, or the two that the first one holds.
func appendArc(dst, digits []byte, first bool) []byte {
	if len(digits) > 9 {
		return appendBigArc(dst, digits, first)
	}
	var n uint64
	for _, d := range digits {
		n = n<<7 | uint64(d&0x7f)
	}
	if first {
		root := min(n/40, 2)
		dst = strconv.AppendUint(dst, root, 10)
		n -= 40 * root
	}
	return strconv.AppendUint(append(dst, '.'), n, 10)
}

func appendBigArc(dst, digits []byte, first bool) []byte {
	var n, d big.Int
	for _, digit := range digits {
		n.Or(n.Lsh(&n, 7), d.SetUint64(uint64(digit&0x7f)))
	}
	if first {
		dst = append(dst, '2')
		n.Sub(&n, d.SetUint64(80))
	}
	return n.Append(append(dst, '.'), 10)
}
