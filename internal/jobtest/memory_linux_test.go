package jobtest

import (
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestLargeRowsFitInMemory: rows of 63 MiB go through a process with two slots that may take 512 MiB, both slots having some
// in hand while they map and while they write.
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
	for name, files := range map[string]string{
		"lines": dir + "/noise/*", "Parquet": dir + "/tables/**", "lines that compress": dir + "/letters/*",
	} {
		p := start(t, dice, "classify", "--mode", "all", "-f", files, "-o", filepath.Join(dir, "out of "+name), "--workers", "2",
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
