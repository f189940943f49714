package jobtest

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"
)

// TestLargeRowsFitInMemory: rows of 63 MiB and pages of 220 MiB, go through a process with three slots that may take
// 512 MiB, each having some in hand while they map and while they write.
func TestLargeRowsFitInMemory(t *testing.T) {
	dice, dir := build(t), t.TempDir()
	noise := make([]byte, 47<<20)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(noise)
	writeLargeRows(t, filepath.Join(dir, "noise"), func(file, row byte) string {
		noise[file] = row // not the same texts again
		return base64.StdEncoding.EncodeToString(noise)
	})
	writeLargeRows(t, filepath.Join(dir, "letters"), func(file, row byte) string {
		return strings.Repeat("a", 63<<20) + fmt.Sprint(file, row)
	})
	p := start(t, dice, "ingest", "-f", dir+"/noise/*", "-o", dir+"/tables")
	if code := p.wait(t); code != 0 {
		t.Fatalf("exit %d: %s", code, p.output.String())
	}
	writeLargePages(t, filepath.Join(dir, "pages"), noise)
	for name, files := range map[string]string{
		"lines": dir + "/noise/*", "Parquet": dir + "/tables/**", "lines that compress": dir + "/letters/*", "large pages": dir + "/pages/**",
	} {
		p := start(t, dice, "classify", "--mode", "all", "-f", files, "-o", filepath.Join(dir, "out of "+name), "--workers", "3",
			"--memory", "512MiB", "--partition-rows", "60")
		peak := peakOf(p)
		if code := p.wait(t); code != 0 {
			t.Fatalf("%s: exit %d: %s", name, code, p.output.String())
		}
		mib := peak()
		t.Logf("%s: peak %.0f MiB", name, mib)
		if mib == 0 || mib > 512 {
			t.Errorf("%s: peak of %.0f MiB, want at most 512", name, mib)
		}
	}
}

// writeLargeRows writes three scans of MQTT, each with two large messages among its rows.
func writeLargeRows(t *testing.T, dir string, message func(file, row byte) string) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for i := range byte(3) {
		var lines strings.Builder
		for j := range byte(50) {
			text := "on"
			if j%20 == 10 {
				text = message(i, j)
			}
			fmt.Fprintf(&lines, `{"ip":"192.0.%d.%d","data":{"mqtt":{"status":"success","protocol":"mqtt","port":1883,`+
				`"result":{"connection-code":0,"topics":{"light":[%q]},"scheme":"tcp"}}}}`+"\n", i, j, text)
		}
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("zgrab2_mqtt_%d.jsonl", i)), []byte(lines.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// writeLargePages writes three tables of XMPP, each of one page of twelve thousand banners.
func writeLargePages(t *testing.T, dir string, noise []byte) {
	t.Helper()
	type row struct {
		IP     string `parquet:"ip"`
		Status string `parquet:"status"`
		Result struct {
			Banner string `parquet:"banner,zstd"`
		} `parquet:"result"`
	}
	for i := range byte(3) {
		folder := filepath.Join(dir, string('a'+rune(i)), "protocol=xmpp")
		if err := os.MkdirAll(folder, 0o700); err != nil {
			t.Fatal(err)
		}
		rows := make([]row, 12_000)
		for j := range rows {
			rows[j].IP, rows[j].Status = fmt.Sprintf("192.%d.%d.%d", i, j>>8, j&255), "success"
			at := (int(i)*len(rows) + j) * 1000
			rows[j].Result.Banner = base64.StdEncoding.EncodeToString(noise[at : at+14<<10])
		}
		var b bytes.Buffer
		w := parquet.NewGenericWriter[row](&b, parquet.PageBufferSize(256<<20))
		if _, err := w.Write(rows); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(folder, "x.parquet"), b.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}
