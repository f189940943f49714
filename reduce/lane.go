package reduce

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"slices"

	"github.com/dice-engine/dice/internal/words"
)

// Place remembers where a text was entered into a segment, for who adds the same text again. The zero value is nowhere.
type Place struct {
	in   *epoch
	code uint32
}

// epoch is the time between two restarts of a dictionary. Its address tells it from all others.
type epoch struct{ _ byte }

// dictionary numbers texts by their first appearance in an epoch.
type dictionary struct {
	texts words.List // of the epoch
	now   *epoch
	last  Place  // of a text that may come again at once
	fresh []byte // entries of the block in hand
	n     int    // how many of them
}

// code returns the number of a text, entering it if it is new. One that ends the epoch by its size is not kept.
func (d *dictionary) code(text []byte) (code uint32, added int) {
	entries := uint32(d.texts.Len())
	if code = entries; len(text) < epochBytes {
		code = uint32(d.texts.Number(text))
	}
	if code < entries {
		return code, 0
	}
	d.fresh = appendBytes(d.fresh, text)
	d.n++
	return code, len(text) + 64
}

// codeAt is code for a text whose place may be known.
func (d *dictionary) codeAt(at *Place, text []byte) (code uint32, added int) {
	if at == nil {
		return d.code(text)
	}
	if at.in != d.now {
		code, added = d.code(text)
		*at = Place{d.now, code}
	}
	return at.code, added
}

// lastPlace returns the place of what was entered last through it, emptied if this text is another one.
func (d *dictionary) lastPlace(text []byte) *Place {
	if d.last.in != d.now || int(d.last.code) >= d.texts.Len() || !bytes.Equal(text, d.texts.Text(int32(d.last.code))) {
		d.last = Place{}
	}
	return &d.last
}

func (d *dictionary) restart() {
	d.texts.Reset(largeBuffer)
	d.now = new(epoch)
}

// size is how long the entries of the block in hand are, with their number.
func (d *dictionary) size() int { return uvarintLen(uint64(d.n)) + len(d.fresh) }

// lane is one protocol's part of a segment while it is written.
type lane struct {
	blocks []blockAt
	held   struct{ records, certificates int64 }

	fingerprints, labels, statuses dictionary
	certificates                   words.List // their keys, of the epoch
	certificatesBefore             uint32     // of earlier epochs
	newCertificates                []byte
	nCertificates                  int

	columns [columns][]byte
	rows    int
	size    int  // octets of the epoch's dictionaries
	reset   bool // the block in hand begins an epoch
	before  before
}

// before is what the record before says; of a status its place.
type before struct {
	slice, ordinal, status uint32
	row, time, port        int64
}

// noStatus is the place of no status.
const noStatus = 1<<32 - 1

func newLane() *lane {
	l := &lane{reset: true, before: before{status: noStatus}}
	for _, d := range l.dictionaries() {
		d.now = new(epoch)
	}
	return l
}

func (l *lane) dictionaries() [3]*dictionary {
	return [3]*dictionary{&l.fingerprints, &l.labels, &l.statuses}
}

// restart begins an epoch.
func (l *lane) restart() {
	for _, d := range l.dictionaries() {
		d.restart()
	}
	l.certificates.Reset(largeBuffer)
	l.certificatesBefore = uint32(l.held.certificates)
	l.size, l.reset = 0, true
}

// pending is how large the block in hand is.
func (l *lane) pending() int {
	return len(l.fingerprints.fresh) + len(l.labels.fresh) + len(l.statuses.fresh) + len(l.newCertificates) + l.columnsSize()
}

func (l *lane) columnsSize() (n int) {
	for _, c := range l.columns {
		n += len(c)
	}
	return n
}

func (l *lane) put(column int, v uint64) {
	l.columns[column] = binary.AppendUvarint(l.columns[column], v)
}

func (l *lane) putSigned(column int, v int64) {
	l.columns[column] = binary.AppendVarint(l.columns[column], v)
}

func (l *lane) add(r *Record) {
	has, b := byte(0), &l.before
	l.putSigned(columnRow, r.Row-b.row)
	l.put(columnOrdinal, uint64(r.Ordinal-b.ordinal))
	b.row, b.ordinal = r.Row, r.Ordinal
	if r.Slice != b.slice {
		has |= hasSlice
		l.put(columnSlice, uint64(r.Slice))
		b.slice = r.Slice
	}
	if r.Member != 0 {
		has |= hasMember
		l.put(columnMember, uint64(r.Member))
	}
	if r.Port != b.port {
		has |= hasPort
		l.put(columnPort, uint64(r.Port))
		b.port = r.Port
	}
	if status := l.code(&l.statuses, l.statuses.lastPlace(r.Status), r.Status); status != b.status {
		has |= hasStatus
		l.put(columnStatus, uint64(status))
		b.status = status
	}
	if r.HasTime {
		has |= hasTime
		l.putSigned(columnTime, r.Time-b.time)
		b.time = r.Time
	}
	l.columns[columnHas] = append(l.columns[columnHas], has|l.host(r)|l.certified(r))
	l.put(columnFingerprint, uint64(l.code(&l.fingerprints, r.FingerprintAt, r.Fingerprint)))
	l.put(columnLabels, uint64(l.code(&l.labels, r.LabelsAt, r.Labels)))
	l.rows++
	l.held.records++
}

