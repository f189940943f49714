package worker

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/dice-engine/dice/internal/store"
	"github.com/dice-engine/dice/shard"
)

// attempt is one try at one task.
type attempt struct {
	*job
	ctx     context.Context
	stage   shard.Stage
	task    int
	id      string // tells this attempt from others at the same task
	budget  int    // octets of memory that this task's sorters may use together
	scratch string // folder for spilling
	moved   *movement
	log     *slog.Logger
	created []string // keys of work files that are visible
}

// movement counts what a task has done so far. It is what keeps a lease alive: a task that moves nothing is hung.
type movement struct {
	rows  atomic.Int64
	bytes atomic.Int64
}

// ErrNonDeterministic: a finished output file differs from what the task made again. This is a fault of DICE.
var ErrNonDeterministic = errors.New("output differs from an earlier attempt's")

// workFile is a piece of data of this attempt on its way to its key, which no other attempt uses.
type workFile struct {
	store.Writer
	attempt *attempt
	key     string
	size    int64
}

// create starts a work file of this attempt.
func (a *attempt) create(piece string) (*workFile, error) {
	key := a.key.DataKey(a.stage, a.task, a.id, piece)
	w, err := a.out.NewWriter(a.ctx, key)
	return &workFile{Writer: w, attempt: a, key: key}, err
}

func (f *workFile) Write(p []byte) (int, error) {
	f.size += int64(len(p))
	f.attempt.moved.bytes.Add(int64(len(p)))
	return f.Writer.Write(p)
}

// finish makes the file visible. One that is there already is this attempt's own: the answer to its making got lost.
func (f *workFile) finish() (shard.Blob, error) {
	f.attempt.created = append(f.attempt.created, f.key)
	if _, err := f.Commit(); err != nil && !errors.Is(err, store.ErrExists) {
		return shard.Blob{}, err
	}
	return shard.Blob{Key: f.key, Size: f.size}, nil
}

// discard removes the work files of an attempt that failed. What cannot be removed goes when the job is published.
func (a *attempt) discard() {
	if len(a.created) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(a.ctx), discardTime)
	defer cancel()
	if err := a.out.Remove(ctx, a.created...); err != nil {
		a.log.Debug("remove work files of a failed attempt", "error", err)
	}
}

// discardTime is how long a failed attempt tries to clean up.
const discardTime = 10 * time.Second

// commit makes the task done, unless another attempt was first; then it removes what this one wrote.
func (a *attempt) commit(c *shard.Commit) error {
	c.Stage, c.Task, c.Attempt, c.ResultVersion = a.stage, a.task, a.id, shard.ResultVersion
	body, err := json.Marshal(c)
	if err != nil {
		return err
	}
	// From here on the record may exist, whatever an error says: what it names must not be discarded.
	written := a.created
	a.created = nil
	key := a.key.CommitKey(a.stage, a.task)
	err = a.out.Create(a.ctx, key, body)
	if errors.Is(err, store.ErrExists) {
		return a.yield(key, written)
	}
	if err != nil {
		return err
	}
	return a.checkPlan(append(written, key))
}

// yield leaves a task to the attempt that committed first. That may have been this one, its answer lost.
func (a *attempt) yield(key string, written []string) error {
	first, err := readCommit(a.ctx, a.out, key)
	switch {
	case errors.Is(err, store.ErrNotFound): // the job was published and cleaned in the meantime
	case err != nil || first.Attempt == a.id:
		return err
	}
	return a.out.Remove(a.ctx, written...)
}

// checkPlan removes what was written if the job was published, and its plan removed, in the meantime.
func (a *attempt) checkPlan(written []string) error {
	_, err := a.out.Stat(a.ctx, a.key.PlanKey())
	if errors.Is(err, store.ErrNotFound) {
		return a.out.Remove(a.ctx, written...)
	}
	return err
}

// maxCommit bounds a commit record.
const maxCommit = 256 << 20

func readCommit(ctx context.Context, b store.Bucket, key string) (*shard.Commit, error) {
	body, err := b.Get(ctx, key, maxCommit)
	if err != nil {
		return nil, err
	}
	c := &shard.Commit{}
	if err := json.Unmarshal(body, c); err != nil {
		return nil, fmt.Errorf("read commit record %s: %w", key, err)
	}
	return c, nil
}

// finalFile is a file of the result on its way to its final key.
type finalFile struct {
	store.Writer
	key  string
	sum  hash.Hash
	size int64
}

func (a *attempt) createFinal(key string) (*finalFile, error) {
	w, err := a.out.NewWriter(a.ctx, key)
	return &finalFile{Writer: w, key: key, sum: sha256.New()}, err
}

func (f *finalFile) Write(p []byte) (int, error) {
	f.sum.Write(p)
	f.size += int64(len(p))
	return f.Writer.Write(p)
}

// finish puts the file under its key. Where an earlier attempt was first, its file must be the same.
func (a *attempt) finish(f *finalFile, rows int64) (*shard.Output, error) {
	made := &shard.Output{Key: f.key, Size: f.size, SHA256: hex.EncodeToString(f.sum.Sum(nil)), Rows: rows}
	_, err := f.Commit()
	if !errors.Is(err, store.ErrExists) {
		return made, err
	}
	there, err := a.sumObject(f.key)
	if err != nil {
		return nil, err
	}
	if there != made.SHA256 {
		return nil, fmt.Errorf("finish %s: %w", f.key, ErrNonDeterministic)
	}
	return made, nil
}

// sumObject returns the SHA-256 of an object in the output.
func (a *attempt) sumObject(key string) (string, error) {
	info, err := a.out.Stat(a.ctx, key)
	if err != nil {
		return "", err
	}
	sum := sha256.New()
	section := io.NewSectionReader(store.Open(a.ctx, a.out, info), 0, info.Size)
	if _, err := io.CopyBuffer(sum, section, make([]byte, 4<<20)); err != nil {
		return "", err
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

// extent opens a byte range of a blob for reading.
func (a *attempt) extent(b shard.Blob, e shard.Extent) func() (io.ReadCloser, error) {
	return func() (io.ReadCloser, error) {
		file := store.Open(a.ctx, a.out, store.Info{Key: b.Key, Size: b.Size})
		return io.NopCloser(newAhead(file, e.Offset, e.Length)), nil
	}
}

// maxAhead is how much of an extent is fetched at a time.
const maxAhead = 1 << 20

// ahead reads a range in requests of up to maxAhead, the first ones smaller, since many extents are.
type ahead struct {
	file *store.File
	off  int64
	rest int64
	buf  []byte
	next int
}

func newAhead(file *store.File, off, length int64) *ahead {
	return &ahead{file: file, off: off, rest: length, next: 64 << 10}
}

func (r *ahead) Read(p []byte) (int, error) {
	if len(r.buf) == 0 {
		if r.rest == 0 {
			return 0, io.EOF
		}
		n := int(min(int64(r.next), r.rest))
		r.next = min(2*r.next, maxAhead)
		r.buf = make([]byte, n)
		if _, err := r.file.ReadAt(r.buf, r.off); err != nil && !errors.Is(err, io.EOF) {
			return 0, err
		}
		r.off += int64(n)
		r.rest -= int64(n)
	}
	n := copy(p, r.buf)
	r.buf = r.buf[n:]
	return n, nil
}
