package jobtest

import (
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dice-engine/dice/coordinator"
	"github.com/dice-engine/dice/shard"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// golden is what the sample scan became in a version of the result.
type golden struct {
	ResultVersion int               `json:"result_version"`
	SHA256        map[string]string `json:"sha256"`
}

// TestGoldenOutput: when the bytes of a result change, so must shard.ResultVersion, and then this file: run with -update.
func TestGoldenOutput(t *testing.T) {
	t.Chdir("../..")
	command := Command("testdata/scan/zgrab2_*")
	command.Certificates = []string{"testdata/scan/certificates.jsonl"}
	got := golden{ResultVersion: shard.ResultVersion, SHA256: map[string]string{}}
	for _, o := range Run(t, Options{Command: command}).Result.Manifest.Outputs {
		got.SHA256[o.Key] = o.SHA256
	}
	file := filepath.Join("internal", "jobtest", "testdata", "golden.json")
	if *update {
		body, err := json.MarshalIndent(got, "", " ")
		if err == nil {
			err = os.WriteFile(file, append(body, '\n'), 0o666)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	body, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var want golden
	if err := json.Unmarshal(body, &want); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the result changed: raise shard.ResultVersion and run with -update; want - got +\n%s", diff)
	}
}

// TestOtherResultVersionIsRefused: a worker never mixes its bytes with those of another version, and does not harm the
// job. It sees the version at the queue already, or in the plan at the latest.
func TestOtherResultVersionIsRefused(t *testing.T) {
	_, command := small(t)
	command.Options.ResultVersion = shard.ResultVersion + 1
	job, err := Try(t, Options{Command: command})
	if !errors.Is(err, coordinator.ErrFailed) || !strings.Contains(err.Error(), "another result version") {
		t.Errorf("got %v", err)
	}
	for key := range Files(t, job.Out) {
		if strings.Contains(key, "/commit/") {
			t.Errorf("%s was committed", key)
		}
	}
	command.Options.ResultVersion = shard.ResultVersion
	output, server := t.TempDir(), Server(t)
	old := withDefaults(t, Options{Command: command, Version: shard.ResultVersion + 1, Workers: 2, Server: server})
	stop := startWorkers(t.Context(), t, old, func(err error) { t.Error(err) })
	defer stop()
	Run(t, Options{Command: command, Output: output, Server: server})
}
