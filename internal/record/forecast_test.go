package record

import (
	"bytes"
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"testing"

	"github.com/parquet-go/parquet-go"

	"github.com/dice-engine/dice/internal/tape"
)

// reading is what reading a slice really took and held.
func reading(t testing.TB, obj Object, s Slice, wants []Want) SliceForecast {
	t.Helper()
	c := &counting{ReaderAt: obj.ReaderAt}
	obj.ReaderAt = c
	r, err := Open(context.Background(), obj, s, wants, DefaultLimits)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	got, err := count(r, len(wants))
	if err != nil {
		t.Fatal(err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, size := range c.sizes {
		got.Requests++
		got.Octets += int64(size)
	}
	return got
}

// even cuts an object into n slices.
func even(size int64, n int) []Slice {
	all := make([]Slice, n)
	for i := range all {
		all[i] = Slice{size * int64(i) / int64(n), size * int64(i+1) / int64(n)}
	}
	return all
}

// checkForecast compares a forecast with reading, slice by slice. exact is false where the data decides.
func checkForecast(t *testing.T, obj Object, n int, wants []Want, exact bool) *Forecast {
	t.Helper()
	slices := even(obj.Size, n)
	f, err := Foresee(context.Background(), obj, slices, wants, DefaultLimits)
	if err != nil {
		t.Fatal(err)
	}
	var want, got SliceForecast
	for i, s := range slices {
		one := reading(t, obj, s, wants)
		if exact && one.Fetch != f.Slices[i].Fetch {
			t.Errorf("%s slice %d of %d: takes %+v, foreseen %+v", obj.Name, i, n, one.Fetch, f.Slices[i].Fetch)
		}
		add(&want, one)
		add(&got, f.Slices[i])
	}
	if f.Counted && got.Rows != want.Rows {
		t.Errorf("%s: %v rows, counted %v", obj.Name, want.Rows, got.Rows)
	}
	near(t, obj.Name+": rows", want.Rows, got.Rows, 0.1)
	near(t, obj.Name+": requests", float64(want.Requests), float64(got.Requests), 0.2)
	near(t, obj.Name+": octets", float64(want.Octets), float64(got.Octets), 0.15)
	near(t, obj.Name+": other records", want.Other, got.Other, 0.1)
	for i := range wants {
		near(t, obj.Name+": records of "+wants[i].Protocol, want.Records[i], got.Records[i], 0.1)
	}
	return f
}

func add(sum *SliceForecast, s SliceForecast) {
	sum.Requests += s.Requests
	sum.Octets += s.Octets
	sum.Rows += s.Rows
	sum.Other += s.Other
	if sum.Records == nil {
		sum.Records = make([]float64, len(s.Records))
	}
	for i := range s.Records {
		sum.Records[i] += s.Records[i]
	}
}

func near(t *testing.T, what string, want, got, by float64) {
	t.Helper()
	if math.Abs(got-want) > by*want+2 {
		t.Errorf("%s: %v, foreseen %v", what, want, got)
	}
}

// TestForecastOfFixtures: what will be fetched of Parquet is known to the octet, whoever wrote it, and records by null counts.
func TestForecastOfFixtures(t *testing.T) {
	names, err := filepath.Glob("testdata/parquet/*.parquet")
	if err != nil || len(names) < 30 {
		t.Fatalf("%d fixtures, %v", len(names), err)
	}
	for _, name := range names {
		obj := fixture(t, filepath.Base(name))
		slices := even(obj.Size, 2)
		f, err := Foresee(t.Context(), obj, slices, allWants(), DefaultLimits)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for i, s := range slices {
			got := reading(t, obj, s, allWants())
			if got.Fetch != f.Slices[i].Fetch || got.Rows != f.Slices[i].Rows {
				t.Errorf("%s: takes %+v, foreseen %+v", name, got, f.Slices[i])
			}
		}
	}
}

func TestForecastOfRowGroups(t *testing.T) {
	wants := []Want{{"p", tape.Of[wideShape]()}, {"q", tape.Of[wideShape]()}}
	for _, data := range [][]byte{
		wideFile(t, 2000, 500, 1500, parquet.MaxRowsPerRowGroup(300)),
		wideFile(t, 2500, 10_000, 10, parquet.PageBufferSize(100_000)), // too large to be held whole
		wideFile(t, 10, 10, 10),
		wideFile(t, 3000, 1, 1, parquet.MaxRowsPerRowGroup(2)), // with a large footer
	} {
		obj := objectOf("protocol=p/x.parquet", data)
		for _, n := range []int{1, 3} {
			if f := checkForecast(t, obj, n, wants, len(data) < 20<<20); !f.Counted || f.Form != FormParquet {
				t.Errorf("%+v", f)
			}
		}
	}
}

// TestForecastOfRecords: where several protocols share the rows, null counts tell how many records there are of each.
func TestForecastOfRecords(t *testing.T) {
	type record struct {
		Status string `parquet:"status"`
		Result struct {
			A string `parquet:"a"`
		} `parquet:"result"`
	}
	type row struct {
		Data struct {
			P *record `parquet:"p,optional"`
			Q *record `parquet:"q,optional"`
			R *record `parquet:"r,optional"`
		} `parquet:"data"`
	}
	rows := make([]row, 1000)
	for i := range rows {
		rows[i].Data.P = &record{Status: "success"}
		if i < 100 {
			rows[i].Data.Q, rows[i].Data.R = &record{}, &record{Status: "success"}
		}
	}
	obj := objectOf("raw.parquet", writeGo(t, rows))
	checkForecast(t, obj, 1, []Want{{"p", tape.Of[wideShape]()}, {"q", tape.Of[wideShape]()}}, true)
	checkForecast(t, fixture(t, "duck-all-raw.parquet"), 1, allWants(), true)
}

func TestSliceOf(t *testing.T) {
	slices := []Slice{{4, 10}, {10, 10}, {10, 30}}
	for at, want := range map[int64]int{3: -1, 4: 0, 9: 0, 10: 2, 29: 2, 30: -1} {
		if got := sliceOf(slices, at); got != want {
			t.Errorf("offset %d lies in slice %d, want %d", at, got, want)
		}
	}
}

func TestForecastOfLines(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	want := []Want{{"a", tape.Of[lineShape]()}}
	text := scanText(r, 60_000)
	for name, exact := range map[string]bool{"a.jsonl": true, "a.jsonl.gz": false, "a.jsonl.zst": false} {
		data := text
		if f := formatOfName(name); f >= 0 {
			data = nil
			for part := range slices.Chunk(text, len(text)/60) {
				data = append(data, oneMember(t, rand.New(rand.NewPCG(5, 6)), part, f)...)
			}
		}
		for _, n := range []int{1, 4} {
			if f := checkForecast(t, objectOf(name, data), n, want, exact || n == 1); f.Counted || f.Whole {
				t.Errorf("%s: %+v", name, f)
			}
		}
	}
}

// lineShape is what scanText writes of a result.
type lineShape struct {
	N    int64     `tape:"n"`
	Cert tape.Cert `tape:"cert"`
}

// TestForecastOfOnePiece: what was compressed in one go is read by the first slice, and searched by the others.
func TestForecastOfOnePiece(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	text := scanText(r, 60_000)
	for name, format := range map[string]objectFormat{"a.gz": gzipLines, "a.zst": zstdLines} {
		obj := objectOf(name, oneMember(t, r, text, format))
		f := checkForecast(t, obj, 3, []Want{{"a", tape.Of[lineShape]()}}, false)
		if !f.Whole || f.Slices[1].Rows != 0 || f.Slices[0].Rows == 0 {
			t.Errorf("%s: %+v", name, f)
		}
	}
}

// TestForecastOfTables foresees side tables, in Parquet and in lines.
func TestForecastOfTables(t *testing.T) {
	type side struct {
		IP string `tape:"ip" parquet:"ip"`
		X  string `parquet:"x"`
	}
	shape := tape.Of[struct {
		IP string `tape:"ip"`
	}]()
	rows := make([]side, 500)
	for name, data := range map[string][]byte{
		"t.parquet": writeGo(t, rows), "t.jsonl": bytes.Repeat([]byte(`{"ip":"192.0.2.1","x":1}`+"\n"), len(rows)),
	} {
		obj := objectOf(name, data)
		f, err := ForeseeTable(t.Context(), obj, even(obj.Size, 1), shape, DefaultLimits)
		if err != nil || f.Slices[0].Records[0] != float64(len(rows)) || f.Slices[0].Rows != float64(len(rows)) {
			t.Errorf("%s: %+v, %v", name, f, err)
		}
	}
}

// TestForecastOfWhatCannotBeRead is an error, whoever is to blame.
func TestForecastOfWhatCannotBeRead(t *testing.T) {
	broken := errors.New("connection reset")
	data := wideFile(t, 10, 10, 10)
	for name, data := range map[string][]byte{"a.parquet": data[:len(data)/2], "b.parquet": nil, "c.parquet": []byte("PAR1 or not")} {
		if _, err := Foresee(t.Context(), objectOf(name, data), even(int64(len(data)), 1), allWants(), DefaultLimits); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	for _, name := range []string{"a.parquet", "a", "a.gz", "a.jsonl"} {
		c := &counting{ReaderAt: bytes.NewReader(data), err: broken}
		obj := Object{Name: name, Size: int64(len(data)), ReaderAt: c}
		if _, err := Foresee(t.Context(), obj, even(obj.Size, 1), allWants(), DefaultLimits); !errors.Is(err, broken) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}
