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

// TestLargeRowFitsInMemory: a row of 64 MiB that cannot be compressed goes through a process that may take 512 MiB.
func TestLargeRowFitsInMemory(t *testing.T) {
	dir := t.TempDir()
	noise := make([]byte, 48<<20)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(noise)
	var lines strings.Builder
	for i := range 50 {
		message := "on"
		if i == 10 {
			message = base64.StdEncoding.EncodeToString(noise)
		}
		fmt.Fprintf(&lines, `{"ip":"192.0.2.%d","data":{"mqtt":{"status":"success","protocol":"mqtt","port":1883,`+
			`"result":{"connection-code":0,"topics":{"light":[%q]},"scheme":"tcp"}}}}`+"\n", i, message)
	}
	if err := os.WriteFile(filepath.Join(dir, "zgrab2_mqtt.jsonl"), []byte(lines.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(dir, "out")
	p := start(t, build(t), "classify", "--mode", "all", "-f", dir+"/zgrab2_*", "-o", out, "--workers", "2", "--memory", "512MiB")
	peak := peakOf(p)
	if code := p.wait(t); code != 0 {
		t.Fatalf("exit %d: %s", code, p.output.String())
	}
	mib := peak()
	t.Logf("peak %.0f MiB", mib)
	if mib == 0 || mib > 512 {
		t.Errorf("peak of %.0f MiB, want at most 512", mib)
	}
}
