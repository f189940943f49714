package main

import (
	"cmp"
	"encoding/json"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"slices"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"
)

// A quoted command is a dice command line as a page or a deployment quotes it.
type quoted struct {
	line  string   // where it stands, for people
	env   []string // NAME=value that go with it
	args  []string // without the program
	whole bool     // nothing is told by an environment elsewhere, as in a container
}

// TestQuotedCommands parses every dice command line of the deployments and of the pages about them with the flags of the
// program, so that none has a flag or a value that the program would refuse.
func TestQuotedCommands(t *testing.T) {
	least := map[string]int{ // so that what is not found is not taken for right
		"deploy/compose/compose.yaml": 2, "deploy/ec2/template.yaml": 2, "deploy/kubernetes/base/fleet/worker.yaml": 1,
		"deploy/kubernetes/base/job/job.yaml": 1, "deploy/kubernetes/example/fleet/kustomization.yaml": 1,
		"deploy/nats/dice.conf": 2, "docs/fleet.md": 10, "docs/operations.md": 3, "README.md": 7,
	}
	for name, text := range deployed(t) {
		found := quotedCommands(name, text)
		for _, q := range found {
			if err := q.check(t, q.whole && strings.HasSuffix(name, ".md")); err != nil {
				t.Errorf("%s: %s: %v", name, q.line, err)
			}
		}
		if want := least[name]; len(found) < want {
			t.Errorf("%s: found %d commands, want at least %d", name, len(found), want)
		}
		delete(least, name)
	}
	for name := range least {
		t.Errorf("%s is not there", name)
	}
}

// TestQuotedVariables: no page and no deployment names an environment variable that does not exist.
func TestQuotedVariables(t *testing.T) {
	known := []string{"DICE_COORDINATOR_PASSWORD", "DICE_WORKER_PASSWORD"} // deploy/nats/dice.conf reads them
	app := newApp(io.Discard, io.Discard)
	for _, flags := range append([][]cli.Flag{app.Flags}, flagsOf(app)...) {
		for _, f := range flags {
			known = append(known, f.(cli.DocGenerationFlag).GetEnvVars()...)
		}
	}
	for name, text := range deployed(t) {
		for _, variable := range regexp.MustCompile(`DICE_[A-Z0-9_]*[A-Z0-9]`).FindAllString(text, -1) {
			if !slices.Contains(known, variable) {
				t.Errorf("%s: nothing reads %s", name, variable)
			}
		}
	}
}

