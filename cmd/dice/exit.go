package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/dice-engine/dice/coordinator"
	"github.com/dice-engine/dice/internal/inputs"
	"github.com/dice-engine/dice/internal/telemetry"
)

// What the process exits with.
const (
	exitDone      = 0
	exitFailed    = 1
	exitUsage     = 2
	exitRejects   = 3
	exitCancelled = 4
)

var (
	// errUsage is in the chain of errors that the user can mend by another command line.
	errUsage = errors.New("wrong usage")
	// errRejects is returned by a command that is done, but rejected some of its input.
	errRejects = errors.New("some of the input was rejected")
	// errSkipped is returned by a job that is done, but without some objects.
	errSkipped = errors.New("some objects were left out")
)

// exits maps errors to exit codes: the first that is in the chain decides, any other error is a failure.
func exits() []struct {
	is   error
	code int
} {
	return []struct {
		is   error
		code int
	}{
		{coordinator.ErrCancelled, exitCancelled},
		{errRejects, exitRejects},
		{errSkipped, exitRejects},
		{errUsage, exitUsage},
		{inputs.ErrNone, exitUsage},
		{inputs.ErrName, exitUsage},
		{inputs.ErrAmbiguous, exitUsage},
		{coordinator.ErrTaken, exitUsage},
		{coordinator.ErrNoJob, exitUsage},
	}
}

// exitHelp explains the exit codes up to the last that a command may end with, for --help.
func exitHelp(last int) string {
	meanings := []string{
		exitDone: "done", exitFailed: "failed", exitUsage: "wrong usage",
		exitRejects: "done, but some of the input was rejected or left out", exitCancelled: "cancelled",
	}
	var codes []string
	for code, meaning := range meanings[:last+1] {
		codes = append(codes, fmt.Sprintf("%d %s", code, meaning))
	}
	return "Exit codes: " + strings.Join(codes, ", ") + "."
}

// exitOf returns the exit code for a command's error.
func exitOf(err error) int {
	if err == nil {
		return exitDone
	}
	for _, exit := range exits() {
		if errors.Is(err, exit.is) {
			return exit.code
		}
	}
	return exitFailed
}

// complain tells the user about an error, once.
func complain(w io.Writer, err error) {
	switch {
	case err == nil:
	case errors.Is(err, context.Canceled):
		fmt.Fprintln(w, "dice: interrupted")
	default:
		fmt.Fprintf(w, "dice: %s\n", printable(oneLine(err)))
	}
}

// complainAsLog tells a program about an error, once, as a line of the log that it reads.
func complainAsLog(w io.Writer, err error) {
	log := slog.New(slog.NewJSONHandler(w, nil))
	switch {
	case err == nil:
	case errors.Is(err, context.Canceled):
		log.Error("interrupted")
	default:
		log.Error("ended", telemetry.KeyError, oneLine(err), "exit_code", exitOf(err))
	}
}

// oneLine is the text of an error with "; " between those that were joined. Other line breaks are from texts of strangers; they
// stay as they are.
func oneLine(err error) string {
	text := err.Error()
	var parts, shown []string
	switch e := err.(type) { //nolint:errorlint // the tree is walked node by node
	case interface{ Unwrap() error }:
		if below := e.Unwrap(); below != nil {
			parts, shown = []string{below.Error()}, []string{oneLine(below)}
		}
	case interface{ Unwrap() []error }:
		for _, below := range e.Unwrap() {
			parts, shown = append(parts, below.Error()), append(shown, oneLine(below))
		}
		if text == strings.Join(parts, "\n") {
			return strings.Join(shown, "; ")
		}
	}
	var line strings.Builder
	for i, part := range parts {
		if before, after, ok := strings.Cut(text, part); ok {
			line.WriteString(before + shown[i])
			text = after
		}
	}
	return line.String() + text
}

// usageError is what the command line library calls for flags that it cannot read.
func usageError(c *cli.Context, err error, _ bool) error {
	if _, name, ok := strings.Cut(err.Error(), "flag provided but not defined: -"); ok && isGlobal(name) {
		return fmt.Errorf("%w: --%s stands before the command: dice --%[2]s … %s", errUsage, name, c.Command.Name)
	}
	return fmt.Errorf("%w: %w (see %s --help)", errUsage, err, c.Command.HelpName)
}

// isGlobal says whether a flag is one of all commands.
func isGlobal(name string) bool {
	return slices.ContainsFunc(globalFlags(), func(f cli.Flag) bool { return slices.Contains(f.Names(), name) })
}

// needs returns what refuses a command line without one of the flags. The library's own would print all of the help.
func needs(flags ...string) cli.BeforeFunc {
	return func(c *cli.Context) error {
		for _, flag := range flags {
			if !c.IsSet(flag) {
				return fmt.Errorf("%w: %s wants --%s (see %[2]s --help)", errUsage, c.Command.HelpName, flag)
			}
		}
		return nil
	}
}

// noCommand answers a command line without a known command.
func noCommand(c *cli.Context) error {
	if name := c.Args().First(); name != "" {
		return fmt.Errorf("%w: there is no command %q (see dice --help)", errUsage, name)
	}
	if c.Bool("version") {
		return c.App.Command("version").Action(c)
	}
	return cli.ShowAppHelp(c)
}

// oneArgument returns the command's only argument.
func oneArgument(c *cli.Context, what string) (string, error) {
	if c.NArg() != 1 {
		return "", fmt.Errorf("%w: %s wants one argument, %s, and got %d", errUsage, c.Command.HelpName, what, c.NArg())
	}
	return c.Args().First(), nil
}

// noArguments refuses arguments. What a shell has made of a pattern looks like some.
func noArguments(c *cli.Context) error {
	if c.NArg() == 0 {
		return nil
	}
	hint := ""
	if len(c.StringSlice("file")) > 0 {
		hint = " (put patterns in quotes, or the shell expands them)"
	}
	return fmt.Errorf("%w: %s takes no argument, and got %q%s", errUsage, c.Command.HelpName, c.Args().First(), hint)
}
