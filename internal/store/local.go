package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
)

// localBucket is a folder. All access goes through os.Root, so that neither a key nor a link leads out of it.
type localBucket struct {
	loc  Location
	dir  string // absolute, so that a later change of the working directory does not move it
	mu   sync.Mutex
	root *os.Root // opened at first use; nil while the folder does not exist
}

func newLocal(loc Location) (*localBucket, error) {
	dir, err := filepath.Abs(loc.Path)
	if err != nil {
		return nil, fmt.Errorf("open folder %s: %w", loc.Path, err)
	}
	return &localBucket{loc: loc, dir: dir}, nil
}

// URL implements Bucket.
func (b *localBucket) URL() string { return b.loc.Path }

// open returns the root, which it makes where create is set. The error is fs.ErrNotExist where there is none, and never
// ENOTDIR, which fail would take for an object that is not there.
func (b *localBucket) open(create bool) (*os.Root, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.root != nil && !b.isGone() {
		return b.root, nil
	}
	if create {
		if err := os.MkdirAll(b.dir, 0o755); err != nil {
			return nil, blocked(err)
		}
	}
	root, err := os.OpenRoot(b.dir)
	if fi, there := os.Stat(b.dir); err != nil && there == nil && !fi.IsDir() {
		err = syscall.ENOTDIR // to which OpenRoot gives no type
	}
	if err != nil {
		return nil, blocked(err)
	}
	b.root = root
	return root, nil
}

// blocked names what is in the way where a file stands in the place of a folder.
func blocked(err error) error {
	if errors.Is(err, syscall.ENOTDIR) {
		return final(errors.New("a file stands where a folder is needed"))
	}
	return err
}

// isGone says whether the folder was removed, and forgets its root then: another one may have its name by now.
func (b *localBucket) isGone() bool {
	opened, err := b.root.Stat(".")
	if err != nil {
		return false
	}
	named, err := os.Stat(b.dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) || err == nil && os.SameFile(opened, named) {
		return false
	}
	b.root = nil // closed when nobody has it in use any more
	return true
}

// Exists returns ErrNoBucket where the folder is not there.
func (b *localBucket) Exists(context.Context) error {
	fi, err := os.Stat(b.dir)
	if err == nil && !fi.IsDir() || errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return fmt.Errorf("open folder %s: %w", b.loc.Path, ErrNoBucket)
	}
	return b.fail("open folder", "", err)
}

// Stat implements Bucket.
func (b *localBucket) Stat(ctx context.Context, key string) (Info, error) {
	var info Info
	err := b.with(ctx, key, func(root *os.Root) error {
		fi, err := root.Stat(key)
		if err == nil && !fi.Mode().IsRegular() {
			err = ErrNotFound
		}
		if err == nil {
			info = localInfo(key, fi)
		}
		return err
	})
	return info, b.fail("stat", key, err)
}

// ReadAt implements Bucket.
func (b *localBucket) ReadAt(ctx context.Context, key, etag string, p []byte, off int64) error {
	err := b.withFile(ctx, key, func(f *os.File, info Info) error {
		if etag != "" && info.ETag != etag {
			return ErrChanged
		}
		_, err := f.ReadAt(p, off)
		if err == io.EOF {
			err = final(io.ErrUnexpectedEOF)
		}
		if err != nil || etag == "" {
			return err
		}
		fi, err := f.Stat() // somebody may have written into it meanwhile
		if err == nil && localInfo(key, fi).ETag != etag {
			err = ErrChanged
		}
		return err
	})
	return b.fail("read", key, err)
}

// Get implements Bucket.
func (b *localBucket) Get(ctx context.Context, key string, max int64) (body []byte, err error) {
	err = b.withFile(ctx, key, func(f *os.File, info Info) error {
		if info.Size > max {
			return tooBig(info.Size, max)
		}
		body = make([]byte, info.Size)
		_, err := io.ReadFull(f, body)
		return err
	})
	return body, b.fail("get", key, err)
}

// withFile opens a regular file. It looks before it opens, as opening a pipe would wait for a writer.
func (b *localBucket) withFile(ctx context.Context, key string, f func(*os.File, Info) error) error {
	return b.with(ctx, key, func(root *os.Root) error {
		if fi, err := root.Stat(key); err != nil || !fi.Mode().IsRegular() {
			return errors.Join(ErrNotFound, err)
		}
		file, err := root.Open(key)
		if err != nil {
			return err
		}
		defer file.Close()
		fi, err := file.Stat()
		if err != nil {
			return err
		}
		return f(file, localInfo(key, fi))
	})
}

// with calls f with the root for a key that is allowed. A folder that does not exist holds no objects.
func (b *localBucket) with(ctx context.Context, key string, f func(*os.Root) error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err := checkLocalKey(key); err != nil {
		return err
	}
	root, err := b.open(false)
	if err != nil {
		return err
	}
	return f(root)
}

// Remove implements Bucket. Folders that become empty go, too, as a bucket has none.
func (b *localBucket) Remove(ctx context.Context, keys ...string) error {
	for _, key := range keys {
		err := b.with(ctx, key, func(root *os.Root) error {
			if fi, err := root.Lstat(key); err != nil || fi.IsDir() {
				return errors.Join(fs.ErrNotExist, err)
			}
			if err := root.Remove(key); err != nil {
				return err
			}
			for dir := path.Dir(key); dir != "." && root.Remove(dir) == nil; {
				dir = path.Dir(dir)
			}
			return nil
		})
		if err = b.fail("remove", key, err); err != nil && !errors.Is(err, ErrNotFound) {
			return err
		}
	}
	return nil
}

// localInfo describes a file. Its ETag is as fine as the file system's clock: a file that is overwritten with as many
// octets within one tick (some milliseconds) keeps it.
func localInfo(key string, fi fs.FileInfo) Info {
	etag := strconv.FormatInt(fi.Size(), 10) + "-" + strconv.FormatInt(fi.ModTime().UnixNano(), 10)
	return Info{Key: key, Size: fi.Size(), ETag: etag}
}

// fail names the action and the file and turns an error of the file system into what callers decide on.
func (b *localBucket) fail(action, key string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR):
		err = ErrNotFound
	case errors.Is(err, fs.ErrPermission):
		err = fmt.Errorf("%w: %w", ErrDenied, err)
	}
	return fmt.Errorf("%s %s: %w", action, filepath.Join(b.loc.Path, filepath.FromSlash(key)), err)
}
