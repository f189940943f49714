package inputs

import (
	"context"
	"errors"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dice-engine/dice/internal/store"
	"github.com/dice-engine/dice/shard"
)

// holding lists some keys.
type holding struct {
	store.Bucket
	keys []string
}

func (b holding) List(_ context.Context, _ string, each func(store.Info) error) error {
	for _, key := range b.keys {
		if err := each(store.Info{Key: key}); err != nil {
			return err
		}
	}
	return nil
}

// TestNamesThatNoPlanHolds: a name that is not UTF-8 is refused before anything is done, unless the pattern leaves it out.
func TestNamesThatNoPlanHolds(t *testing.T) {
	open := func(context.Context, string) (store.Bucket, error) {
		return holding{keys: []string{"a.jsonl", "\xff\xfe.jsonl"}}, nil
	}
	_, err := List(t.Context(), []string{"/scan/*"}, "", open)
	if !errors.Is(err, ErrName) || !strings.Contains(err.Error(), `"/scan/\xff\xfe.jsonl"`) {
		t.Errorf("got %v", err)
	}
	if found, err := List(t.Context(), []string{"/scan/a*"}, "", open); len(found) != 1 || err != nil {
		t.Errorf("got %+v, %v", found, err)
	}
}

// TestEachObjectOnce: inputs are ordered by name, and an object that two patterns choose is read once, however they spell it.
func TestEachObjectOnce(t *testing.T) {
	keys := []string{"b.jsonl", "a.jsonl", "a-c.jsonl"}
	open := func(context.Context, string) (store.Bucket, error) { return holding{keys: keys}, nil }
	here, err := filepath.Abs("scan")
	if err != nil {
		t.Fatal(err)
	}
	found, err := List(t.Context(), []string{"scan/*", here + "/*", "./scan/a*", "s3://scan/*?profile=p", "s3://scan/*?region=r"}, "", open)
	if err != nil {
		t.Fatal(err)
	}
	var urls []string
	for _, in := range found {
		urls = append(urls, in.URL)
	}
	want := []string{here + "/a-c.jsonl", here + "/a.jsonl", here + "/b.jsonl", "s3://scan/a-c.jsonl", "s3://scan/a.jsonl", "s3://scan/b.jsonl"}
	if diff := cmp.Diff(want, urls); diff != "" {
		t.Errorf("want - got +\n%s", diff)
	}
	_, err = List(t.Context(), []string{"s3://scan/a.jsonl?endpoint=http://one", "s3://scan/a.jsonl?endpoint=http://two"}, "", open)
	if !errors.Is(err, ErrAmbiguous) || !strings.Contains(err.Error(), "s3://scan/a.jsonl") {
		t.Errorf("got %v", err)
	}
}

// TestOrderIsIndependentOfListing: no store's order of keys is that of the inputs.
func TestOrderIsIndependentOfListing(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var listed []shard.Input
	for _, name := range []string{"b", "B", "a/b", "a.b", "ä", "b"} {
		listed = append(listed, shard.Input{URL: "/" + name, Place: "/", Key: name})
	}
	for range 50 {
		r.Shuffle(len(listed), func(i, j int) { listed[i], listed[j] = listed[j], listed[i] })
		got, err := distinct(slices.Clone(listed))
		var names []string
		for _, in := range got {
			names = append(names, in.Key)
		}
		if want := []string{"B", "a.b", "a/b", "b", "ä"}; err != nil || !slices.Equal(names, want) {
			t.Fatalf("got %q, %v", names, err)
		}
	}
}

