package main

import (
	"bytes"
	"context"
	"io"
	"os"
	"strings"
	"testing"
)

// readmeCommands returns the indented lines of the README that run dice from its sources.
func readmeCommands(t *testing.T, text string) (commands []string) {
	t.Helper()
	for line := range strings.Lines(text) {
		if rest, ok := strings.CutPrefix(line, "    "); ok {
			rest = strings.TrimPrefix(rest, "$ ")
			if command, ok := strings.CutPrefix(strings.TrimSpace(rest), "go run ./cmd/dice "); ok {
				commands = append(commands, command)
			}
		}
	}
	if len(commands) != 2 {
		t.Fatalf("README has the commands %q, want classify and summary", commands)
	}
	return commands
}

// TestReadme runs what the README tells to run, and wants what it shows.
func TestReadme(t *testing.T) {
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	out := t.TempDir() + "/out"
	var shown bytes.Buffer
	for i, command := range readmeCommands(t, string(text)) {
		args := []string{"dice"}
		for _, arg := range strings.Fields(strings.ReplaceAll(command, "'", "")) {
			switch {
			case arg == "out":
				arg = out
			case strings.HasPrefix(arg, "testdata/"):
				arg = "../../" + arg
			}
			args = append(args, arg)
		}
		stdout := io.Writer(&shown)
		if i == 0 {
			stdout = io.Discard
		}
		var talk bytes.Buffer
		if code := run(context.Background(), args, stdout, &talk); code != exitDone {
			t.Fatalf("%q exited with %d: %s", args, code, talk.String())
		}
	}
	_, block, _ := strings.Cut(string(text), "go run ./cmd/dice summary out\n")
	block, _, _ = strings.Cut(block, "\n\n")
	for line := range strings.Lines(block) {
		line = strings.TrimSuffix(strings.TrimPrefix(line, "    "), "\n")
		if line != "..." && !strings.Contains(shown.String(), line+"\n") {
			t.Errorf("README shows %q, which dice summary does not print:\n%s", line, shown.String())
		}
	}
}
