package main

import (
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
