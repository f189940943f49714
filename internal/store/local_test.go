package store_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/dice-engine/dice/internal/store"
)

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// names lists a bucket.
func names(t *testing.T, b store.Bucket, prefix string) []string {
	t.Helper()
	got := []string{}
	check(t, b.List(t.Context(), prefix, func(i store.Info) error {
		got = append(got, i.Key)
		return nil
	}))
	return got
}

func TestLocalAbsentFolder(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "absent")
	b := dial(t, dir, store.Config{})
	if err := store.Exists(t.Context(), b); !errors.Is(err, store.ErrNoBucket) || !strings.Contains(err.Error(), dir) {
		t.Errorf("Exists: got %v, want ErrNoBucket and the folder's name", err)
	}
	if got := names(t, b, ""); len(got) != 0 {
		t.Errorf("List: got %q", got)
	}
	check(t, b.Remove(t.Context(), "x"))
	if _, err := os.Stat(dir); err == nil {
		t.Error("reading made the folder")
	}
	check(t, b.Create(t.Context(), "x", nil))
	check(t, store.Exists(t.Context(), b))
	if b.URL() != dir {
		t.Errorf("URL: got %q, want %q", b.URL(), dir)
	}
	file := dial(t, filepath.Join(dir, "x"), store.Config{})
	if err := store.Exists(t.Context(), file); !errors.Is(err, store.ErrNoBucket) {
		t.Errorf("Exists of a file: got %v, want ErrNoBucket", err)
	}
}

func TestLocalLinks(t *testing.T) {
	outside, dir := t.TempDir(), t.TempDir()
	check(t, os.WriteFile(filepath.Join(outside, "secret"), []byte("secret"), 0o600))
	check(t, os.WriteFile(filepath.Join(dir, "file"), []byte("inside"), 0o600))
	check(t, os.Mkdir(filepath.Join(dir, "sub"), 0o700))
	check(t, os.WriteFile(filepath.Join(dir, "sub", "deep"), nil, 0o600))
	check(t, os.Symlink("file", filepath.Join(dir, "good")))
	check(t, os.Symlink(".", filepath.Join(dir, "loop")))
	check(t, os.Symlink("nowhere", filepath.Join(dir, ".#lock")))
	check(t, syscall.Mkfifo(filepath.Join(dir, "pipe"), 0o600))
	b := dial(t, dir, store.Config{})
	if diff := cmp.Diff([]string{"file", "good", "sub/deep"}, names(t, b, "")); diff != "" {
		t.Errorf("List (-want +got):\n%s", diff)
	}
	if _, err := b.Get(t.Context(), "pipe", 10); !errors.Is(err, store.ErrNotFound) { // and it does not wait for a writer
		t.Errorf("Get of a pipe: got %v, want ErrNotFound", err)
	}
	body, err := b.Get(t.Context(), "good", 10)
	if err != nil || string(body) != "inside" {
		t.Errorf("Get through a link: got %q, %v", body, err)
	}

	check(t, os.Symlink(filepath.Join(outside, "secret"), filepath.Join(dir, "out")))
	check(t, os.Symlink(outside, filepath.Join(dir, "outdir")))
	for _, key := range []string{"out", "outdir/secret"} {
		if _, err := b.Get(t.Context(), key, 10); err == nil {
			t.Errorf("Get(%q) led out of the folder", key)
		}
	}
	if err := b.Create(t.Context(), "outdir/new", nil); err == nil {
		t.Error("Create led out of the folder")
	}
	_ = b.Remove(t.Context(), "outdir/secret") // whatever it says
	if _, err := os.Stat(filepath.Join(outside, "secret")); err != nil {
		t.Errorf("Remove led out of the folder: %v", err)
	}
	faults := map[string]error{}
	check(t, b.List(t.Context(), "", func(i store.Info) error {
		if i.Fault != nil {
			faults[i.Key] = i.Fault
		}
		return nil
	}))
	if err := faults["out"]; len(faults) != 2 || err == nil || !strings.Contains(err.Error(), "this link leads nowhere, or out of the folder") {
		t.Errorf("List with links that lead out: got %v, want faults that name them", faults)
	}
}

