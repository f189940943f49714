package jobtest

import (
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"

	"github.com/dice-engine/dice/internal/store"
	"github.com/dice-engine/dice/shard"
)

// Row is what tests look at of a row of a protocol's table.
type Row struct {
	IP           *string  `parquet:"ip"`
	Domain       *string  `parquet:"domain"`
	Port         *int64   `parquet:"port"`
	Status       *string  `parquet:"status"`
	Certificates []Cert   `parquet:"certificates,list"`
	Labels       []string `parquet:"labels,list"`
	SourceObject string   `parquet:"source_object"`
	SourceRow    int64    `parquet:"source_row"`
}

// Cert is what tests look at of a certificate.
type Cert struct {
	SHA256     string  `parquet:"sha256"`
	SPKISHA256 *string `parquet:"spki_sha256"`
	Hosts      *int64  `parquet:"certificate_hosts"`
	KeyHosts   *int64  `parquet:"key_hosts"`
	Error      *string `parquet:"error"`
}

// Reuse is a row of the reuse table.
type Reuse struct {
	Kind      string   `parquet:"kind"`
	SHA256    string   `parquet:"sha256"`
	Hosts     int64    `parquet:"hosts"`
	Protocols []string `parquet:"protocols,list"`
	IPs       []string `parquet:"ips,list"`
}

// Reject is a row of the rejects table.
type Reject struct {
	SourceObject string  `parquet:"source_object"`
	SourceRow    *int64  `parquet:"source_row"`
	Rows         *int64  `parquet:"rows"`
	Protocol     *string `parquet:"protocol"`
	Reason       string  `parquet:"reason"`
	Content      *string `parquet:"content"`
}

// Files reads all objects of an output that are not work files, by key.
func Files(t testing.TB, out store.Bucket) map[string][]byte {
	t.Helper()
	files := map[string][]byte{}
	err := out.List(t.Context(), "", func(i store.Info) error {
		body, err := out.Get(t.Context(), i.Key, 1<<31)
		files[i.Key] = body
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// Table reads the rows of a table of an output: protocol=<name>, reuse or rejects.
func Table[T any](t testing.TB, files map[string][]byte, table string) []T {
	t.Helper()
	var keys []string
	for key := range files {
		if strings.HasPrefix(key, table+"/") {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	var rows []T
	for _, key := range keys {
		rows = append(rows, readParquet[T](t, key, files[key])...)
	}
	return rows
}

func readParquet[T any](t testing.TB, key string, body []byte) []T {
	t.Helper()
	r := parquet.NewGenericReader[T](strings.NewReader(string(body)))
	defer r.Close()
	rows := make([]T, r.NumRows())
	n, err := r.Read(rows)
	if err != nil && err != io.EOF || int64(n) != r.NumRows() {
		t.Fatalf("read %s: %d of %d rows, %v", key, n, r.NumRows(), err)
	}
	return rows
}

// Manifest reads the manifest of an output.
func Manifest(t testing.TB, files map[string][]byte) *shard.Manifest {
	t.Helper()
	m := &shard.Manifest{}
	if err := json.Unmarshal(files[shard.ManifestKey], m); err != nil {
		t.Fatalf("read manifest: %v", err)
	}
	return m
}

// Conformance returns the folder of the vectors.
func Conformance(t testing.TB) string {
	t.Helper()
	dir, err := filepath.Abs("../../testdata/conformance")
	if err == nil {
		_, err = os.Stat(dir)
	}
	if err != nil {
		t.Fatal(err)
	}
	return dir
}
