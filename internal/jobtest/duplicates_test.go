package jobtest

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/dice-engine/dice/shard"
)

// TestDuplicatesAcrossShards: of records that lie in different shards the first in input order stays, in both modes and
// whether it has a label or not, and the others are counted as duplicates.
func TestDuplicatesAcrossShards(t *testing.T) {
	const hosts, rounds = 50, 8
	dir := t.TempDir()
	for round := range rounds {
		var lines strings.Builder
		for host := range hosts {
			line := xmpp(fmt.Sprintf("10.0.0.%d", host))
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
		command.Options.Mode, command.Options.ShardBytes = mode, 1000
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