func (l *lane) code(d *dictionary, at *Place, text []byte) (code uint32) {
	code, added := d.codeAt(at, text)
	l.size += added
	return code
}

// host puts a record's address and domain.
func (l *lane) host(r *Record) (has byte) {
	if four, ok := canonicalIPv4(r); ok {
		l.columns[columnIP] = append(l.columns[columnIP], four[:]...)
	} else {
		has = hasText
		l.columns[columnIP] = appendBytes(l.columns[columnIP], r.IP)
	}
	if len(r.Domain) > 0 {
		has |= hasDomain
		l.columns[columnDomain] = appendBytes(l.columns[columnDomain], r.Domain)
	}
	return has
}

// canonicalIPv4 returns a record's address, if that is one of IPv4 in its canonical text form.
func canonicalIPv4(r *Record) ([4]byte, bool) {
	if r.Host.Is4() && bytes.IndexByte(r.IP, ':') < 0 { // else it is written as IPv6
		return r.Host.As4(), true
	}
	return parseIPv4(r.IP)
}

// certified puts a record's certificates.
func (l *lane) certified(r *Record) (has byte) {
	if len(r.Certificates) == 0 {
		return 0
	}
	l.put(columnCertificates, uint64(len(r.Certificates)))
	for _, index := range r.Certificates {
		l.put(columnCertificates, uint64(index))
	}
	return hasCertificates
}

// parseIPv4 reads the one canonical form of an IPv4 address.
func parseIPv4(text []byte) (addr [4]byte, ok bool) {
	at := 0
	for i := range addr {
		if i > 0 {
			if at == len(text) || text[at] != '.' {
				return addr, false
			}
			at++
		}
		v, digits := parseOctet(text[at:])
		if digits == 0 {
			return addr, false
		}
		addr[i] = v
		at += digits
	}
	return addr, at == len(text)
}

// parseOctet reads a number up to 255 from the front of text, and tells its length: 0 where there is none in canonical
// form.
func parseOctet(text []byte) (v byte, digits int) {
	n := 0
	for digits < len(text) && digits < 3 && '0' <= text[digits] && text[digits] <= '9' {
		n = 10*n + int(text[digits]-'0')
		digits++
	}
	if n > 255 || digits > 1 && text[0] == '0' {
		return 0, 0
	}
	return byte(n), digits
}

// appendBlock appends the block in hand.
func (l *lane) appendBlock(dst []byte) []byte {
	flags := uint64(0)
	if l.reset {
		flags = flagReset
	}
	dst = binary.AppendUvarint(dst, flags)
	dst = binary.AppendUvarint(dst, uint64(l.rows))
	size := uvarintLen(uint64(l.nCertificates)) + len(l.newCertificates)
	for _, d := range l.dictionaries() {
		size += d.size()
	}
	dst = slices.Grow(binary.AppendUvarint(dst, uint64(size)), size+l.columnsSize()+columns*binary.MaxVarintLen64)
	for _, d := range l.dictionaries() {
		dst = append(binary.AppendUvarint(dst, uint64(d.n)), d.fresh...)
	}
	dst = append(binary.AppendUvarint(dst, uint64(l.nCertificates)), l.newCertificates...)
	for _, c := range l.columns {
		dst = appendBytes(dst, c)
	}
	return dst
}

// uvarintLen is how many octets a number takes.
func uvarintLen(v uint64) int { return (bits.Len64(v|1) + 6) / 7 }

// next begins a block, and an epoch if the dictionaries are full.
func (l *lane) next() {
	for _, d := range l.dictionaries() {
		d.fresh, d.n = shrink(d.fresh), 0
	}
	l.newCertificates, l.nCertificates = shrink(l.newCertificates), 0
	for i := range l.columns {
		l.columns[i] = shrink(l.columns[i])
	}
	l.rows, l.reset = 0, false
	l.before = before{status: noStatus}
	if l.size > epochBytes {
		l.restart()
	}
}

// largeBuffer is a size to which only a large record blows up a buffer.
const largeBuffer = 4 * blockBytes

// shrink empties a buffer, and gives it up if it is large.
func shrink(b []byte) []byte {
	if cap(b) > largeBuffer {
		return nil
	}
	return b[:0]
}
