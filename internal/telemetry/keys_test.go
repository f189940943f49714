package telemetry

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// TestKeysAreNotSpeltOut by those above: in log lines they use the constants.
func TestKeysAreNotSpeltOut(t *testing.T) {
	keys := []string{KeyError, KeyJob, KeyObject, KeyOutput, KeyPhase, KeyRows, KeyStage, KeyTask, KeyWorker}
	files := token.NewFileSet()
	lines := 0
	for _, folder := range []string{"coordinator", "worker", "cmd/dice"} {
		paths, err := filepath.Glob("../../" + folder + "/*.go")
		if err != nil || len(paths) == 0 {
			t.Fatalf("%s: %d files, %v", folder, len(paths), err)
		}
		for _, path := range paths {
			if strings.HasSuffix(path, "_test.go") {
				continue
			}
			file, err := parser.ParseFile(files, path, nil, 0)
			if err != nil {
				t.Fatal(err)
			}
			ast.Inspect(file, func(n ast.Node) bool {
				arguments := logged(n)
				lines += min(1, len(arguments))
				for i := range arguments {
					if spelt := literal(arguments[i]); slices.Contains(keys, spelt) {
						t.Errorf("%s: %q has a constant", files.Position(arguments[i].Pos()), spelt)
					}
				}
				return true
			})
		}
	}
	if lines < 20 {
		t.Errorf("%d log lines were found", lines)
	}
}

// logged returns the arguments of a call that logs, or adds to a logger.
func logged(n ast.Node) []ast.Expr {
	call, ok := n.(*ast.CallExpr)
	if !ok {
		return nil
	}
	method, ok := call.Fun.(*ast.SelectorExpr)
	if !ok || !slices.Contains([]string{"Debug", "Info", "Warn", "Error", "With"}, method.Sel.Name) {
		return nil
	}
	return call.Args
}

// literal returns the text of a string that is spelt out, else nothing.
func literal(e ast.Expr) string {
	if l, ok := e.(*ast.BasicLit); ok && l.Kind == token.STRING {
		text, _ := strconv.Unquote(l.Value)
		return text
	}
	return ""
}
