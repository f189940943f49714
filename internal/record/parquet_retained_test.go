package record

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress/zstd"
)

// TestPagesAreLetGo: what was read of a page holds on to it no longer than until the next row is read. Each page is a little larger
// than the one before, and needs a buffer of its own; each row has fewer members than the one before, so that stacks of them are
// not overwritten.
func TestPagesAreLetGo(t *testing.T) {
	const pages, most = 30, 60 << 20
	file, size := growingPages(t, pages)
	before := heapInUse()
	r, err := openParquet(context.Background(), Object{Name: "scan.parquet", Size: size, ReaderAt: file}, everything, []Want{{"a", everythingShape}}, DefaultLimits)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	records := 0
	for ; err != io.EOF; records++ {
		if _, err = r.Next(); err != nil && err != io.EOF {
			t.Fatal(err)
		}
	}
	if held := heapInUse() - before; records < pages*pages/2 || held > most {
		t.Errorf("%d MiB are held after %d records, at most %d", held>>20, records, most>>20)
	}
}

// growingPages writes a file of so many pages of data as JSON text.
func growingPages(t *testing.T, pages int) (file *os.File, size int64) {
	t.Helper()
	type row struct {
		Data string `parquet:"data"`
	}
	var out bytes.Buffer
	w := parquet.NewGenericWriter[row](&out, parquet.Compression(&zstd.Codec{}), parquet.PageBufferSize(1<<20), parquet.SkipPageBounds("data"))
	for page := range pages {
		var members []string
		for i := range pages + 1 - page {
			members = append(members, fmt.Sprintf(`"m%d":{"protocol":"a","status":"s","result":{"cert":"c%d"}}`, i, i))
		}
		long := `{"z":"` + strings.Repeat("a", 4<<20+page*10_000) + `"}`
		if _, err := w.Write([]row{{"{" + strings.Join(members, ",") + "}"}, {long}}); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(t.TempDir(), "scan.parquet")
	if err := os.WriteFile(name, out.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	file, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { file.Close() })
	return file, int64(out.Len())
}

// heapInUse is how many octets are reachable.
func heapInUse() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
