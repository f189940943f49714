package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/testscript"
)

// update rewrites what tests compare with.
func update() bool {
	f := flag.Lookup("update")
	return f != nil && f.Value.String() == "true"
}

func TestMain(m *testing.M) {
	flag.Bool("update", false, "rewrite the pages and scripts that tests compare with")
	testscript.Main(m, map[string]func(){"dice": main})
}

// TestScripts runs every archive of testdata/script: what a user types, and what comes back.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script", UpdateScripts: update(), RequireExplicitExec: true,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"dice-exits": diceExits},
	})
}

// diceExits runs dice with the other arguments and checks the exit code, its first one.
func diceExits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 {
		ts.Fatalf("usage: dice-exits CODE ARGUMENT...")
	}
	err := ts.Exec("dice", args[1:]...)
	code := 0
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		code = exit.ExitCode()
	case err != nil:
		ts.Fatalf("run dice: %v", err)
	}
	if fmt.Sprint(code) != args[0] {
		ts.Fatalf("dice exited with %d, want %s", code, args[0])
	}
}

// TestPages holds the generated pages to what they are generated from.
func TestPages(t *testing.T) {
	for name, write := range map[string]func(io.Writer, []sheet){
		"labels.md":  labelsPage,
		"records.md": recordsPage,
	} {
		var page bytes.Buffer
		write(&page, sheets())
		file := "../../docs/" + name
		if update() {
			if err := os.WriteFile(file, page.Bytes(), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		have, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(page.String(), string(have)); diff != "" {
			t.Errorf("%s is not up to date: go test ./cmd/dice -run Pages -update\n%s", file, diff)
		}
	}
}

// TestSample holds the scan of testdata to what makes it: make sample.
func TestSample(t *testing.T) {
	folder := t.TempDir()
	code := run(context.Background(), []string{"dice", "generate", "--rows", "400", "--seed", "1", "-o", folder}, io.Discard, io.Discard)
	if code != exitDone {
		t.Fatalf("generate exited with %d", code)
	}
	names, err := filepath.Glob(folder + "/*")
	if err != nil || len(names) != 10 {
		t.Fatalf("generate wrote %v, %v", names, err)
	}
	for _, name := range names {
		want, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		have, err := os.ReadFile("../../testdata/scan/" + filepath.Base(name))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(want, have) {
			t.Errorf("testdata/scan/%s is not up to date: make sample", filepath.Base(name))
		}
	}
}

// TestDifferencesAreExplained wants every reason for which a vector differs from the notebook in the page about them.
func TestDifferencesAreExplained(t *testing.T) {
	page, err := os.ReadFile("../../docs/notebook-differences.md")
	if err != nil {
		t.Fatal(err)
	}
	explained := strings.FieldsFunc(string(page), func(r rune) bool { return strings.ContainsRune(" \n,().;:", r) })
	files, err := filepath.Glob("../../testdata/conformance/*.expected.jsonl")
	if err != nil || len(files) < 8 {
		t.Fatalf("vectors: %v, %v", files, err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for line := range bytes.Lines(text) {
			var row struct{ Ruling struct{ Defects []string } }
			if err := json.Unmarshal(line, &row); err != nil {
				t.Fatalf("%s: %v", file, err)
			}
			for _, id := range row.Ruling.Defects {
				if !slices.Contains(explained, id) {
					t.Errorf("%s names %s, docs/notebook-differences.md does not", filepath.Base(file), id)
				}
			}
		}
	}
}
