package main

import (
	"bufio"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// textFile is a local file that is being written, under another name in its folder: what stands there stays until there is
// something whole to replace it. A nil one takes nothing.
type textFile struct {
	file   *os.File
	buffer *bufio.Writer
	name   string // what the file becomes; empty for a pipe or a device, which are written as they are
}

// localFile returns the value of a flag that names a local file.
func localFile(flag, name string) (string, error) {
	if strings.Contains(name, "://") {
		return "", fmt.Errorf("%w: --%s %s: want a local file", errUsage, flag, name)
	}
	if name == "-" {
		return "", fmt.Errorf("%w: --%s -: want a local file; standard output is named /dev/stdout", errUsage, flag)
	}
	return name, nil
}

// createFile starts a local file; without a name it returns nil. It fails where a file is there that may not be written.
func createFile(name string) (*textFile, error) {
	if name == "" {
		return nil, nil
	}
	there, err := os.OpenFile(name, os.O_WRONLY, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return createBeside(name, nil)
	}
	if err != nil {
		return nil, err
	}
	info, err := there.Stat()
	if err == nil && !info.Mode().IsRegular() {
		return &textFile{file: there, buffer: bufio.NewWriterSize(there, 1<<20)}, nil
	}
	err = errors.Join(err, there.Close())
	if err == nil {
		name, err = filepath.EvalSymlinks(name)
	}
	if err != nil {
		return nil, err
	}
	return createBeside(name, info)
}

// createBeside starts what will have a name, with the rights of the file that has it now.
func createBeside(name string, now fs.FileInfo) (*textFile, error) {
	temporary := filepath.Join(filepath.Dir(name), ".dice-"+rand.Text()+".tmp")
	file, err := os.OpenFile(temporary, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o666)
	switch {
	case errors.Is(err, fs.ErrPermission): // to write into what stands there would destroy it, if all is not written
		return nil, fmt.Errorf("%w: write %s: its folder may not be written: name another file", errUsage, name)
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("%w: write %s: its folder is not there", errUsage, name)
	case err != nil:
		return nil, instead(err, name)
	}
	f := &textFile{file: file, buffer: bufio.NewWriterSize(unnamed{file, name}, 1<<20), name: name}
	if now != nil {
		if err := file.Chmod(now.Mode().Perm()); err != nil {
			return nil, f.close(instead(err, name))
		}
	}
	return f, nil
}

// unnamed is a file that has not yet its name.
type unnamed struct {
	file *os.File
	name string
}

// Write implements io.Writer.
func (u unnamed) Write(p []byte) (int, error) {
	n, err := u.file.Write(p)
	return n, instead(err, u.name)
}

// instead tells what has failed with a temporary file by the name that it was to have, which is the one that the user knows.
func instead(err error, name string) error {
	var path *fs.PathError
	var link *os.LinkError
	switch {
	case errors.As(err, &path):
		err = path.Err
	case errors.As(err, &link):
		err = link.Err
	case err == nil:
		return nil
	}
	return fmt.Errorf("write %s: %w", name, err)
}

func (f *textFile) writer() io.Writer {
	if f == nil {
		return nil
	}
	return f.buffer
}

// close completes the file, or drops it if its writing has failed. It returns that error, or its own.
func (f *textFile) close(failed error) error {
	if f == nil {
		return failed
	}
	if failed == nil { // otherwise the buffer tells the same again
		failed = f.buffer.Flush()
	}
	if f.name == "" {
		return errors.Join(failed, f.file.Close())
	}
	if failed == nil {
		failed = instead(f.file.Sync(), f.name)
	}
	err := errors.Join(failed, instead(f.file.Close(), f.name))
	if err == nil {
		err = instead(os.Rename(f.file.Name(), f.name), f.name)
	}
	if err == nil {
		return nil
	}
	return errors.Join(err, os.Remove(f.file.Name()))
}