func TestLocalTemporaries(t *testing.T) {
	dir := t.TempDir()
	b := dial(t, dir, store.Config{})
	check(t, b.Create(t.Context(), "job/done", nil))
	w, err := b.NewWriter(t.Context(), "job/sub/dropped")
	check(t, err)
	_, err = w.Write([]byte("left behind by a machine that never came back"))
	check(t, err)
	if got := names(t, b, ""); len(got) != 1 {
		t.Errorf("List: got %q", got)
	}
	for _, step := range []struct {
		prefix string
		before time.Time
		want   int
	}{
		{"job/", time.Now().Add(-time.Hour), 0}, {"other/", time.Now().Add(time.Hour), 0},
		{"job/", time.Now().Add(time.Hour), 1}, {"", time.Now().Add(time.Hour), 0},
	} {
		n, err := store.AbortStale(t.Context(), b, step.prefix, step.before)
		if n != step.want || err != nil {
			t.Errorf("AbortStale(%q): got %d, %v, want %d", step.prefix, n, err, step.want)
		}
	}
	if _, err := w.Commit(); err == nil {
		t.Error("Commit of a swept writer: got no error")
	}
	if err := b.Create(t.Context(), "a/.dice-X.tmp", nil); err == nil {
		t.Error("Create under the name of a temporary: got no error")
	}
}

// TestLocalTemporariesAtRoot are dropped without those in folders.
func TestLocalTemporariesAtRoot(t *testing.T) {
	dir := t.TempDir()
	b := dial(t, dir, store.Config{})
	for _, key := range []string{"manifest.json", "reports/of/others"} {
		_, err := b.NewWriter(t.Context(), key)
		check(t, err)
	}
	for _, step := range []struct {
		before time.Time
		want   int
	}{{time.Now().Add(-time.Hour), 0}, {time.Now().Add(time.Hour), 1}, {time.Now().Add(time.Hour), 0}} {
		n, err := store.AbortStaleAtRoot(t.Context(), b, step.before)
		if n != step.want || err != nil {
			t.Errorf("got %d, %v, want %d", n, err, step.want)
		}
	}
	if n, err := store.AbortStale(t.Context(), b, "", time.Now().Add(time.Hour)); n != 1 || err != nil {
		t.Errorf("in folders: %d, %v", n, err)
	}
}

func TestLocalRemoveLeavesNoFolders(t *testing.T) {
	dir := t.TempDir()
	b := dial(t, dir, store.Config{})
	check(t, b.Create(t.Context(), "_dice/job/map/1", nil))
	check(t, b.Create(t.Context(), "_dice/job/map/2", nil))
	check(t, b.Remove(t.Context(), "_dice/job/map/1", "_dice/job/map/2"))
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("left: %v, %v", left, err)
	}
}

func TestLocalDenied(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Log("root may read everything: only the message is checked elsewhere")
		return
	}
	dir := t.TempDir()
	check(t, os.WriteFile(filepath.Join(dir, "closed"), nil, 0))
	if _, err := dial(t, dir, store.Config{}).Get(t.Context(), "closed", 1); !errors.Is(err, store.ErrDenied) {
		t.Errorf("got %v, want ErrDenied", err)
	}
}

// ignorant is a store that overwrites, as some S3-compatible services do.
type ignorant struct {
	store.Bucket
	put, multipart, etag bool
}

func (b ignorant) Create(ctx context.Context, key string, body []byte) error {
	if b.put {
		_ = b.Bucket.Remove(ctx, key)
	}
	return b.Bucket.Create(ctx, key, body)
}

func (b ignorant) NewWriter(ctx context.Context, key string) (store.Writer, error) {
	if b.multipart {
		_ = b.Bucket.Remove(ctx, key)
	}
	return b.Bucket.NewWriter(ctx, key)
}

func (b ignorant) ReadAt(ctx context.Context, key, etag string, p []byte, off int64) error {
	if b.etag {
		etag = ""
	}
	return b.Bucket.ReadAt(ctx, key, etag, p, off)
}

func TestProbeFindsFault(t *testing.T) {
	for want, b := range map[string]ignorant{
		"by put": {put: true}, "by multipart": {multipart: true}, "If-Match": {etag: true},
	} {
		b.Bucket = openLocal(t)
		err := store.Probe(t.Context(), b, "_dice/")
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), b.URL()) {
			t.Errorf("got %v, want an error about %q that names the store", err, want)
		}
		if got := names(t, b, ""); len(got) != 0 {
			t.Errorf("Probe left %q", got)
		}
	}
}

