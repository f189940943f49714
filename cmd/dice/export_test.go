package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/dice-engine/dice/internal/record"
	sorter "github.com/dice-engine/dice/internal/run"
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

// exportOf is the export of a result.
func exportOf(t *testing.T, bucket store.Bucket) string {
	t.Helper()
	pairs := sorter.NewSorter(sorterBytes, "")
	defer pairs.Close()
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
	out := exportOf(t, bucket)
	want := `[
{"id":0,"label":"xmpp:certificate:key:short"},
{"id":1,"label":"mqtt:access:read"},
{"id":1,"label":"mqtt:certificate:reused"},
{"id":2,"label":"mqtt:access:read"},
{"id":2,"label":"xmpp:certificate:reused"},
{"id":3,"label":"xmpp:stanza:auth:deprecated"}
]
`
	if diff := gocmp.Diff(want, out); diff != "" {
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
	out := exportOf(t, result(t, nil))
	var list []any
	if err := json.Unmarshal([]byte(out), &list); err != nil || len(list) != 0 {
		t.Errorf("export of nothing: %q, %v", out, err)
	}
}

// TestExportIntoFullPipeEnds when it is told to, and does not wait for who reads no more.
func TestExportIntoFullPipeEnds(t *testing.T) {
	bucket := result(t, map[string][]labelled{"mqtt": {{IP: "192.0.2.9", Labels: []string{"mqtt:access:read"}}}})
	ctx, cancel := context.WithCancel(t.Context())
	read, write := io.Pipe()
	defer read.Close()
	var said bytes.Buffer
	code := make(chan int, 1)
	go func() { code <- run(ctx, []string{"dice", "export", bucket.URL()}, write, &said) }()
	if _, err := read.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	cancel()
	select {
	case got := <-code:
		if got != exitFailed || said.String() != "dice: interrupted\n" {
			t.Errorf("export exited with %d and said %q", got, said.String())
		}
	case <-time.After(20 * time.Second):
		t.Error("export waits for the pipe")
	}
}

// TestExportStopsWriting into a file as soon as it is told to, and leaves what was there.
func TestExportStopsWriting(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	var out bytes.Buffer
	w := until{ctx, &out}
	if _, err := w.Write([]byte("a")); err != nil {
		t.Fatal(err)
	}
	cancel()
	if _, err := w.Write([]byte("b")); !errors.Is(err, context.Canceled) || out.String() != "a" {
		t.Errorf("got %v, wrote %q", err, out.String())
	}
}

// TestExportIsSorted by host and then by label, bytewise, whether it all fits into memory or not.
func TestExportIsSorted(t *testing.T) {
	source := rand.New(rand.NewPCG(1, 2))
	hosts := []string{"", "a", "a\x00", "a\x00\x01", "a\x00\x01b", "a\x00\xffb", "a\x01", "ab", "\x00", "\x00\x00", "\xff"}
	type pair struct{ host, label string }
	var given []pair
	for range 50_000 {
		given = append(given, pair{hosts[source.IntN(len(hosts))], fmt.Sprint("l\x00\x01\n", source.IntN(50))})
	}
	want := slices.SortedFunc(slices.Values(given), func(a, b pair) int {
		return cmp.Or(strings.Compare(a.host, b.host), strings.Compare(a.label, b.label))
	})
	id := -1
	var list []exported
	for i, p := range want {
		if i == 0 || p.host != want[i-1].host {
			id++
		}
		list = append(list, exported{id, p.label})
	}
	for _, budget := range []int{1, 1 << 30} {
		pairs := sorter.NewSorter(budget, t.TempDir())
		for _, p := range given {
			if err := pairs.Add(appendPair(nil, p.host, p.label)); err != nil {
				t.Fatal(err)
			}
		}
		var out bytes.Buffer
		var got []exported
		if err := errors.Join(writePairs(&out, pairs), pairs.Close(), json.Unmarshal(out.Bytes(), &got)); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(got, list) {
			t.Errorf("with %d octets of memory, the order differs", budget)
		}
	}
}

// TestExportOfLongHosts: whatever stands for a host, it is exported, and is one host.
func TestExportOfLongHosts(t *testing.T) {
	long := strings.Repeat("a", 17<<20)
	bucket := result(t, map[string][]labelled{"mqtt": {
		{Domain: long + "a", Labels: []string{"mqtt:x"}}, {Domain: long + "b", Labels: []string{"mqtt:x"}},
		{Domain: long + "a", Labels: []string{"mqtt:y"}}, {Domain: "b", Labels: []string{"mqtt:z"}},
	}})
	var got []exported
	if err := json.Unmarshal([]byte(exportOf(t, bucket)), &got); err != nil {
		t.Fatal(err)
	}
	hosts := map[int]int{}
	for _, e := range got {
		hosts[e.ID]++
	}
	if len(got) != 4 || len(hosts) != 3 || got[3] != (exported{2, "mqtt:z"}) {
		t.Errorf("got %+v", got)
	}
}

// exported is an element of an export.
type exported struct {
	ID    int    `json:"id"`
	Label string `json:"label"`
}
