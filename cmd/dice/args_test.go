package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/urfave/cli/v2"
)

func TestIntersperse(t *testing.T) {
	app := newApp(io.Discard, io.Discard)
	for given, want := range map[string]string{
		"dice export out -o file":                "dice export -o file out",
		"dice export out --output=file":          "dice export --output=file out",
		"dice summary out --json":                "dice summary --json out",
		"dice --log-format json summary out":     "dice --log-format json summary out",
		"dice summary -- --json":                 "dice summary -- --json",
		"dice nothing out -o file":               "dice nothing out -o file",
		"dice --help":                            "dice --help",
		"dice":                                   "dice",
		"dice generate - --rows 5 --distinct -o": "dice generate --rows 5 --distinct -o -",
	} {
		if got := intersperse(app, strings.Fields(given)); !slices.Equal(got, strings.Fields(want)) {
			t.Errorf("%s\n got %v\nwant %s", given, got, want)
		}
	}
}

func TestExitOf(t *testing.T) {
	for want, err := range map[int]error{
		exitDone:    nil,
		exitFailed:  errors.New("disk is full"),
		exitUsage:   fmt.Errorf("x: %w", errUsage),
		exitRejects: fmt.Errorf("x: %w", errRejects),
	} {
		if got := exitOf(err); got != want {
			t.Errorf("exit of %v: got %d, want %d", err, got, want)
		}
	}
}

func TestPrintableEscapesWhatATerminalObeys(t *testing.T) {
	for given, want := range map[string]string{
		"plain – 工業":   "plain – 工業",
		"\x1b[31m":     `\x1b[31m`,
		"a\r\nb\tc":    `a\r\nb\tc`,
		"\u202eevil":   `\u202eevil`,
		"bad\xffoctet": `bad\ufffdoctet`,
	} {
		if got := printable(given); got != want {
			t.Errorf("%q: got %s, want %s", given, got, want)
		}
	}
}

// Every flag can be given by the environment, and every command shows how it is used.
func TestCommandsKeepTheConventions(t *testing.T) {
	for _, command := range commands() {
		if !strings.Contains(command.Description, "Examples:\n   dice "+command.Name) {
			t.Errorf("%s has no examples", command.Name)
		}
		for _, flag := range command.Flags {
			documented, ok := flag.(interface{ GetEnvVars() []string })
			if !ok || len(documented.GetEnvVars()) == 0 || !strings.HasPrefix(documented.GetEnvVars()[0], "DICE_") {
				t.Errorf("%s --%s has no environment variable", command.Name, flag.Names()[0])
			}
			if slice, ok := flag.(*cli.StringSliceFlag); ok && !strings.Contains(slice.Usage, "in the environment variable a line each") {
				t.Errorf("%s --%s does not say how several stand in %s", command.Name, slice.Name, slice.EnvVars)
			}
		}
	}
}

// fullDevice has no room.
type fullDevice struct{}

func (fullDevice) Write([]byte) (int, error) { return 0, syscall.ENOSPC }

// TestFullOutput: a command whose output could not be written has failed, and says so once.
func TestFullOutput(t *testing.T) {
	for _, line := range []string{
		"dice --help", "dice signatures", "dice signatures --markdown", "dice signatures mqtt", "dice signatures --json", "dice version",
		"dice version --json",
	} {
		var stderr bytes.Buffer
		code := run(context.Background(), strings.Fields(line), fullDevice{}, &stderr)
		if want := "dice: no space left on device\n"; code != exitFailed || stderr.String() != want {
			t.Errorf("%s: exit %d, standard error %q, want %d, %q", line, code, stderr.String(), exitFailed, want)
		}
	}
}

func TestHelpIsData(t *testing.T) {
	var stdout, stderr bytes.Buffer
	if code := run(context.Background(), []string{"dice", "generate", "--help"}, &stdout, &stderr); code != exitDone {
		t.Errorf("exit %d: %s", code, stderr.String())
	}
	if !strings.Contains(stdout.String(), "--rows") || stderr.Len() > 0 {
		t.Errorf("help on stdout %q, on stderr %q", stdout.String(), stderr.String())
	}
}