// TestFileInTheWay of a bucket's folder is named by each call. In the way of a key it is no such object to who reads.
func TestFileInTheWay(t *testing.T) {
	folder := t.TempDir()
	writeFile(t, filepath.Join(folder, "file"), "x")
	above := dial(t, folder, store.Config{})
	errs := []error{above.Create(t.Context(), "file/k", nil)}
	for _, at := range []string{"file", "file/below"} {
		b := dial(t, filepath.Join(folder, at), store.Config{})
		_, err := b.Get(t.Context(), "k", 10)
		errs = append(errs, err, b.Create(t.Context(), "k", nil), store.Probe(t.Context(), b, "_dice/"),
			b.List(t.Context(), "", func(store.Info) error { return nil }))
	}
	for i, err := range errs {
		if err == nil || errors.Is(err, store.ErrNotFound) || !strings.Contains(err.Error(), "a file stands where a folder is needed") {
			t.Errorf("%d: got %v", i, err)
		}
	}
	if _, err := above.Get(t.Context(), "file/k", 10); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("Get below a file: got %v, want ErrNotFound", err)
	}
}

// cleaner removes what is there before a call, once.
type cleaner struct {
	store.Bucket
	calls *int
	at    int // the call before which it does so
}

func (b cleaner) clean(ctx context.Context, key string) {
	if *b.calls++; *b.calls == b.at {
		_ = b.Bucket.Remove(ctx, key)
	}
}

func (b cleaner) Create(ctx context.Context, key string, body []byte) error {
	b.clean(ctx, key)
	return b.Bucket.Create(ctx, key, body)
}

func (b cleaner) NewWriter(ctx context.Context, key string) (store.Writer, error) {
	b.clean(ctx, key)
	return b.Bucket.NewWriter(ctx, key)
}

func (b cleaner) ReadAt(ctx context.Context, key, etag string, p []byte, off int64) error {
	b.clean(ctx, key)
	return b.Bucket.ReadAt(ctx, key, etag, p, off)
}

// TestProbeIsCleanedAway: another coordinator's cleaning up is no fault of the store.
func TestProbeIsCleanedAway(t *testing.T) {
	calls := 0
	for at := 1; at <= 6; at++ {
		calls = 0
		b := cleaner{openLocal(t), &calls, at}
		if err := store.Probe(t.Context(), b, "_dice/"); err != nil {
			t.Errorf("removed before call %d: %v", at, err)
		}
	}
	if calls != 5 {
		t.Errorf("a probe made %d calls, of which each was to be tried", calls)
	}
}

func TestStats(t *testing.T) {
	b, stats := store.WithStats(openLocal(t))
	ctx := t.Context()
	check(t, b.Create(ctx, "a", make([]byte, 10)))
	_ = b.Create(ctx, "a", make([]byte, 10)) // refused
	check(t, b.ReadAt(ctx, "a", "", make([]byte, 4), 0))
	_, err := b.Get(ctx, "a", 10)
	check(t, err)
	_, err = b.Stat(ctx, "a")
	check(t, err)
	w, err := b.NewWriter(ctx, "b")
	check(t, err)
	_, err = w.Write(make([]byte, 7))
	check(t, err)
	_, err = w.Commit()
	check(t, err)
	names(t, b, "")
	check(t, b.Remove(ctx, "a", "b", "c"))
	want := map[store.Kind]store.Count{
		store.KindCreate: {Calls: 2, Failed: 1, Bytes: 10}, store.KindRead: {Calls: 1, Bytes: 4},
		store.KindGet: {Calls: 1, Bytes: 10}, store.KindStat: {Calls: 1}, store.KindWrite: {Calls: 1, Bytes: 7},
		store.KindList: {Calls: 1, Items: 2}, store.KindRemove: {Calls: 1, Items: 3},
	}
	got := map[store.Kind]store.Count{}
	for _, k := range store.Kinds() {
		c := stats.Count(k)
		if c.Time <= 0 {
			t.Errorf("%s: no time", k)
		}
		c.Time = 0
		got[k] = c
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("counts (-want +got):\n%s", diff)
	}
}

// TestLocalFolderIsMadeAnew: a bucket is a name. When the folder is removed, and another one has its name, that is it.
func TestLocalFolderIsMadeAnew(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "out")
	b := dial(t, dir, store.Config{})
	if err := b.Create(t.Context(), "old", []byte("old")); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Stat(t.Context(), "old"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("in a folder that is gone: %v", err)
	}
	if err := dial(t, dir, store.Config{}).Create(t.Context(), "new", []byte("new")); err != nil {
		t.Fatal(err)
	}
	if body, err := b.Get(t.Context(), "new", 10); err != nil || string(body) != "new" {
		t.Errorf("in its successor: %q, %v", body, err)
	}
	if err := b.Create(t.Context(), "more", nil); err != nil {
		t.Errorf("create there: %v", err)
	}
}
