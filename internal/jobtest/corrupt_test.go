package jobtest

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/parquet-go/parquet-go"

	"github.com/dice-engine/dice/internal/servertest"
	"github.com/dice-engine/dice/internal/store"
	"github.com/dice-engine/dice/shard"
)

// damaging changes what some readings of inputs give. S3 sends no checksum with a range, so that nothing below notices.
type damaging struct {
	store.Bucket
	readings *atomic.Int32
	when     func(n int32, off int64, p []byte) bool // of the nth reading
	how      func(n int32, p []byte)
}

func (b damaging) ReadAt(ctx context.Context, key, etag string, p []byte, off int64) error {
	err := b.Bucket.ReadAt(ctx, key, etag, p, off)
	if strings.HasPrefix(key, "zgrab2_") {
		if n := b.readings.Add(1); b.when(n, off, p) {
			b.how(n, p)
		}
	}
	return err
}

// flipAll changes every octet, flipOne the last one.
func flipAll(_ int32, p []byte) {
	for i := range p {
		p[i] ^= 0x40
	}
}

func flipOne(_ int32, p []byte) { p[len(p)-1] ^= 0x40 }

// uploaded puts a folder into a bucket and returns a command over it.
func uploaded(t *testing.T, dir string, shardBytes int64) shard.Command {
	t.Helper()
	url, env := servertest.Bucket(t)
	servertest.SetEnv(t, env)
	upload(t, dir, url+"/scan")
	command := Command(url + "/scan/zgrab2_*")
	command.Options.ShardBytes, command.Options.Mode = shardBytes, shard.All
	return command
}

// damageEach runs a job again and again, each time with another reading damaged, and wants the bytes of the calm run.
func damageEach(t *testing.T, command shard.Command, when func(off int64, p []byte) bool, how func(int32, []byte)) {
	t.Helper()
	calm := Run(t, Options{Command: command})
	want := result(t, calm.Out)
	if calm.Result.Manifest.Records.Output < 100 {
		t.Fatalf("only %d records prove nothing", calm.Result.Manifest.Records.Output)
	}
	for k := int32(1); ; k++ {
		var readings, hit atomic.Int32
		job, err := Try(t, Options{Command: command, Door: func(i int, b store.Bucket) store.Bucket {
			if i < 0 {
				return b
			}
			return damaging{b, &readings, func(_ int32, off int64, p []byte) bool { return when(off, p) && hit.Add(1) == k }, how}
		}})
		if err != nil {
			t.Errorf("reading %d damaged: %v", k, err)
			continue
		}
		if hit.Load() < k {
			if k < 4 {
				t.Fatalf("only %d readings could be damaged", k-1)
			}
			return
		}
		sameFiles(t, want, result(t, job.Out))
	}
}

func always(int64, []byte) bool { return true }

// TestFootersDamagedOnTheirWay: no part of a Parquet file is taken for unreadable.
func TestFootersDamagedOnTheirWay(t *testing.T) {
	dir, size := modbusParquet(t)
	damageEach(t, uploaded(t, dir, size/4), func(off int64, p []byte) bool { return off+int64(len(p)) == size }, flipOne)
}

// modbusParquet writes a scan with its results as JSON text and many row groups.
func modbusParquet(t *testing.T) (dir string, size int64) {
	t.Helper()
	type row struct {
		IP       string `parquet:"ip"`
		Protocol string `parquet:"protocol"`
		Status   string `parquet:"status"`
		Result   string `parquet:"result"`
	}
	var rows []row
	for lines := bufio.NewScanner(bytes.NewReader(modbusLines(t))); lines.Scan(); {
		var line struct {
			IP   string `json:"ip"`
			Data map[string]struct {
				Status   string          `json:"status"`
				Protocol string          `json:"protocol"`
				Result   json.RawMessage `json:"result"`
			} `json:"data"`
		}
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
			t.Fatal(err)
		}
		for _, d := range line.Data {
			rows = append(rows, row{line.IP, d.Protocol, d.Status, string(d.Result)})
		}
	}
	dir = t.TempDir()
	path := filepath.Join(dir, "zgrab2_modbus.parquet")
	if err := parquet.WriteFile(path, rows, parquet.MaxRowsPerRowGroup(100), parquet.Compression(&parquet.Zstd)); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return dir, info.Size()
}

func modbusLines(t *testing.T) []byte {
	t.Helper()
	dir, _ := small(t)
	body, err := os.ReadFile(filepath.Join(dir, "zgrab2_modbus.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	return body
}

// TestMembersDamagedOnTheirWay: no member of a compressed object that is cut into shards is lost.
func TestMembersDamagedOnTheirWay(t *testing.T) {
	var out bytes.Buffer
	for lines := bytes.SplitAfter(modbusLines(t), []byte("\n")); len(lines) > 0; {
		n := min(40, len(lines))
		w := gzip.NewWriter(&out)
		if _, err := w.Write(bytes.Join(lines[:n], nil)); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		lines = lines[n:]
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "zgrab2_modbus.jsonl.gz"), out.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	damageEach(t, uploaded(t, dir, int64(out.Len()/6)), always, flipAll)
}

// TestLinesDamagedOnTheirWay are read again, before they are called bad. What stays bad is rejected all the same.
func TestLinesDamagedOnTheirWay(t *testing.T) {
	dir, _ := small(t)
	if err := os.WriteFile(filepath.Join(dir, "zgrab2_bad.jsonl"), []byte("no JSON\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	command := uploaded(t, dir, 64<<10)
	calm := Run(t, Options{Command: command})
	if calm.Result.Manifest.Rejects != 1 {
		t.Errorf("%d rejects, want the bad line", calm.Result.Manifest.Rejects)
	}
	var readings, hit, damaged atomic.Int32
	job := Run(t, Options{Command: command, Workers: 2, Door: func(i int, b store.Bucket) store.Bucket {
		return damaging{b, &readings, func(_ int32, off int64, _ []byte) bool { return off == 0 && hit.Add(1) <= 5 },
			func(_ int32, p []byte) { p[0] ^= 1 << damaged.Add(1) }} // in another way each time
	}})
	if hit.Load() < 5 {
		t.Error("too little was damaged")
	}
	sameFiles(t, result(t, calm.Out), result(t, job.Out))
}
