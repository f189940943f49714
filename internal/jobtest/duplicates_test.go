package jobtest

import (
	"encoding/base64"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/dice-engine/dice/internal/certtest"
	"github.com/dice-engine/dice/shard"
)

// TestDuplicates: of records of one host the first in input order stays, in both modes and whether it has a label or not, and
// the others are counted as duplicates: those in other shards, and those that lie so far behind in the same shard that its task
// has forgotten the first.
func TestDuplicates(t *testing.T) {
	t.Run("in many shards", func(t *testing.T) { checkDuplicates(t, 50, 8, 1000) })
	t.Run("in one shard", func(t *testing.T) { checkDuplicates(t, 20_000, 2, 1<<30) })
}

func checkDuplicates(t *testing.T, hosts, rounds, shardBytes int64) {
	dir := t.TempDir()
	for round := range rounds {
		var lines strings.Builder
		for host := range hosts {
			line := xmpp(fmt.Sprintf("10.0.%d.%d", host/250, host%250))
			if host%2 == 1 {
				line = strings.Replace(line, "PLAIN", "EXTERNAL", 1) // no label
			}
			lines.WriteString(line + "\n")
		}
		write(t, dir, fmt.Sprintf("%d.jsonl", round), []byte(lines.String()))
	}
	for mode, want := range map[shard.Mode]shard.Records{
		shard.All:      {Records: hosts * rounds, Output: hosts, Duplicate: hosts * (rounds - 1)},
		shard.Labelled: {Records: hosts * rounds, Output: hosts / 2, Unlabelled: hosts / 2, Duplicate: hosts * (rounds - 1)},
	} {
		command := Command(filepath.Join(dir, "*"))
		command.Options.Mode, command.Options.ShardBytes = mode, shardBytes
		job := Run(t, Options{Command: command, Workers: 2})
		if got := job.Result.Manifest.Protocols["xmpp"]; got != want {
			t.Errorf("%s: %+v, want %+v", mode, got, want)
		}
		for _, row := range Table[Row](t, Files(t, job.Out), shard.ProtocolTable("xmpp")) {
			if filepath.Base(row.SourceObject) != "0.jsonl" {
				t.Errorf("%s: %s of %s row %d came out, which is no first record", mode, *row.IP, row.SourceObject, row.SourceRow)
			}
		}
	}
}

// TestDuplicatesOfAShardAreEvidence: a duplicate without a certificate has its host hold that of the side table, whether it
// lies in the shard of the record that stays or in another one.
func TestDuplicatesOfAShardAreEvidence(t *testing.T) {
	dir := t.TempDir()
	own := strings.Replace(xmpp("10.0.0.1"), `"result":{`, `"result":{"tls":{"handshake_log":{"server_certificates":{"certificate":{"raw":"b3du"}}}},`, 1)
	lines := []string{own, xmpp("10.0.0.1"), xmpp("10.0.0.2"), xmpp("::ffff:10.0.0.2")}
	write(t, dir, "scan.jsonl", []byte(strings.Join(lines, "\n")+"\n"))
	ders, err := certtest.Vectors(Conformance(t))
	if err != nil || len(ders) == 0 {
		t.Fatalf("%d certificates: %v", len(ders), err)
	}
	text := base64.StdEncoding.EncodeToString(ders[0])
	var table strings.Builder
	for _, ip := range []string{"10.0.0.1", "10.0.0.2"} {
		fmt.Fprintf(&table, "{\"ip\":%q,\"certificate\":%q}\n", ip, text)
	}
	write(t, dir, "side.json", []byte(table.String()))
	for _, size := range []int64{1 << 20, 100} {
		command := Command(filepath.Join(dir, "*.jsonl"))
		command.Certificates = []string{filepath.Join(dir, "side.json")}
		command.Options.Mode, command.Options.ShardBytes = shard.All, size
		job := Run(t, Options{Command: command})
		rows := Table[Row](t, Files(t, job.Out), shard.ProtocolTable("xmpp"))
		if len(rows) != 2 || *rows[1].IP != "10.0.0.2" || !slices.Contains(rows[1].Labels, "certificate:reused") {
			t.Errorf("shards of %d octets: %+v", size, rows)
		}
	}
}
