// Package floors holds the drawing of the packages and compares it with what they import. It has no code of its own.
//
// Imports run downstairs, any number of floors, never sideways and never up. .golangci.yml repeats the drawing for editors.
package floors

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/dice-engine/dice/"

// drawing lists the folders by floor, the ground floor first. Packages of one folder may import each other.
func drawing() [][]string {
	return [][]string{
		{"internal/tape", "internal/grow"},
		{"protocols", "shard", "internal/run", "internal/zgrab2", "internal/estimate", "internal/words"},
		{"internal/store", "internal/queue", "internal/record", "internal/telemetry", "internal/notice", "internal/scratch"},
		{"reduce", "internal/inputs"},
		{"coordinator", "worker", "internal/synth", "internal/ingest", "internal/survey"},
		{"cmd/dice"},
	}
}

// outside lists what the pure folders may import from other modules, by prefix.
func outside() map[string][]string {
	return map[string][]string{
		"internal/tape":     {},
		"internal/words":    {},
		"internal/grow":     {},
		"internal/zgrab2":   {},
		"internal/estimate": {},
		"internal/run":      {"github.com/klauspost/compress", "golang.org/x/sync"},
		"protocols":         {"golang.org/x/crypto/cryptobyte"},
		"shard":             {"github.com/bmatcuk/doublestar"},
	}
}

// pkg is what go list tells of a package.
type pkg struct {
	ImportPath string
	Imports    []string
}

func packages(t *testing.T) []pkg {
	t.Helper()
	command := exec.Command("go", "list", "-e", "-json=ImportPath,Imports", module+"...")
	command.Dir = "../.."
	out, err := command.Output()
	if err != nil {
		t.Fatalf("list packages: %v", err)
	}
	var list []pkg
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p pkg
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return list
		} else if err != nil {
			t.Fatal(err)
		}
		list = append(list, p)
	}
}

// place returns the folder of the drawing that a package belongs to, and its floor.
func place(path string) (folder string, floor int, ok bool) {
	path = strings.TrimPrefix(path, module)
	for floor, folders := range drawing() {
		for _, f := range folders {
			if path == f || strings.HasPrefix(path, f+"/") {
				return f, floor, true
			}
		}
	}
	return path, 0, false
}

// workshop says that a package serves tests alone, by the name that the standard library uses for such.
func workshop(path string) bool {
	path = strings.TrimPrefix(path, module)
	return path == "internal/floors" || slices.ContainsFunc(strings.Split(path, "/"), func(s string) bool { return strings.HasSuffix(s, "test") })
}

func TestImportsRunDownstairs(t *testing.T) {
	list := packages(t)
	if len(list) < 8 {
		t.Fatalf("only %d packages were found", len(list))
	}
	for _, p := range list {
		if workshop(p.ImportPath) {
			continue
		}
		folder, floor, ok := place(p.ImportPath)
		if !ok {
			t.Errorf("%s is on no floor of the drawing", p.ImportPath)
			continue
		}
		for _, imported := range p.Imports {
			if fault := fault(folder, floor, imported); fault != "" {
				t.Errorf("%s imports %s: %s", p.ImportPath, imported, fault)
			}
		}
	}
}

// fault says what is wrong with an import, or nothing.
func fault(folder string, floor int, imported string) string {
	if !strings.HasPrefix(imported, module) {
		allowed, limited := outside()[folder]
		first, _, _ := strings.Cut(imported, "/")
		if limited && strings.Contains(first, ".") && !slices.ContainsFunc(allowed, func(p string) bool { return strings.HasPrefix(imported, p) }) {
			return folder + " takes nothing from there"
		}
		return ""
	}
	other, below, ok := place(imported)
	switch {
	case workshop(imported):
		return "it is for tests"
	case !ok || other == folder:
		return ""
	case below == floor:
		return "it is on the same floor"
	case below > floor:
		return "it is upstairs"
	}
	return ""
}

func TestFaultsAreSeen(t *testing.T) {
	for _, c := range []struct {
		folder   string
		floor    int
		imported string
		want     string
	}{
		{"worker", 4, module + "reduce", ""},
		{"worker", 4, "github.com/anything/at-all", ""},
		{"worker", 4, module + "coordinator", "it is on the same floor"},
		{"reduce", 3, module + "worker", "it is upstairs"},
		{"internal/store", 2, module + "internal/record", "it is on the same floor"},
		{"internal/store", 2, module + "internal/store/sub", ""},
		{"internal/store", 2, module + "internal/store/storetest", "it is for tests"},
		{"worker", 4, module + "internal/tape/tapetest", "it is for tests"},
		{"worker", 4, module + "internal/jobtest", "it is for tests"},
		{"protocols", 1, "golang.org/x/crypto/cryptobyte/asn1", ""},
		{"protocols", 1, "golang.org/x/crypto/ssh", "protocols takes nothing from there"},
		{"protocols", 1, "strings", ""},
	} {
		if got := fault(c.folder, c.floor, c.imported); got != c.want {
			t.Errorf("%s imports %s: got %q, want %q", c.folder, c.imported, got, c.want)
		}
	}
}
