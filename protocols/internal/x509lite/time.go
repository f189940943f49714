package x509lite

import "time"

// The years 1 to 9999 UTC, in microseconds since 1970: as far as those who read the result can go.
const (
	firstTime = -62_135_596_800_000_000
	lastTime  = 253_402_300_799_999_999
)

// readTime reads a UTCTime or a GeneralizedTime, in microseconds since 1970 UTC. Beyond what certificates may hold it
// takes times without seconds, with fractions and with an offset; one without a zone counts as UTC. Times outside the
// years 1 to 9999 cannot be read.
func readTime(e element) (unixMicro int64, ok bool) {
	d := digits{e.body, true}
	var year int
	switch e.tag {
	case tagUTCTime:
		if year = 1900 + d.take(2); year < 1950 {
			year += 100
		}
	case tagGeneralizedTime:
		year = d.take(4)
	default:
		return 0, false
	}
	month, day, hour, minute := d.take(2), d.take(2), d.take(2), d.take(2)
	second := 0
	if d.atDigit() {
		second = d.take(2)
	}
	micro := d.fraction()
	offset := d.zone()
	if !d.ok || len(d.rest) > 0 || month < 1 || month > 12 || hour > 23 || minute > 59 || second > 59 {
		return 0, false
	}
	t := time.Date(year, time.Month(month), day, hour, minute, second, 0, time.UTC)
	if day < 1 || t.Day() != day {
		return 0, false
	}
	unixMicro = t.UnixMicro() + micro - int64(offset)*60_000_000
	return unixMicro, firstTime <= unixMicro && unixMicro <= lastTime
}

// digits takes decimal numbers off the front of rest. After the first failure ok stays false.
type digits struct {
	rest []byte
	ok   bool
}

func (d *digits) atDigit() bool { return len(d.rest) > 0 && '0' <= d.rest[0] && d.rest[0] <= '9' }

// take takes a number of n digits.
func (d *digits) take(n int) int {
	number := 0
	for range n {
		if !d.atDigit() {
			d.ok = false
			return 0
		}
		number = 10*number + int(d.rest[0]-'0')
		d.rest = d.rest[1:]
	}
	return number
}

// fraction takes a fraction of a second, in microseconds; further digits are dropped.
func (d *digits) fraction() (micro int64) {
	if len(d.rest) == 0 || d.rest[0] != '.' && d.rest[0] != ',' {
		return 0
	}
	d.rest = d.rest[1:]
	for unit := int64(100_000); d.atDigit(); unit /= 10 {
		micro += unit * int64(d.take(1))
	}
	return micro
}

// zone takes what says the zone, and returns its offset from UTC in minutes.
func (d *digits) zone() int {
	if len(d.rest) == 0 {
		return 0
	}
	sign := d.rest[0]
	d.rest = d.rest[1:]
	switch sign {
	case 'Z':
		return 0
	case '+':
		return 60*d.take(2) + d.take(2)
	case '-':
		return -60*d.take(2) - d.take(2)
	}
	d.ok = false
	return 0
}
