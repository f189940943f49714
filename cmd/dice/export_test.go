package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dice-engine/dice/internal/record"
	"github.com/dice-engine/dice/internal/store"
	"github.com/dice-engine/dice/internal/tape"
	"github.com/dice-engine/dice/shard"
)

// labelled is a row of a result, as far as export looks at it.
type labelled struct {
	IP     string   `tape:"ip"`
	Domain string   `tape:"domain"`
	Labels []string `tape:"labels"`
}

// result writes a result of several protocols into a bucket of its own.
func result(t *testing.T, tables map[string][]labelled) store.Bucket {
	t.Helper()
	bucket, err := store.Dial(context.Background(), store.Location{Scheme: store.SchemeFile, Path: t.TempDir()}, store.Config{})
	if err != nil {
		t.Fatal(err)
	}
	manifest := shard.Manifest{Outputs: []shard.Output{{Key: "reuse/part-00000.parquet"}}}
	for protocol, rows := range tables {
		var file bytes.Buffer
		shape := tape.Of[labelled]()
		w, err := record.NewWriter(&file, shape, record.WriterOptions{})
		if err != nil {
			t.Fatal(err)
		}
		for _, row := range rows {
			if err := w.Write(tape.Append(shape, nil, &row)); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		output := shard.Output{Key: shard.PartKey(shard.ProtocolTable(protocol), 0), Size: int64(file.Len())}
		manifest.Outputs = append(manifest.Outputs, output)
		if err := bucket.Create(context.Background(), output.Key, file.Bytes()); err != nil {
			t.Fatal(err)
		}
	}
	text, err := json.Marshal(manifest)
	if err != nil {
		t.Fatal(err)
	}
	if err := bucket.Create(context.Background(), shard.ManifestKey, text); err != nil {
		t.Fatal(err)
	}
	return bucket
}

// exported is the export of a result.
func exported(t *testing.T, bucket store.Bucket) string {
	t.Helper()
	pairs := newSorter("", sorterBytes)
	defer pairs.close()
	if err := collectAll(t.Context(), pairs, bucket); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := writePairs(&out, pairs); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestExport(t *testing.T) {
	bucket := result(t, map[string][]labelled{
		"mqtt": {
			{IP: "192.0.2.9", Labels: []string{"certificate:reused", "mqtt:access:read"}},
			{IP: "2001:DB8::1", Labels: []string{"mqtt:access:read"}},
			{IP: "192.0.2.7"},
		},
		"xmpp": {
			{Domain: "a.example", Labels: []string{"xmpp:stanza:auth:deprecated"}},
			{IP: "2001:db8:0::1", Domain: "b.example", Labels: []string{"certificate:reused"}},
			{IP: "192.0.2.10", Labels: []string{"certificate:key:short"}},
		},
	})
	out := exported(t, bucket)
	want := `[
{"id":0,"label":"xmpp:certificate:key:short"},
{"id":1,"label":"mqtt:access:read"},
{"id":1,"label":"mqtt:certificate:reused"},
{"id":2,"label":"mqtt:access:read"},
{"id":2,"label":"xmpp:certificate:reused"},
{"id":3,"label":"xmpp:stanza:auth:deprecated"}
]
`
	if diff := cmp.Diff(want, out); diff != "" {
		t.Errorf("export differs (-want +got):\n%s", diff)
	}
}

// TestHostsOfAnExport: an address is one host, however it is written.
func TestHostsOfAnExport(t *testing.T) {
	for given, want := range map[[2]string]string{
		{"192.0.2.1", ""}:        "192.0.2.1",
		{"::ffff:192.0.2.1", ""}: "192.0.2.1",
		{"FE80::1%eth0", ""}:     "fe80::1",
		{"fe80::1", ""}:          "fe80::1",
		{"fe80::1", "a.test"}:    "fe80::1",
		{"", "a.test"}:           "a.test",
		{"no address", ""}:       "no address",
	} {
		if got := hostOf(exportRow{IP: given[0], Domain: given[1]}); got != want {
			t.Errorf("%q: got %s, want %s", given, got, want)
		}
	}
}

func TestExportOfNothingIsAnArray(t *testing.T) {
	out := exported(t, result(t, nil))
	var list []any
	if err := json.Unmarshal([]byte(out), &list); err != nil || len(list) != 0 {
		t.Errorf("export of nothing: %q, %v", out, err)
	}
}

// A sorter gives the same order whether it spills or not.
func TestSorterSpills(t *testing.T) {
	source := rand.New(rand.NewPCG(1, 2))
	var pairs [][2]string
	for range 5000 {
		pairs = append(pairs, [2]string{fmt.Sprint(source.IntN(300)), fmt.Sprint("l\x00\n", source.IntN(50))})
	}
	want := slices.SortedFunc(slices.Values(pairs), comparePairs)
	for _, limit := range []int{1, 7000, 1 << 30} {
		s := newSorter(t.TempDir(), limit)
		if limit == 1 {
			pairs = pairs[:100] // a file each
			want = slices.SortedFunc(slices.Values(pairs), comparePairs)
		}
		for _, pair := range pairs {
			if err := s.add(pair[0], pair[1]); err != nil {
				t.Fatal(err)
			}
		}
		var got [][2]string
		err := s.each(func(first, second string) error {
			got = append(got, [2]string{first, second})
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("limit %d: order differs (-want +got):\n%s", limit, diff)
		}
		if err := s.close(); err != nil {
			t.Error(err)
		}
	}
}
