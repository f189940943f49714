package record

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/dice-engine/dice/internal/tape"
	"github.com/dice-engine/dice/internal/tape/tapetest"
)

// wholeRow has the same number in each place where a result may want an integer.
type wholeRow[T float32 | float64] struct {
	Protocol string `parquet:"protocol"`
	Result   struct {
		Maybe *T  `parquet:"maybe,optional"`
		Plain *T  `parquet:"plain,optional"`
		Many  []T `parquet:"many,list"`
	} `parquet:"result"`
}

type wholeShape struct {
	Maybe *int64  `tape:"maybe"`
	Plain int64   `tape:"plain"`
	Many  []int64 `tape:"many"`
}

type lenientShape struct {
	Maybe *int64   `tape:"maybe,lenient"`
	Plain int64    `tape:"plain,lenient"`
	Many  []*int64 `tape:"many,elements"`
}

// wholeFile has one row for each number.
func wholeFile[T float32 | float64](t *testing.T, numbers ...T) Object {
	t.Helper()
	rows := make([]wholeRow[T], len(numbers))
	for i, v := range numbers {
		rows[i].Protocol = "p"
		rows[i].Result.Maybe, rows[i].Result.Plain, rows[i].Result.Many = &v, &v, []T{v, 1}
	}
	return objectOf("x", writeGo(t, rows))
}

// checkWhole compares what is read with JSON, in which want has the numbers.
func checkWhole(t *testing.T, shape *tape.Shape, obj Object, want ...string) {
	t.Helper()
	all, counts := readParquet(t, obj, everything, []Want{{"p", shape}}, DefaultLimits)
	if len(all) != len(want) || counts.WithRecords != int64(len(want)) {
		t.Fatalf("got %+v, %+v, want %d records", all, counts, len(want))
	}
	for i, number := range want {
		if strings.HasPrefix(number, "0 rows: ") {
			if all[i].Error != number {
				t.Errorf("row %d: got %+v, want %s", i, all[i], number)
			}
			continue
		}
		text := fmt.Sprintf(`{"maybe":%s,"plain":%[1]s,"many":[%[1]s,1]}`, number)
		result, _, err := tapetest.FromJSON(shape, []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		if all[i].Error != "" || all[i].Result != fmt.Sprintf("%x", result) {
			t.Errorf("row %d: got %+v, want %x of %s", i, all[i], result, text)
		}
	}
}

// TestParquetWholeFloats reads integers that a table holds as floats, because some of them were missing.
func TestParquetWholeFloats(t *testing.T) {
	reject := func(v string) string {
		return "0 rows: column result.maybe holds " + v + ", which is no integer within ±2^53"
	}
	doubles := wholeFile(t, 5, 0, math.Copysign(0, -1), -7, 1<<53, -1<<53, math.NaN(), 5.5, 1<<53+2, -1<<53-2, math.Inf(1), math.Inf(-1), 1e300, 3)
	checkWhole(t, tape.Of[wholeShape](), doubles, "5", "0", "0", "-7", "9007199254740992", "-9007199254740992", "null",
		reject("5.5"), reject("9.007199254740994e+15"), reject("-9.007199254740994e+15"), reject("+Inf"), reject("-Inf"), reject("1e+300"), "3")
	checkWhole(t, tape.Of[lenientShape](), doubles, "5", "0", "0", "-7", "9007199254740992", "-9007199254740992", "null",
		"null", "null", "null", "null", "null", "null", "3")
	singles := wholeFile(t, float32(5), -7, 1<<30, float32(math.NaN()), 0.5)
	checkWhole(t, tape.Of[wholeShape](), singles, "5", "-7", "1073741824", "null", reject("0.5"))
}

// TestParquetWholeFloatsMissing reads a null as such.
func TestParquetWholeFloatsMissing(t *testing.T) {
	rows := make([]wholeRow[float64], 1)
	rows[0].Protocol = "p"
	all, _ := readParquet(t, objectOf("x", writeGo(t, rows)), everything, []Want{{"p", tape.Of[wholeShape]()}}, DefaultLimits)
	if len(all) != 1 || all[0].Result != "0100" {
		t.Errorf("got %+v, want a result without members", all)
	}
}
