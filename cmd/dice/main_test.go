package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
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
	for name, write := range map[string]func(io.Writer, []sheet) error{
		"labels.md":  labelsPage,
		"records.md": recordsPage,
	} {
		var page bytes.Buffer
		if err := write(&page, sheets()); err != nil {
			t.Fatal(err)
		}
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
