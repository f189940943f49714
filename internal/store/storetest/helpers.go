package storetest

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"github.com/dice-engine/dice/internal/store"
)

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantErr(t *testing.T, got, want error) {
	t.Helper()
	if !errors.Is(got, want) {
		t.Errorf("got error %v, want %v", got, want)
	}
}

func wantBytes(t *testing.T, got, want []byte) {
	t.Helper()
	if !bytes.Equal(got, want) {
		t.Errorf("got %d octets %.60q, want %d octets %.60q", len(got), got, len(want), want)
	}
}

// pattern is n octets without a short period.
func pattern(n int) []byte {
	p := make([]byte, n)
	x := uint32(n) + 1
	for i := range p {
		x = x*1664525 + 1013904223
		p[i] = byte(x >> 24)
	}
	return p
}

// write makes an object by a writer, in pieces of an odd size.
func write(t *testing.T, b store.Bucket, key string, body []byte) store.Info {
	t.Helper()
	w, err := b.NewWriter(t.Context(), key)
	check(t, err)
	for rest := body; len(rest) > 0; {
		n := min(len(rest), 1<<20-7)
		_, err := w.Write(rest[:n])
		check(t, err)
		rest = rest[n:]
	}
	info, err := w.Commit()
	check(t, err)
	return info
}

func list(t *testing.T, b store.Bucket, prefix string) (infos []store.Info) {
	t.Helper()
	check(t, b.List(t.Context(), prefix, func(info store.Info) error {
		if age := time.Since(info.Modified); age > time.Hour || age < -time.Minute {
			t.Errorf("List: %s was modified %v ago", info.Key, age)
		}
		info.Modified = time.Time{} // so that it compares with what others tell
		infos = append(infos, info)
		return nil
	}))
	return infos
}

func keys(infos []store.Info) (keys []string) {
	for _, info := range infos {
		keys = append(keys, info.Key)
	}
	return keys
}
