package record

import "time"

// The times that a record may have, in microseconds since 1970: the years 1 to 9999 UTC, as far as those who read the
// result can go. What lies beyond is unknown.
const (
	firstTime = -62_135_596_800_000_000
	lastTime  = 253_402_300_799_999_999
)

// parseTime reads RFC 3339, in microseconds since 1970; false where a text is no such time. It allocates nothing.
func parseTime(text []byte) (int64, bool) {
	var t time.Time
	if len(text) > 64 || t.UnmarshalText(text) != nil {
		return 0, false
	}
	return within9999(t.UnixMicro(), true)
}

// stamp is the value at hand in microseconds since 1970; false where it is no time.
func stamp(leaf *cursor) (int64, bool) { return within9999(micros(leaf)) }

func within9999(micros int64, ok bool) (int64, bool) {
	return micros, ok && firstTime <= micros && micros <= lastTime
}
