package scratch

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestMain lets a test start this binary as a process that makes a folder and waits to be killed.
func TestMain(m *testing.M) {
	if parent := os.Getenv("SCRATCH_TEST_PARENT"); parent != "" {
		f, err := Make(parent)
		if err != nil {
			panic(err)
		}
		os.Stdout.WriteString(f.Path + "\n")
		select {}
	}
	os.Exit(m.Run())
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// TestKilledProcessesLeaveNothingForLong: the folder of a process that lives stays, that of a killed one goes.
func TestKilledProcessesLeaveNothingForLong(t *testing.T) {
	parent := t.TempDir()
	foreign := filepath.Join(parent, "dice-of-others")
	if err := os.Mkdir(foreign, 0o700); err != nil {
		t.Fatal(err)
	}
	other := exec.Command(os.Args[0])
	other.Env = append(os.Environ(), "SCRATCH_TEST_PARENT="+parent)
	out, err := other.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	theirs := line[:len(line)-1]

	mine, err := Make(parent)
	if err != nil {
		t.Fatal(err)
	}
	if !exists(theirs) || !exists(mine.Path) || mine.Path == theirs {
		t.Errorf("the folders of two living processes: %s (%v), %s (%v)", theirs, exists(theirs), mine.Path, exists(mine.Path))
	}
	if err := other.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = other.Wait() // it was killed
	again, err := Make(parent)
	if err != nil {
		t.Fatal(err)
	}
	if exists(theirs) {
		t.Error("the folder of a killed process is still there")
	}
	if !exists(mine.Path) || !exists(foreign) {
		t.Error("a folder is gone that was in use, or not one of this package's")
	}
	for _, f := range []*Folder{mine, again} {
		if err := f.Close(); err != nil || exists(f.Path) {
			t.Errorf("close: %v, folder there: %v", err, exists(f.Path))
		}
	}
	if base := filepath.Base(mine.Path); base[0] != '.' {
		t.Errorf("the folder %s would be read as input", base)
	}
	if _, err := Make(filepath.Join(parent, "nowhere")); err == nil {
		t.Error("a folder in no folder: got no error")
	}
}

// TestLeftoversGo: those of earlier previews, too, which had no dot before their names, and whatever the parent's name is.
func TestLeftoversGo(t *testing.T) {
	for _, parent := range []string{"plain", "tm[p] *x", `a\b?{c}`} {
		for _, name := range []string{".dice-123", "dice-123"} {
			left := filepath.Join(t.TempDir(), parent, name)
			if err := os.MkdirAll(left, 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(left, lockName), nil, 0o600); err != nil {
				t.Fatal(err)
			}
			f, err := Make(filepath.Dir(left))
			if err != nil {
				t.Fatal(err)
			}
			if exists(left) {
				t.Errorf("%s is still there", left)
			}
			if err := f.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}
