// Package scratch gives a process a folder of its own for what does not fit into memory.
//
// A process that is killed cannot remove its folder, so the next one does: every folder holds a locked file, and the
// lock ends with its process. Where there are no such locks, folders of killed processes stay.
package scratch

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Prefix begins the name of every such folder. Names with a dot in front are no input, should the folder lie among inputs,
// unless a pattern names them.
const Prefix = ".dice-"

const (
	formerPrefix = "dice-" // of earlier previews
	lockName     = "dice-scratch.lock"
)

// lockState is what came of trying to lock a file.
type lockState int

const (
	locked  lockState = iota // by this process
	taken                    // by another one
	unknown                  // there are no locks here
)

// Folder is a folder of this process.
type Folder struct {
	Path string
	lock *os.File
}

// Make makes a folder in parent (empty: the system's folder for temporary files) and removes those that killed
// processes have left there.
func Make(parent string) (*Folder, error) {
	if parent == "" {
		parent = os.TempDir()
	}
	sweep(parent)
	for {
		f, err := try(parent)
		if err != nil {
			return nil, fmt.Errorf("make scratch folder in %s: %w (see --scratch)", parent, err)
		}
		if f != nil {
			return f, nil
		}
	}
}

// try makes a folder; nil if another process took it for an abandoned one before it could be locked.
func try(parent string) (*Folder, error) {
	path, err := os.MkdirTemp(parent, Prefix)
	if err != nil {
		return nil, err
	}
	file, err := os.OpenFile(filepath.Join(path, lockName), os.O_CREATE|os.O_RDWR, 0o600)
	if os.IsNotExist(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	f := &Folder{Path: path, lock: file}
	if lock(file) == taken || !f.there() {
		return nil, file.Close()
	}
	return f, nil
}

// there says whether the locked file still stands in the folder.
func (f *Folder) there() bool {
	mine, err := f.lock.Stat()
	if err != nil {
		return false
	}
	found, err := os.Stat(filepath.Join(f.Path, lockName))
	return err == nil && os.SameFile(mine, found)
}

// Close removes the folder.
func (f *Folder) Close() error {
	err := os.RemoveAll(f.Path)
	f.lock.Close() // ends the lock
	return err
}

// sweep removes what killed processes have left. What cannot be removed is tried again by the next process.
func sweep(parent string) {
	entries, _ := os.ReadDir(parent) // what it could not read of them stays
	for _, e := range entries {
		if !e.IsDir() || !strings.HasPrefix(e.Name(), Prefix) && !strings.HasPrefix(e.Name(), formerPrefix) {
			continue
		}
		path := filepath.Join(parent, e.Name())
		file, err := os.OpenFile(filepath.Join(path, lockName), os.O_RDWR, 0)
		if err != nil {
			continue // not ours, or not to be touched by us
		}
		if lock(file) == locked {
			_ = os.RemoveAll(path)
		}
		file.Close()
	}
}
