package survey

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/dice-engine/dice/internal/estimate"
	"github.com/dice-engine/dice/internal/record"
	"github.com/dice-engine/dice/internal/store"
	"github.com/dice-engine/dice/shard"
)

// open opens a folder.
func open(ctx context.Context, place string) (store.Bucket, error) {
	location, err := store.Parse(place)
	if err != nil {
		return nil, err
	}
	return store.Dial(ctx, location, store.Config{})
}

// planOf plans the objects of a folder, given in order. Those named side* are side tables.
func planOf(t testing.TB, dir string, names []string, shardBytes int64) *shard.Plan {
	t.Helper()
	var scans, side []shard.Input
	for _, name := range names {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		in := shard.Input{URL: filepath.Join(dir, name), Place: dir, Key: name, Size: info.Size()}
		if strings.HasPrefix(name, "side") {
			side = append(side, in)
		} else {
			scans = append(scans, in)
		}
	}
	p := &shard.Plan{
		Command: shard.Command{Options: shard.Options{Signatures: []string{"modbus", "xmpp"}, Limits: shard.DefaultLimits}},
		Inputs:  append(scans, side...),
		Shards:  append(shard.Cut(scans, 0, shardBytes, false), shard.Cut(side, len(scans), shardBytes, true)...),
	}
	p.Streams = shard.Streams(p.Inputs, p.Shards)
	return p
}

func write(t testing.TB, dir, name string, body []byte) string {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), body, 0o666); err != nil {
		t.Fatal(err)
	}
	return name
}

// lines are so many records of a protocol.
func lines(protocol string, n int) []byte {
	var b bytes.Buffer
	for i := range n {
		fmt.Fprintf(&b, `{"ip":"192.0.2.1","data":{"x":{"protocol":%q,"status":"success","result":{"banner":"%032d"}}}}`+"\n", protocol, i)
	}
	return b.Bytes()
}

// sum adds up shards.
func sum(shards []estimate.Shard) (s estimate.Shard) {
	s.Records = make([]float64, 2)
	for _, one := range shards {
		s.Requests += one.Requests
		s.Octets += one.Octets
		s.Rows += one.Rows
		s.Other += one.Other
		for i := range one.Records {
			s.Records[i] += one.Records[i]
		}
	}
	return s
}

func near(t *testing.T, what string, got, want, by float64) {
	t.Helper()
	if math.Abs(got-want) > by*want+1 {
		t.Errorf("%s: %v, want about %v", what, got, want)
	}
}

// TestLook looks at everything.
func TestLook(t *testing.T) {
	dir := t.TempDir()
	names := []string{
		write(t, dir, "a.jsonl", lines("modbus", 100)), write(t, dir, "b.jsonl", lines("xmpp", 30)), write(t, dir, "c.jsonl", lines("ftp", 20)),
		write(t, dir, "d.jsonl", nil), write(t, dir, "side.jsonl", bytes.Repeat([]byte(`{"ip":"192.0.2.1","certificate":"AAAA"}`+"\n"), 50)),
	}
	f, err := Look(t.Context(), planOf(t, dir, names, 1<<20), open)
	if err != nil {
		t.Fatal(err)
	}
	if f.Looked != 5 || f.Counted || len(f.Faults) > 0 || len(f.Whole) > 0 || len(f.Shards) != 2 {
		t.Errorf("%+v", f)
	}
	scan, side := f.Shards[0], f.Shards[1]
	if diff := cmp.Diff([]float64{100, 30, 20, 150}, append(scan.Records, scan.Other, scan.Rows), cmpopts.EquateApprox(1e-9, 0)); diff != "" {
		t.Errorf("want - got +\n%s", diff)
	}
	if scan.Form != "lines" || scan.Side {
		t.Errorf("%+v", scan)
	}
	if side.Rows != 50 || !side.Side || sum(f.Shards[1:]).Records[0] != 0 {
		t.Errorf("%+v", side)
	}
}

// TestLookAtSome: of many objects some tell enough about all, where they are like their neighbours.
func TestLookAtSome(t *testing.T) {
	dir := t.TempDir()
	var names []string
	for i := range 300 {
		protocol := []string{"modbus", "xmpp", "ftp"}[i/100]
		names = append(names, write(t, dir, fmt.Sprintf("%03d.jsonl", i), lines(protocol, 1+i*i%977)))
	}
	plan := planOf(t, dir, names, 30_000)
	all, err := Look(t.Context(), plan, open)
	if err != nil {
		t.Fatal(err)
	}
	some, err := look(t.Context(), plan, open, 40)
	if err != nil {
		t.Fatal(err)
	}
	if all.Looked != 200 || some.Looked != 40 {
		t.Errorf("looked at %d, and at %d", all.Looked, some.Looked)
	}
	every, err := look(t.Context(), plan, open, 1000)
	if err != nil {
		t.Fatal(err)
	}
	want := sum(every.Shards)
	for what, f := range map[string]*Findings{"two of three": all, "one of eight": some} {
		got := sum(f.Shards)
		near(t, what+": rows", got.Rows, want.Rows, 0.02)
		near(t, what+": octets", got.Octets, want.Octets, 0.05)
		near(t, what+": requests", got.Requests, want.Requests, 0.1)
		near(t, what+": other", got.Other, want.Other, 0.1)
		for i := range want.Records {
			near(t, what+": records", got.Records[i], want.Records[i], 0.1)
		}
	}
}