// TestQuotedMessages: what docs/operations.md says that people see is what the program says.
func TestQuotedMessages(t *testing.T) {
	var source strings.Builder
	err := filepath.WalkDir("../..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		source.Write(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	rows := 0
	_, table, _ := strings.Cut(deployed(t)["docs/operations.md"], "\n## What can go wrong")
	for line := range strings.Lines(table) {
		seen, _, ok := strings.Cut(strings.TrimPrefix(line, "| "), " | ")
		if !ok || !strings.HasPrefix(line, "| ") {
			continue
		}
		for _, quote := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(seen, -1) {
			rows++
			for part := range strings.SplitSeq(quote[1], "…") {
				if part = strings.Trim(part, " :"); !strings.Contains(source.String(), part) {
					t.Errorf("docs/operations.md quotes %q, and nothing says %q", quote[1], part)
				}
			}
		}
	}
	if rows < 20 {
		t.Errorf("found %d messages, want at least 20", rows)
	}
}

// TestOptionsOfTheResult: docs/operations.md has a row for each option that the result depends on, with its default.
func TestOptionsOfTheResult(t *testing.T) {
	page, rows := deployed(t)["docs/operations.md"], 0
	_, table, _ := strings.Cut(page, "| option | default |")
	table, _, _ = strings.Cut(table, "\n\n")
	for _, f := range jobFlags() {
		name, value := f.Names()[0], f.(cli.DocGenerationFlag).GetValue()
		if name == "output" {
			continue
		}
		rows++
		begin := "\n| `--" + name + "` | "
		if value != "" {
			begin += "`" + value + "` "
		}
		if !strings.Contains(table, begin+"| ") {
			t.Errorf("docs/operations.md has no row that begins with %q", begin)
		}
	}
	if n := strings.Count(table, "\n| `"); n != rows {
		t.Errorf("the table has %d options, want %d", n, rows)
	}
}

func flagsOf(app *cli.App) (all [][]cli.Flag) {
	for _, c := range app.Commands {
		all = append(all, c.Flags)
	}
	return all
}

// deployed reads the deployments and the pages about them.
func deployed(t *testing.T) map[string]string {
	t.Helper()
	const root = "../../"
	names := []string{"README.md", "docs/fleet.md", "docs/operations.md"}
	err := filepath.WalkDir(root+"deploy", func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			names = append(names, strings.TrimPrefix(path, root))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	texts := map[string]string{}
	for _, name := range names {
		text, err := os.ReadFile(root + name)
		if err != nil {
			t.Fatal(err)
		}
		texts[name] = string(text)
	}
	return texts
}

// quotedCommands finds commands in code blocks and in comments that are set off like them, in lists of arguments, which
// stand as JSON in YAML, and in whatever runs a program by its path.
func quotedCommands(name, text string) (found []quoted) {
	for _, list := range regexp.MustCompile(`(?:args|command): (\[[^]]*\])`).FindAllStringSubmatch(text, -1) {
		var args []string
		if json.Unmarshal([]byte(list[1]), &args) == nil && isCommand(args) {
			found = append(found, quoted{line: list[1], args: args})
		}
	}
	text = strings.ReplaceAll(text, "\\\n", " ")
	var env []string // of the block
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		if code, ok := strings.CutPrefix(strings.TrimLeft(line, " "), "#   "); ok {
			line = "    " + code
		}
		if strings.HasSuffix(name, ".md") && !strings.HasPrefix(line, "    ") {
			env = nil
			continue
		}
		words := shellWords(strings.TrimSpace(line))
		if len(words) > 1 && words[0] == "export" {
			env = append(env, words[1:]...)
		}
		for _, q := range commandsOf(words) {
			q.line, q.env = strings.TrimSpace(line), slices.Concat(env, q.env)
			found = append(found, q)
		}
	}
	return found
}

// isCommand says whether arguments begin with a command of dice, behind the flags of all commands.
func isCommand(args []string) bool {
	_, ok := commandAt(newApp(io.Discard, io.Discard), append([]string{"dice"}, args...))
	return ok
}

// commandsOf finds the commands in a line: what follows the program, by its path or at the beginning, up to the next
// operator.
func commandsOf(words []string) (found []quoted) {
	var env []string
	begins := true
	for i := 0; i < len(words); i++ {
		w := words[i]
		switch {
		case isOperator(w):
			env, begins = nil, true
			continue
		case begins && (strings.HasPrefix(w, "DICE_") || strings.HasPrefix(w, "AWS_")) && strings.Contains(w, "="):
			env = append(env, w)
			continue
		}
		end := i + 1
		for end < len(words) && !isOperator(words[end]) {
			end++
		}
		args := slices.DeleteFunc(slices.Clone(words[i+1:end]), func(w string) bool { return w == "..." || w == "…" || w == "${Options}" })
		if len(args) < end-i-1 {
			env = append(env, elsewhere...)
		}
		source := w == "./cmd/dice" && i > 1 && words[i-1] == "run"
		inside := w == "/dice" || strings.HasSuffix(w, "/bin/dice")
		if len(args) > 0 && (w == "dice" && (begins || isCommand(args)) || source || inside) {
			found = append(found, quoted{env: env, args: args, whole: !inside})
			i = end - 1
		}
		begins = false
	}
	return found
}

func isOperator(word string) bool {
	return slices.Contains([]string{"|", "&&", "||", ";", ">", "&"}, word)
}

// shellWords splits a line as a shell does, as far as the pages need it: quotes group, # begins a comment.
func shellWords(line string) (words []string) {
	var word strings.Builder
	var quote rune
	begun := false
	for _, r := range line + " " {
		switch {
		case quote != 0 && r == quote:
			quote = 0
		case quote == 0 && (r == '\'' || r == '"'):
			quote, begun = r, true
		case quote == 0 && r == '#' && !begun:
			return words
		case quote == 0 && r == ' ':
			if begun {
				words = append(words, word.String())
			}
			word.Reset()
			begun = false
		default:
			word.WriteRune(r)
			begun = true
		}
	}
	return words
}

// elsewhere is what commands leave out that are told it by other files, or in a line above.
var elsewhere = []string{"DICE_FILE=s3://scans/**", "DICE_OUTPUT=s3://results"}

// check parses the command with the flags of the program and checks what can be checked without running it. Where other
// files tell the rest of the options, only the parts are checked.
func (q quoted) check(t *testing.T, whole bool) (err error) {
	t.Helper()
	defer debug.SetMemoryLimit(debug.SetMemoryLimit(-1)) // workerConfig sets it
	app := newApp(io.Discard, io.Discard)
	for _, f := range slices.Concat(append([][]cli.Flag{app.Flags}, flagsOf(app)...)...) {
		for _, variable := range f.(cli.DocGenerationFlag).GetEnvVars() {
			os.Unsetenv(variable)
		}
	}
	env := q.env
	if !whole {
		env = append(env, elsewhere...)
	}
	for _, kv := range env {
		if name, value, ok := strings.Cut(kv, "="); ok {
			t.Setenv(name, cmp.Or(value, "x"))
			defer os.Unsetenv(name)
		}
	}
	for _, c := range app.Commands {
		c.Action = func(c *cli.Context) error { return checkOptions(c, whole) }
	}
	return app.Run(intersperse(app, append([]string{"dice"}, q.args...)))
}

// checkOptions does what the commands do before they do anything.
func checkOptions(c *cli.Context, whole bool) (err error) {
	name := c.Command.Name
	asks := name == "status" && c.String("nats") != ""
	switch {
	case name == "status" && !asks && !whole: // where the environment may say whom
	case asks, slices.Contains([]string{"classify", "generate", "worker"}, name):
		err = noArguments(c)
	case slices.Contains([]string{"cancel", "status", "summary", "sweep"}, name):
		_, err = oneArgument(c, "an output")
	}
	if err == nil && name == "classify" {
		_, err = commandOf(c)
	}
	if err == nil && (name == "classify" || name == "worker") {
		_, err = workerConfig(c, 0)
	}
	switch {
	case err != nil || !whole:
		return err
	case name == "classify":
		return checkRun(c)
	case c.String("nats") == "":
		return nil // nobody is asked
	}
	_, err = connConfig(c, "", nil)
	return err
}
