package main

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
)

// nobody is a user without any rights of its own.
const nobody = 65534

// asNobody calls f with the rights of nobody where this process has those of root, which reach everywhere.
func asNobody(t *testing.T, f func()) {
	t.Helper()
	if os.Geteuid() != 0 {
		f()
		return
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	fsuid := func(uid int) { _, _, _ = syscall.RawSyscall(syscall.SYS_SETFSUID, uintptr(uid), 0, 0) } // of this thread
	fsuid(nobody)
	defer fsuid(0)
	f()
}

// TestFileInFolderThatMayNotBeWritten is left as it is: only a file beside it can take its place.
func TestFileInFolderThatMayNotBeWritten(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "labelled.json")
	if err := errors.Join(os.WriteFile(name, []byte("before"), 0o666), os.Chmod(name, 0o666),
		os.Chmod(dir, 0o555), os.Chmod(filepath.Dir(dir), 0o755)); err != nil {
		t.Fatal(err)
	}
	defer os.Chmod(dir, 0o755) //nolint:gosec // it is to be removed
	for _, name := range []string{name, filepath.Join(dir, "new.json")} {
		var f *textFile
		var err error
		asNobody(t, func() { f, err = createFile(name) })
		if f != nil || !errors.Is(err, errUsage) || !strings.HasSuffix(err.Error(), name+": its folder may not be written: name another file") {
			t.Errorf("got %v, %v", f, err)
		}
	}
	if text, err := os.ReadFile(name); string(text) != "before" {
		t.Errorf("the file holds %q, %v", text, err)
	}
}

// TestFullDeviceIsToldOnce, and not again by what is flushed at the end.
func TestFullDeviceIsToldOnce(t *testing.T) {
	f, err := createFile("/dev/full")
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.writer().Write(bytes.Repeat([]byte("x"), 3<<20))
	if err = f.close(err); err == nil || err.Error() != "write /dev/full: no space left on device" {
		t.Errorf("got %v", err)
	}
}