// TestFaultsOfNobody: links that lead nowhere and folders that cannot be read matter where they may be inputs, or hold some.
func TestFaultsOfNobody(t *testing.T) {
	faulty := errors.New("faulty")
	for _, c := range []struct {
		pattern, key string
		want         bool
	}{
		{"/scan/*.jsonl", "latest", false},
		{"/scan/*", "latest", true},
		{"/scan/*.jsonl", "lost+found/", false},
		{"/scan/*/*.jsonl", "lost+found/", true},
		{"/scan/day*/*.jsonl", "lost+found/", false},
		{"/scan/lost*", "lost+found/", true},
		{"/scan/**", "lost+found/", true},
		{"/scan/**", ".Trash/", false},
		{"/scan/.*/a", ".Trash/", true},
		{"/scan/{a,b/c}", "b/", true},
		{"/scan/*.{jsonl,gz}", "lost+found/", false},
		{"/scan/{a,b}/*", "b/", true},
		{"/scan/{a,b}/*", "c/", false},
	} {
		open := func(context.Context, string) (store.Bucket, error) {
			return faults{key: c.key, fault: faulty}, nil
		}
		if _, err := List(t.Context(), []string{c.pattern}, "", open); errors.Is(err, faulty) != c.want {
			t.Errorf("%s and %s: got %v", c.pattern, c.key, err)
		}
	}
}

// TestFaultsOfTheOutput: what lies in the output is never read, so that nothing there hinders.
func TestFaultsOfTheOutput(t *testing.T) {
	open := func(context.Context, string) (store.Bucket, error) {
		return faults{key: "out/x.jsonl", fault: errors.New("faulty")}, nil
	}
	if _, err := List(t.Context(), []string{"/scan/**"}, "/scan/out", open); !errors.Is(err, ErrNone) {
		t.Errorf("got %v", err)
	}
}

// faults lists one key that cannot be read.
type faults struct {
	store.Bucket
	key   string
	fault error
}

func (b faults) List(_ context.Context, _ string, each func(store.Info) error) error {
	return each(store.Info{Key: b.key, Fault: b.fault})
}

// TestOwnOutputIsNotRead: what lies in the output is left out, by the folder and by the endpoint that holds it.
func TestOwnOutputIsNotRead(t *testing.T) {
	open := func(context.Context, string) (store.Bucket, error) {
		return holding{keys: []string{"a.jsonl", "out/b.jsonl", "outer/c.jsonl"}}, nil
	}
	for _, c := range []struct {
		pattern, output string
		found           int
	}{
		{"/scans/**", "/scans/out", 2},
		{"/scans/**", "", 3},
		{"s3://scans/**", "s3://scans/out/", 2},
		{"s3://scans/**", "s3://others/out", 3},
		{"s3://scans/**?endpoint=http://a", "s3://scans/out?region=r&endpoint=http://a/", 2},
		{"s3://scans/**?profile=reader", "s3://scans/out?profile=writer", 2},
		{"s3://scans/**?endpoint=http://a", "s3://scans/out?endpoint=http://b", 3},
		{"s3://scans/**?endpoint=http://a", "s3://scans/out", 3},
	} {
		found, err := List(t.Context(), []string{c.pattern}, c.output, open)
		if len(found) != c.found || err != nil {
			t.Errorf("%s into %s: got %d objects, want %d, %v", c.pattern, c.output, len(found), c.found, err)
		}
	}
}

// TestWithoutSideTables: a side table is told from scans by the whole of its path and by its service.
func TestWithoutSideTables(t *testing.T) {
	side := []shard.Input{
		{Place: "/a?b/scan", Key: "certificates.jsonl"},
		{Place: "s3://scans/day?endpoint=http://one", Key: "certificates.jsonl"},
	}
	for _, c := range []struct {
		scan shard.Input
		kept bool
	}{
		{shard.Input{Place: "/a?b/scan/", Key: "certificates.jsonl"}, false},
		{shard.Input{Place: "/a?b", Key: "scan/certificates.jsonl"}, false},
		{shard.Input{Place: "/a?c/scan", Key: "certificates.jsonl"}, true},
		{shard.Input{Place: "/a?b/scan", Key: "zgrab2_mqtt.jsonl"}, true},
		{shard.Input{Place: "s3://scans?endpoint=http://one", Key: "day/certificates.jsonl"}, false},
		{shard.Input{Place: "s3://scans/day?endpoint=http://two", Key: "certificates.jsonl"}, true},
	} {
		if kept := len(Without([]shard.Input{c.scan}, side)) > 0; kept != c.kept {
			t.Errorf("%s %s: kept is %v, want %v", c.scan.Place, c.scan.Key, kept, c.kept)
		}
	}
}
