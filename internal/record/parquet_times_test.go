package record

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/deprecated"
)

// timedFile makes a file of one record of XMPP for each value of a column timestamp.
func timedFile(t *testing.T, node parquet.Node, values ...parquet.Value) Object {
	t.Helper()
	schema := parquet.NewSchema("scan", parquet.Group{"protocol": parquet.String(), "status": parquet.String(), "timestamp": node})
	var rows []parquet.Row
	for _, v := range values {
		def := 0
		if (node.Optional() || node.Repeated()) && !v.IsNull() {
			def = 1
		}
		rows = append(rows, parquet.Row{
			parquet.ValueOf("xmpp").Level(0, 0, 0), parquet.ValueOf("success").Level(0, 0, 1), v.Level(0, def, 2),
		})
	}
	var out strings.Builder
	w := parquet.NewWriter(&out, schema)
	if _, err := w.WriteRows(rows); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return objectOf("x.parquet", []byte(out.String()))
}

// TestParquetTimes reads a time from every type that tells its unit. Texts that are none, and days that an output could
// not hold, are no times.
func TestParquetTimes(t *testing.T) {
	at := time.Date(2025, 3, 17, 9, 30, 0, 123_000_000, time.UTC)
	day := time.Date(2025, 3, 17, 0, 0, 0, 0, time.UTC)
	days := int32(day.Unix() / 86400)
	clock := uint64(at.Sub(day)) // nanoseconds
	int96 := deprecated.Int96{uint32(clock), uint32(clock >> 32), uint32(days) + 2440588}
	const none = "none"
	for name, c := range map[string]struct {
		node   parquet.Node
		values []any
		want   []string
	}{
		"date": {parquet.Date(), []any{days, int32(0), int32(-1), int32(math.MaxInt32), int32(math.MinInt32)},
			[]string{"2025-03-17T00:00:00Z", "1970-01-01T00:00:00Z", "1969-12-31T00:00:00Z", none, none}},
		"date or null": {parquet.Optional(parquet.Date()), []any{days, nil}, []string{"2025-03-17T00:00:00Z", none}},
		"millis":       {parquet.Timestamp(parquet.Millisecond), []any{at.UnixMilli()}, []string{"2025-03-17T09:30:00.123Z"}},
		"micros":       {parquet.Timestamp(parquet.Microsecond), []any{at.UnixMicro()}, []string{"2025-03-17T09:30:00.123Z"}},
		"nanos":        {parquet.Timestamp(parquet.Nanosecond), []any{at.UnixNano()}, []string{"2025-03-17T09:30:00.123Z"}},
		"INT96":        {parquet.Leaf(parquet.Int96Type), []any{int96}, []string{"2025-03-17T09:30:00.123Z"}},
		"text": {parquet.String(), []any{"2025-03-17T10:30:00.123+01:00", "yesterday", "1742203800", ""},
			[]string{"2025-03-17T09:30:00.123Z", none, none, none}},
		"JSON": {parquet.JSON(), []any{`"2025-03-17T10:30:00.123+01:00"`, "1742203800", "null", `"`, "2025-03-17T10:30:00Z"},
			[]string{"2025-03-17T09:30:00.123Z", none, none, none, none}},
	} {
		t.Run(name, func(t *testing.T) {
			var values []parquet.Value
			for _, v := range c.values {
				values = append(values, parquet.ValueOf(v))
			}
			all, _ := readParquet(t, timedFile(t, c.node, values...), everything, allWants(), DefaultLimits)
			var got []string
			for _, f := range all {
				switch {
				case f.Error != "":
					got = append(got, f.Error)
				case !f.HasTime:
					got = append(got, none)
				default:
					got = append(got, time.UnixMicro(f.Time).UTC().Format(time.RFC3339Nano))
				}
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("want - got +\n%s", diff)
			}
		})
	}
}

// TestParquetNoTimes rejects records whose times could only be guessed, as without them labels would be missing and nobody
// would know.
func TestParquetNoTimes(t *testing.T) {
	number := parquet.ValueOf(int64(1742203800))
	for typ, c := range map[string]struct {
		node  parquet.Node
		value parquet.Value
	}{
		"INT64":               {parquet.Leaf(parquet.Int64Type), number},
		"INT64 (unsigned)":    {parquet.Uint(64), number},
		"INT64 (annotated)":   {parquet.Decimal(0, 18, parquet.Int64Type), number},
		"INT32":               {parquet.Int(32), parquet.ValueOf(int32(1742203800))},
		"INT32 (annotated)":   {parquet.Time(parquet.Millisecond), parquet.ValueOf(int32(1))},
		"DOUBLE":              {parquet.Leaf(parquet.DoubleType), parquet.ValueOf(1742203800.5)},
		"BOOLEAN":             {parquet.Leaf(parquet.BooleanType), parquet.ValueOf(true)},
		"repeated BYTE_ARRAY": {parquet.Repeated(parquet.Leaf(parquet.ByteArrayType)), parquet.ValueOf("2025-03-17T09:30:00Z")},
	} {
		all, counts := readParquet(t, timedFile(t, c.node, c.value, c.value), everything, allWants(), DefaultLimits)
		want := "0 rows: column timestamp is " + typ + " where a TIMESTAMP, a DATE or an RFC 3339 string is needed"
		if len(all) != 2 || all[0].Error != want || all[1].Error != want || counts.WithRecords != 2 {
			t.Errorf("got %+v, %+v, want %s", all, counts, want)
		}
	}
}

// TestParquetNoTimesBelowData finds the column in the raw layout as well.
func TestParquetNoTimesBelowData(t *testing.T) {
	type response struct {
		Status string `parquet:"status"`
		Time   int64  `parquet:"timestamp"`
	}
	type row struct {
		Data struct {
			XMPP response `parquet:"xmpp"`
		} `parquet:"data"`
	}
	rows := make([]row, 1)
	rows[0].Data.XMPP.Status, rows[0].Data.XMPP.Time = "success", 1742203800
	file := objectOf("x", writeGo(t, rows))
	all, _ := readParquet(t, file, everything, allWants(), DefaultLimits)
	want := "0 rows: column data.xmpp.timestamp is INT64 where a TIMESTAMP, a DATE or an RFC 3339 string is needed"
	if len(all) != 1 || all[0].Error != want {
		t.Errorf("got %+v, want %s", all, want)
	}
	if all, _ = readParquet(t, file, everything, wantOnly("mqtt"), DefaultLimits); len(all) != 1 || all[0].Error != "" {
		t.Errorf("of a protocol that nobody wants: %+v", all)
	}
}

// TestParquetTimesThatAreNone: a column of numbers without any is no time at all, as tools write it where all are missing.
func TestParquetTimesThatAreNone(t *testing.T) {
	for name, c := range map[string]struct {
		node  parquet.Node
		value parquet.Value
	}{
		"null": {parquet.Optional(parquet.Int(32)), parquet.NullValue()},
		"NaN":  {parquet.Leaf(parquet.DoubleType), parquet.ValueOf(math.NaN())},
	} {
		all, _ := readParquet(t, timedFile(t, c.node, c.value), everything, allWants(), DefaultLimits)
		if len(all) != 1 || all[0].Error != "" || all[0].HasTime {
			t.Errorf("%s: got %+v", name, all)
		}
	}
}
