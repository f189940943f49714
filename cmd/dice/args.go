package main

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
)

// intersperse moves a command's flags before its arguments, so that "dice export out -o file" means what it says. What
// follows "--" stays. The library itself stops at the first argument.
func intersperse(app *cli.App, args []string) []string {
	at, ok := commandAt(app, args)
	if !ok {
		return args
	}
	command := app.Command(args[at])
	var flags, rest []string
	for i := at + 1; i < len(args); i++ {
		arg := args[i]
		if arg == "--" {
			rest = append(rest, args[i:]...)
			break
		}
		if !strings.HasPrefix(arg, "-") || arg == "-" {
			rest = append(rest, arg)
			continue
		}
		flags = append(flags, arg)
		if takesValue(command.Flags, arg) && i+1 < len(args) {
			i++
			flags = append(flags, args[i])
		}
	}
	return slices.Concat(args[:at+1], flags, rest)
}

// commandAt finds the command's name: the first argument that is neither a flag of the application nor its value.
func commandAt(app *cli.App, args []string) (int, bool) {
	for i := 1; i < len(args); i++ {
		if strings.HasPrefix(args[i], "-") {
			if takesValue(app.Flags, args[i]) {
				i++
			}
			continue
		}
		return i, slices.ContainsFunc(app.Commands, func(c *cli.Command) bool { return c.HasName(args[i]) })
	}
	return 0, false
}

// takesValue says whether the argument after a flag is its value.
func takesValue(flags []cli.Flag, arg string) bool {
	name := strings.TrimLeft(arg, "-")
	for _, f := range flags {
		if slices.Contains(f.Names(), name) {
			_, isBool := f.(*cli.BoolFlag)
			return !isBool
		}
	}
	return false
}

// isTyped says whether a flag for a text, without default, stands on the command line. The environment of a pod may say more than
// a command wants; a flag that repeats what the environment says counts as the environment's.
func isTyped(c *cli.Context, name string) bool {
	for _, f := range c.Command.Flags {
		if d, ok := f.(cli.DocGenerationFlag); ok && slices.Contains(f.Names(), name) {
			return c.String(name) != "" && !slices.ContainsFunc(d.GetEnvVars(), func(v string) bool { return os.Getenv(v) == c.String(name) })
		}
	}
	return false
}

// outputOrQueue says whether a command is about a queue, which --nats names, and not about an output, its argument. It is about
// one of the two; where the environment names the queue, an argument wins.
func outputOrQueue(c *cli.Context) (queue bool, err error) {
	switch {
	case c.NArg() > 0 && isTyped(c, "nats"):
		return false, fmt.Errorf("%w: %s looks at an output, its argument, or at a queue, by --nats: give one of the two", errUsage, c.Command.HelpName)
	case c.NArg() == 0 && c.String("nats") == "":
		return false, fmt.Errorf("%w: %s wants one argument, where the result is, or --nats, which names a queue (see %[2]s --help)",
			errUsage, c.Command.HelpName)
	}
	return c.NArg() == 0, nil
}
