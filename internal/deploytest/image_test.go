package deploytest

import (
	"debug/elf"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/moby/patternmatcher"
	"github.com/moby/patternmatcher/ignorefile"
)

// instructions returns the instructions of the Dockerfile, without comments, each in one line.
func instructions() ([]string, error) {
	text, err := os.ReadFile(root + "/deploy/docker/Dockerfile")
	if err != nil {
		return nil, err
	}
	text = regexp.MustCompile(`(?m)^#.*\n`).ReplaceAll(text, nil)
	return strings.Split(strings.TrimSpace(strings.ReplaceAll(string(text), "\\\n", "")), "\n"), nil
}

// workshop is the folder of this run, for the image's binary.
var workshop string

func TestMain(m *testing.M) {
	var err error
	if workshop, err = os.MkdirTemp("", "dice-image-"); err != nil {
		panic(err)
	}
	code := m.Run()
	_ = os.RemoveAll(workshop) // the system removes it some day
	os.Exit(code)
}

// built is the binary of the image, built once as the Dockerfile says.
var built = sync.OnceValues(func() (string, error) {
	return filepath.Join(workshop, "out", "dice"), build(workshop)
})

// image returns the path of the image's binary.
func image(t *testing.T) string {
	t.Helper()
	binary, err := built()
	if err != nil {
		t.Fatalf("build as the Dockerfile says: %v", err)
	}
	return binary
}

// build does in dir what the Dockerfile does with its context: it leaves out what .dockerignore says, and runs RUN.
func build(dir string) error {
	source := filepath.Join(dir, "src")
	if err := copyContext(source); err != nil {
		return err
	}
	list, err := instructions()
	if err != nil {
		return err
	}
	for _, line := range list {
		run, ok := strings.CutPrefix(line, "RUN ")
		if !ok || run == "go mod download" {
			continue
		}
		cmd := exec.Command("sh", "-ec", strings.ReplaceAll(run, "/out/", dir+"/out/"))
		cmd.Dir = source
		cmd.Env = append(os.Environ(), "GOFLAGS=", "GOWORK=off", "TARGETOS="+runtime.GOOS, "TARGETARCH="+runtime.GOARCH, "VERSION=v9.8.7")
		if out, err := cmd.CombinedOutput(); err != nil {
			return errors.Join(err, errors.New(run+"\n"+string(out)))
		}
	}
	return nil
}

// copyContext copies what is sent to the builder.
func copyContext(to string) error {
	file, err := os.Open(root + "/.dockerignore")
	if err != nil {
		return err
	}
	defer file.Close()
	patterns, err := ignorefile.ReadAll(file)
	if err != nil {
		return err
	}
	ignored, err := patternmatcher.New(patterns)
	if err != nil {
		return err
	}
	return filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, _ := filepath.Rel(root, path)
		skip, err := ignored.MatchesOrParentMatches(name)
		switch {
		case err != nil:
			return err
		case skip && d.IsDir():
			return fs.SkipDir
		case d.IsDir():
			return os.MkdirAll(filepath.Join(to, name), 0o755)
		case skip || !d.Type().IsRegular():
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, name), text, 0o644)
	})
}

// TestImage: the binary is static, so that it runs in an image that holds nothing else, and the image runs it as nobody.
func TestImage(t *testing.T) {
	binary := image(t)
	out, err := exec.Command(binary, "version").Output()
	if err != nil || !strings.HasPrefix(string(out), "dice v9.8.7 ") {
		t.Errorf("dice version: %q, %v", out, err)
	}
	if runtime.GOOS == "linux" {
		isStatic(t, binary)
	}
	list, err := instructions()
	if err != nil {
		t.Fatal(err)
	}
	last := list[len(list)-1]
	if last != `ENTRYPOINT ["/dice"]` {
		t.Errorf("the image ends with %q", last)
	}
	text := strings.Join(list, "\n")
	_, final, _ := strings.Cut(text, "FROM scratch\n")
	for _, want := range []string{`(?m)^USER [1-9][0-9]*:[1-9][0-9]*$`, `(?m)^COPY --from=build \S+ca-certificates.crt `, `(?m)^VOLUME /scratch$`} {
		if !regexp.MustCompile(want).MatchString(final) {
			t.Errorf("the image lacks %s:\n%s", want, final)
		}
	}
	version := submatches(`(?m)^go (\d+\.\d+)`, read(t, "go.mod"))[0]
	if !regexp.MustCompile(`(?m)^FROM --platform=\$BUILDPLATFORM golang:` + regexp.QuoteMeta(version) + `\.\d+ AS build$`).MatchString(text) {
		t.Errorf("the image of Go is not pinned to a version %s.x", version)
	}
}

// isStatic checks that nothing has to be loaded for the program to run.
func isStatic(t *testing.T, binary string) {
	t.Helper()
	f, err := elf.Open(binary)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP || p.Type == elf.PT_DYNAMIC {
			t.Errorf("%s has a segment %s", binary, p.Type)
		}
	}
	if libraries, _ := f.ImportedLibraries(); len(libraries) > 0 {
		t.Errorf("%s wants %q", binary, libraries)
	}
}

// TestContextHasNoSecrets: what people keep beside the deployments does not get into an image.
func TestContextHasNoSecrets(t *testing.T) {
	file, err := os.Open(root + "/.dockerignore")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	patterns, err := ignorefile.ReadAll(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{"deploy/compose/.env", "deploy/kubernetes/secrets/s3.env", ".git/config"} {
		if ok, err := patternmatcher.MatchesOrParentMatches(secret, patterns); !ok || err != nil {
			t.Errorf("%s is sent to the builder (%v)", secret, err)
		}
	}
}