// TestFaults: what cannot be read is told, and counts for nothing; its neighbours are like others.
func TestFaults(t *testing.T) {
	dir := t.TempDir()
	names := []string{
		write(t, dir, "a.jsonl", lines("modbus", 100)), write(t, dir, "b.parquet", []byte("no Parquet at all")),
		write(t, dir, "c.jsonl", lines("modbus", 100)), write(t, dir, "d.jsonl", lines("modbus", 100)),
	}
	plan := planOf(t, dir, names, 1<<20)
	if err := os.Remove(filepath.Join(dir, "c.jsonl")); err != nil {
		t.Fatal(err)
	}
	f, err := Look(t.Context(), plan, open)
	if err != nil {
		t.Fatal(err)
	}
	if got := sum(f.Shards).Records[0]; got != 200 || f.Looked != 4 || len(f.Faults) != 2 {
		t.Fatalf("%v records, %+v", got, f)
	}
	if !strings.Contains(f.Faults[0].URL, "b.parquet") || !errors.Is(f.Faults[1].Err, store.ErrNotFound) {
		t.Errorf("%+v", f.Faults)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("enough")
	cancel(why)
	if _, err := Look(ctx, plan, open); !errors.Is(err, why) {
		t.Errorf("got %v", err)
	}
	plan.Command.Options.Signatures = []string{"gopher"}
	if _, err := Look(t.Context(), plan, open); err == nil || !strings.Contains(err.Error(), "gopher") {
		t.Errorf("got %v", err)
	}
}

// TestOnePiece: what was compressed in one go is unpacked first, or one task's if its name does not tell, be it looked at
// or like one that was.
func TestOnePiece(t *testing.T) {
	t.Run("by name", func(t *testing.T) { onePiece(t, "%d.jsonl.gz", 0) })
	t.Run("by content", func(t *testing.T) { onePiece(t, "%d.jsonl", 3) })
}

// onePiece looks at three objects, of which so many are one task's.
func onePiece(t *testing.T, name string, whole int) {
	t.Helper()
	dir := t.TempDir()
	var names []string
	for i := range 3 {
		var b bytes.Buffer
		w, err := gzip.NewWriterLevel(&b, gzip.NoCompression)
		if err != nil {
			t.Fatal(err)
		}
		w.Write(lines("modbus", 5000))
		w.Close()
		names = append(names, write(t, dir, fmt.Sprintf(name, i), b.Bytes()))
	}
	plan := planOf(t, dir, names, 200_000)
	all, err := Look(t.Context(), plan, open)
	if err != nil {
		t.Fatal(err)
	}
	one, err := look(t.Context(), plan, open, 1)
	if err != nil {
		t.Fatal(err)
	}
	if len(all.Whole) != whole || len(all.Streams) != 3-whole || len(plan.Shards) < 9 {
		t.Errorf("%d objects in one piece, %d streams, %d shards", len(all.Whole), len(all.Streams), len(plan.Shards))
	}
	for i, s := range all.Streams {
		near(t, "text", s.Text, float64(plan.Inputs[i].Size), 0.01) // it was not compressed at all
		near(t, "text of what was not looked at", one.Streams[i].Text, s.Text, 0.02)
		near(t, "octets of a stream", one.Streams[i].Octets, float64(plan.Inputs[i].Size), 0)
	}
	for i := range plan.Shards {
		near(t, "records", one.Shards[i].Records[0], all.Shards[i].Records[0], 0.02)
		near(t, "octets", one.Shards[i].Octets, all.Shards[i].Octets, 0.02)
		near(t, "requests", one.Shards[i].Requests, all.Shards[i].Requests, 0.02)
	}
}

// TestSpread: large objects are looked at, and of the others some everywhere.
func TestSpread(t *testing.T) {
	objects := make([]object, 1000)
	for i := range objects {
		objects[i].Size = 1000
	}
	objects[500].Size = 1 << 30
	objects[7].side = true
	chosen := choose(objects, 50)
	if len(chosen) != 51 || chosen[50] != 7 || !slices.Contains(chosen, 500) || len(choose(objects[:30], 50)) != 30 {
		t.Errorf("chose %v", chosen)
	}
	for _, size := range []int64{1 << 30, 1000, 0} {
		objects[500].Size = size
		chosen := choose(objects, 50)[:50]
		slices.Sort(chosen)
		for i, at := range chosen {
			if at/20 < i-1 || at/20 > i+1 {
				t.Errorf("object %d of 1000 is the %dth chosen of 50", at, i)
			}
		}
	}
}

// TestNeighbours: the nearest one stands for an object, with the same ending if there is one, and never a side table for a scan.
func TestNeighbours(t *testing.T) {
	const endings = "aaaaababaaca"
	objects := make([]object, len(endings)+1)
	for i, ending := range endings {
		objects[i].URL = fmt.Sprintf("%d.%c", i, ending)
	}
	objects[len(endings)].side = true
	for _, seen := range []int{2, 5, 9} {
		objects[seen].forecast = &record.Forecast{}
	}
	got := make([]int, len(objects))
	for i, o := range neighbours(objects) {
		got[i] = slices.IndexFunc(objects, func(p object) bool { return o != nil && o.URL == p.URL })
	}
	want := []int{2, 2, -1, 2, 2, -1, 9, 5, 9, -1, 9, 9, -1}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("want - got +\n%s", diff)
	}
}
