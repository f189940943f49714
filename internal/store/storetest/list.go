package storetest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/dice-engine/dice/internal/store"
)

// oddNames are keys, in bytewise order, that are easily mangled by URLs, XML, shells and folder walks.
func oddNames() []string {
	names := []string{
		"a b/c d.json", "a+b.json", "a%20b.json", "a%b", "a&b=c;d", "a-b/x", "a.b/x", "a/x", "a/y/z", "a0", "a=b", "a?b#c",
		"a\"b'c", "a\\b", "a|b", "protocol=mqtt/part-00000.parquet", "protocol=opc-ua/part-00000.parquet",
		"tab\there", "ünïcode/日本語.json", "Ω", "\U0001F600", "z/{x}[y]", "z/~tilde", "z/*star", "(paren)", "<xml>&amp;",
		"a,b", "a:b", "a;b", "a@b", "$HOME", "`x`", "^", ".hidden", "_under",
	}
	slices.Sort(names)
	return names
}

func listOdd(t *testing.T, b store.Bucket) {
	names := oddNames()
	for i, name := range names {
		check(t, b.Create(t.Context(), name, fmt.Appendf(nil, "%d", i)))
	}
	for _, prefix := range []string{"", "a", "a/", "a b/", "a b/c", "a%", "a+", "protocol=", "protocol=mqtt/part", "ü", "z/", "z/{",
		"none", "none/", "a/x/", "a/x/y"} {
		var want []string
		for _, name := range names {
			if strings.HasPrefix(name, prefix) {
				want = append(want, name)
			}
		}
		if got := keys(list(t, b, prefix)); !slices.Equal(got, want) {
			t.Errorf("List(%q):\ngot  %q\nwant %q", prefix, got, want)
		}
	}
	for i, name := range names {
		got, err := b.Get(t.Context(), name, 10)
		check(t, err)
		wantBytes(t, got, fmt.Appendf(nil, "%d", i))
	}
	check(t, b.Remove(t.Context(), names...))
	if got := list(t, b, ""); len(got) != 0 {
		t.Errorf("List after Remove: got %q, want nothing", keys(got))
	}
}

func listMany(t *testing.T, b store.Bucket) {
	const n = 1234 // more than a page of S3
	want := make([]string, n)
	var wg sync.WaitGroup
	slots := make(chan struct{}, 16)
	for i := range n {
		want[i] = fmt.Sprintf("many/%d %d%%", i%7, i)
		wg.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			err := b.Create(t.Context(), want[i], []byte{1})
			if errors.Is(err, store.ErrExists) { // a server with much to do may lose an answer: then it is this one's own
				var there []byte
				if there, err = b.Get(t.Context(), want[i], 1); err == nil {
					wantBytes(t, there, []byte{1})
				}
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	slices.Sort(want)
	if got := keys(list(t, b, "many/")); !slices.Equal(got, want) {
		t.Errorf("List: got %d keys, want %d in order", len(got), len(want))
	}
	check(t, b.Remove(t.Context(), want...))
	if got := list(t, b, ""); len(got) != 0 {
		t.Errorf("List after Remove: got %d keys, want none", len(got))
	}
}

func listStops(t *testing.T, b store.Bucket) {
	for _, key := range []string{"a", "b", "c"} {
		check(t, b.Create(t.Context(), key, nil))
	}
	stop := errors.New("enough")
	var seen []string
	err := b.List(t.Context(), "", func(info store.Info) error {
		if seen = append(seen, info.Key); len(seen) == 2 {
			return stop
		}
		return nil
	})
	if err != stop || !slices.Equal(seen, []string{"a", "b"}) {
		t.Errorf("List: got %v after %q, want the callback's error after a, b", err, seen)
	}
}
