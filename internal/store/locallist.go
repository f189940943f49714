package store

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
)

// List implements Bucket. Links to folders are not followed, as they may form circles; links to files are. A folder
// that does not exist is an empty one; see Exists.
func (b *localBucket) List(ctx context.Context, prefix string, each func(Info) error) error {
	root, err := b.open(false)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return b.fail("list", prefix, err)
	}
	w := walker{ctx: ctx, bucket: b, root: root, prefix: prefix, each: each}
	return w.folder(startOf(prefix))
}

// startOf is the deepest folder that contains all keys with a prefix.
func startOf(prefix string) string {
	if i := strings.LastIndexByte(prefix, '/'); i > 0 {
		return prefix[:i]
	}
	return "."
}

// walker visits the files of a folder in bytewise order of their keys.
type walker struct {
	ctx    context.Context
	bucket *localBucket
	root   *os.Root
	prefix string
	each   func(Info) error
}

// entry is a name in a folder as it stands in a key: folders end in a slash. Sorted by that name, and not by the bare
// one, a walk meets the keys in their order: "a-b" stands before "a/b", as '-' does before '/'.
type entry struct {
	name string
	fs.DirEntry
}

func (w *walker) folder(dir string) error {
	entries, err := readDir(w.root, dir)
	switch {
	case errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrInvalid):
		return nil // nothing begins with this prefix, or the folder went meanwhile
	case errors.Is(err, fs.ErrPermission) && dir != startOf(w.prefix):
		return w.each(Info{Key: dir + "/", Fault: w.bucket.fail("list", dir, err)})
	case err != nil:
		return w.bucket.fail("list", dir, err)
	}
	for _, e := range entries {
		if w.ctx.Err() != nil {
			return context.Cause(w.ctx)
		}
		if err := w.entry(path.Join(dir, e.name), e); err != nil {
			return err
		}
	}
	return nil
}

func (w *walker) entry(key string, e entry) error {
	if e.IsDir() {
		if below := key + "/"; strings.HasPrefix(below, w.prefix) || strings.HasPrefix(w.prefix, below) {
			return w.folder(key)
		}
		return nil
	}
	if !strings.HasPrefix(key, w.prefix) || isTemp(e.name) {
		return nil
	}
	fi, err := w.root.Stat(key)
	link := e.Type()&fs.ModeSymlink != 0
	switch {
	case err != nil && link && !strings.HasPrefix(e.name, "."): // editors keep dangling links as hidden locks
		return w.each(Info{Key: key, Fault: w.bucket.fail("list", key, errLink)})
	case err != nil && (link || errors.Is(err, fs.ErrNotExist)): // it went meanwhile
		return nil
	case err != nil:
		return w.bucket.fail("list", key, err)
	case !fi.Mode().IsRegular():
		return nil
	}
	info := localInfo(key, fi)
	info.Modified = fi.ModTime()
	return w.each(info)
}

var errLink = errors.New("this link leads nowhere, or out of the folder: copy the file, or name the folder that it leads to")

// readDir reads a folder, sorted by entry.name.
func readDir(root *os.Root, dir string) ([]entry, error) {
	if !fs.ValidPath(dir) {
		return nil, fs.ErrInvalid
	}
	fi, err := root.Stat(dir)
	if err != nil || !fi.IsDir() {
		return nil, errors.Join(fs.ErrNotExist, err)
	}
	f, err := root.Open(dir)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	found, err := f.ReadDir(-1)
	if err != nil {
		return nil, err
	}
	entries := make([]entry, len(found))
	for i, e := range found {
		entries[i] = entry{e.Name(), e}
		if e.IsDir() {
			entries[i].name += "/"
		}
	}
	slices.SortFunc(entries, func(a, b entry) int { return cmp.Compare(a.name, b.name) })
	return entries, nil
}

// abortStale removes the temporary files in the prefix's folder, and below, that were last written before a time.
func (b *localBucket) abortStale(ctx context.Context, s stale) (n int, err error) {
	root, err := b.open(false)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, b.fail("sweep", s.prefix, err)
	}
	err = fs.WalkDir(root.FS(), startOf(s.prefix), func(name string, e fs.DirEntry, err error) error {
		if err != nil || ctx.Err() != nil {
			return errors.Join(err, context.Cause(ctx))
		}
		if e.IsDir() && name != startOf(s.prefix) && !s.deep {
			return fs.SkipDir
		}
		if e.IsDir() || !isTemp(e.Name()) {
			return nil
		}
		fi, err := e.Info()
		if err != nil || !fi.ModTime().Before(s.before) {
			return nil //nolint:nilerr // a file that went meanwhile is none to remove
		}
		n++
		return root.Remove(name)
	})
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return n, b.fail("sweep", s.prefix, err)
}
