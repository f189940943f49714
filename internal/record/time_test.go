package record

import (
	"encoding/binary"
	"math"
	"testing"
	"time"
)

// TestTimesOfKnownYears: what lies outside the years 1 to 9999 UTC is no time, however it is written.
func TestTimesOfKnownYears(t *testing.T) {
	for text, want := range map[string]bool{
		"0001-01-01T00:00:00Z": true, "0001-01-01T00:00:00+00:01": false, "0000-12-31T23:59:59Z": false,
		"9999-12-31T23:59:59.999999Z": true, "9999-12-31T23:59:59-23:59": false, "2024-05-06T07:08:09+02:00": true,
	} {
		if got, ok := parseTime([]byte(text)); ok != want {
			t.Errorf("%s: got %d, %v", text, got, ok)
		}
	}
	year := func(n int) int64 { return time.Date(n, 1, 1, 0, 0, 0, 0, time.UTC).UnixMicro() }
	for _, c := range []struct {
		means meaning
		value int64
		want  bool
	}{
		{meansMicros, year(1), true}, {meansMicros, year(1) - 1, false}, {meansMicros, year(10000) - 1, true},
		{meansMicros, year(10000), false}, {meansMicros, math.MinInt64, false}, {meansMillis, year(10000) / 1000, false},
		{meansMillis, year(1) / 1000, true}, {meansNanos, math.MaxInt64, true}, {meansMillis, math.MaxInt64, false},
	} {
		leaf := &cursor{col: &column{kind: typeInt64, means: c.means}}
		leaf.batch.numbers[0] = c.value
		if got, ok := stamp(leaf); ok != c.want {
			t.Errorf("%+v: got %d, %v", c, got, ok)
		}
	}
}

// TestInt96OfKnownYears: a day that is too far away for microseconds does not become another one.
func TestInt96OfKnownYears(t *testing.T) {
	for day, want := range map[int32]string{
		2440588: "1970-01-01", 1721426: "0001-01-01", 5373484: "9999-12-31",
		1721425: "", 5373485: "", 0: "", -1: "", math.MaxInt32: "", math.MinInt32: "", 0x1234567: "", 215_944_570: "",
	} {
		leaf := &cursor{col: &column{kind: typeInt96}}
		leaf.batch.numbers[0] = int96(binary.LittleEndian.AppendUint32(make([]byte, 8), uint32(day)))
		got := ""
		if v, ok := stamp(leaf); ok {
			got = time.UnixMicro(v).UTC().Format(time.DateOnly)
		}
		if got != want {
			t.Errorf("day %d: got %q, want %q", day, got, want)
		}
	}
}
