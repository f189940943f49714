package ingest_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/dice-engine/dice/internal/ingest"
	"github.com/dice-engine/dice/internal/record"
	"github.com/dice-engine/dice/internal/store"
)

var errFull = errors.New("full")

// full is a bucket that fails for one key.
type full struct {
	store.Bucket
	key      string
	atCommit bool // else when more than a beginning is written
}

func (b full) NewWriter(ctx context.Context, key string) (store.Writer, error) {
	w, err := b.Bucket.NewWriter(ctx, key)
	if key == b.key {
		w = &fullWriter{Writer: w, atCommit: b.atCommit}
	}
	return w, err
}

type fullWriter struct {
	store.Writer
	atCommit bool
	size     int
}

func (w *fullWriter) Write(p []byte) (int, error) {
	if w.size += len(p); w.size > 16 && !w.atCommit {
		return 0, errFull
	}
	return w.Writer.Write(p)
}

func (w *fullWriter) Commit() (store.Info, error) {
	if w.atCommit {
		return store.Info{}, errFull
	}
	return w.Writer.Commit()
}

// copyInto copies a record of Modbus and one of XMPP into a bucket that fails for the latter.
func copyInto(t *testing.T, atCommit bool) (visible []string, err error) {
	t.Helper()
	scan, out := t.TempDir(), t.TempDir()
	lines := `{"ip":"192.0.2.1","data":{"modbus":{"status":"success","protocol":"modbus","result":{"length":3}}}}
{"ip":"192.0.2.1","data":{"xmpp":{"status":"io-timeout","protocol":"xmpp","result":null}}}
`
	if err := os.WriteFile(scan+"/a.jsonl", []byte(lines), 0o644); err != nil {
		t.Fatal(err)
	}
	deps := ingest.Deps{Open: open, Output: full{Bucket: local(t, out), key: "protocol=xmpp/xmpp.parquet", atCommit: atCommit}}
	_, err = ingest.Run(t.Context(), ingest.Config{Files: []string{scan}, Limits: record.DefaultLimits}, deps)
	visible, globErr := filepath.Glob(out + "/protocol=*/*.parquet")
	if globErr != nil {
		t.Fatal(globErr)
	}
	return visible, err
}

// TestTablesBecomeVisibleTogether: a table that cannot be completed leaves none in the output.
func TestTablesBecomeVisibleTogether(t *testing.T) {
	if visible, err := copyInto(t, false); len(visible) > 0 || !errors.Is(err, errFull) {
		t.Errorf("visible %v, error %v", visible, err)
	}
}

// TestTablesThatAreThereAreNamed: where only some tables could be made visible, the error says which, and what to do.
func TestTablesThatAreThereAreNamed(t *testing.T) {
	visible, err := copyInto(t, true)
	if len(visible) != 1 || !errors.Is(err, errFull) {
		t.Fatalf("visible %v, error %v", visible, err)
	}
	if want := "of 2 tables, the output has protocol=modbus/modbus.parquet: remove what is there"; !strings.Contains(err.Error(), want) {
		t.Errorf("error %q, want one with %q", err, want)
	}
}
