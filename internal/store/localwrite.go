package store

import (
	"bufio"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"strings"
	"syscall"
)

// Temporary files stand beside the object they will become, under names that no key may have.
const (
	tempPrefix = ".dice-"
	tempSuffix = ".tmp"
)

func isTemp(name string) bool {
	return strings.HasPrefix(name, tempPrefix) && strings.HasSuffix(name, tempSuffix)
}

func checkLocalKey(key string) error {
	if isTemp(path.Base(key)) {
		return final(fmt.Errorf("key %q: such names are kept for temporary files", key))
	}
	return checkKey(key)
}

// localWriter writes a temporary file and links it to its name at Commit: link(2) fails where the name is taken, so
// one of several writers wins, and what becomes visible is whole. File and folder are synced, so that the object also
// survives a power cut.
type localWriter struct {
	b    *localBucket
	ctx  context.Context
	root *os.Root
	key  string
	temp string
	file *os.File
	buf  *bufio.Writer
	done bool
}

// Create implements Bucket.
func (b *localBucket) Create(ctx context.Context, key string, body []byte) error {
	w, err := b.NewWriter(ctx, key)
	if err != nil {
		return err
	}
	if _, err := w.Write(body); err != nil {
		return errors.Join(err, w.Abort())
	}
	_, err = w.Commit()
	return err
}

// NewWriter implements Bucket.
func (b *localBucket) NewWriter(ctx context.Context, key string) (Writer, error) {
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if err := checkLocalKey(key); err != nil {
		return nil, b.fail("write", key, err)
	}
	root, err := b.open(true)
	if err != nil {
		return nil, b.fail("write", key, err)
	}
	w := &localWriter{b: b, ctx: ctx, root: root, key: key}
	w.temp = path.Join(path.Dir(key), tempPrefix+rand.Text()+tempSuffix)
	if w.file, err = createIn(root, w.temp); err != nil {
		return nil, b.fail("write", key, blocked(err))
	}
	w.buf = bufio.NewWriterSize(w.file, 256<<10)
	return w, nil
}

// createIn creates a file and the folders above it. A folder may be removed, being empty, between the two steps.
func createIn(root *os.Root, name string) (f *os.File, err error) {
	for range 100 {
		f, err = root.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
		if !errors.Is(err, fs.ErrNotExist) {
			return f, err
		}
		if err = root.MkdirAll(path.Dir(name), 0o755); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
	}
	return nil, err
}

// Write implements io.Writer.
func (w *localWriter) Write(p []byte) (int, error) {
	if w.done {
		return 0, errClosed
	}
	if w.ctx.Err() != nil {
		return 0, context.Cause(w.ctx)
	}
	n, err := w.buf.Write(p)
	return n, w.b.fail("write", w.key, err)
}

// Commit implements Writer.
func (w *localWriter) Commit() (Info, error) {
	if w.done {
		return Info{}, errClosed
	}
	info, err := w.publish()
	w.done = true
	taken := errors.Is(err, ErrExists) // by a writer who may have been killed before the next step
	err = errors.Join(w.b.fail("create", w.key, err), w.b.fail("remove temporary", w.temp, w.root.Remove(w.temp)))
	if err == nil || taken {
		err = errors.Join(err, w.b.fail("sync folder of", w.key, syncFolders(w.root, path.Dir(w.key))))
	}
	return info, err
}

// publish links the finished file to its name.
func (w *localWriter) publish() (Info, error) {
	info, err := w.seal()
	if err != nil {
		return Info{}, err
	}
	if w.ctx.Err() != nil {
		return Info{}, context.Cause(w.ctx)
	}
	err = w.root.Link(w.temp, w.key)
	switch {
	case errors.Is(err, fs.ErrExist):
		return Info{}, ErrExists
	case errors.Is(err, syscall.EPERM), errors.Is(err, syscall.ENOTSUP), errors.Is(err, syscall.ENOSYS):
		return Info{}, final(fmt.Errorf("this file system has no hard links, which DICE needs to create a file "+
			"atomically; choose a folder on another one: %v", err))
	}
	return info, err
}

// seal writes what is buffered through to the disk and closes the file.
func (w *localWriter) seal() (Info, error) {
	err := errors.Join(w.buf.Flush(), w.file.Sync())
	fi, statErr := w.file.Stat()
	if err := errors.Join(err, statErr, w.file.Close()); err != nil {
		return Info{}, err
	}
	return localInfo(w.key, fi), nil
}

// Abort implements Writer.
func (w *localWriter) Abort() error {
	if w.done {
		return nil
	}
	w.done = true
	return w.b.fail("abort", w.key, errors.Join(w.file.Close(), w.root.Remove(w.temp)))
}

// syncFolders makes the names in a folder and in those above it last. All of them, as another writer may have made a
// folder a moment ago and not yet come to sync it.
func syncFolders(root *os.Root, dir string) error {
	for {
		if err := syncFolder(root, dir); err != nil {
			return err
		}
		if dir == "." {
			return nil
		}
		dir = path.Dir(dir)
	}
}

// syncFolder syncs one folder. File systems that cannot sync folders say EINVAL and need not.
func syncFolder(root *os.Root, dir string) error {
	f, err := root.Open(dir)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := f.Sync(); err != nil && !errors.Is(err, syscall.EINVAL) {
		return err
	}
	return nil
}
