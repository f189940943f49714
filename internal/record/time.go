package record

import "time"

// parseTime reads RFC 3339, in microseconds since 1970; false where a text is no such time. It allocates nothing.
func parseTime(text []byte) (int64, bool) {
	var t time.Time
	if len(text) > 64 || t.UnmarshalText(text) != nil {
		return 0, false
	}
	return t.UnixMicro(), true
}
