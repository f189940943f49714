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
	"slices"
	"sync/atomic"
	"time"

	"github.com/dice-engine/dice/internal/store"
	"github.com/dice-engine/dice/internal/telemetry"
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
	finals  []string // keys of files of the result that this attempt made visible
	turns   chan struct{}
	hasTurn bool

	at      *place          // what a map task reads
	leftOut []shard.Failure // objects that a map task does without
}

// movement counts what a task has done so far. It is what keeps a lease alive: a task that moves nothing is hung.
type movement struct {
	rows  atomic.Int64
	bytes atomic.Int64
	signs atomic.Int64 // of life while it waits for other tasks of this process, or has a large row in hand
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
	ctx, cancel := a.detached()
	defer cancel()
	err := a.out.Remove(ctx, a.created...)
	a.created = nil
	if len(a.finals) > 0 {
		err = errors.Join(err, a.tidy(ctx, nil))
	}
	if err != nil {
		a.log.Debug("remove files of a failed attempt", telemetry.KeyError, err)
	}
}

// explain turns the failure of an attempt whose job has ended, and its files are removed, into that.
func (a *attempt) explain(err error) error {
	if !errors.Is(err, store.ErrNotFound) {
		return err
	}
	state, unknown := a.standing(a.ctx)
	if unknown != nil || state == running {
		return err
	}
	return state.ended()
}

// cleanTime is how long an attempt that has ended tries to clean up.
const cleanTime = 30 * time.Second

// detached is a context for what has to be done although the attempt may have been told to stop.
func (a *attempt) detached() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(a.ctx), cleanTime)
}

// commit makes the task done, unless another attempt was first; then it removes what this one wrote.
func (a *attempt) commit(c *shard.Commit) error {
	c.Stage, c.Task, c.Attempt, c.ResultVersion = a.stage, a.task, a.id, shard.ResultVersion
	body, err := json.Marshal(c)
	if err != nil {
		return err
	}
	// From here on the record may exist, whatever an error says: what it names must not be discarded, unless the job is
	// over. That is looked at even when this worker has been told to stop.
	written := a.created
	a.created = nil
	key := a.key.CommitKey(a.stage, a.task)
	err = a.out.Create(a.ctx, key, body)
	ctx, cancel := a.detached()
	defer cancel()
	if errors.Is(err, store.ErrExists) {
		return a.yield(ctx, key, written)
	}
	return errors.Join(err, a.tidy(ctx, append(written, key)))
}

// yield leaves a task to the attempt that committed first. That may have been this one, its answer lost.
func (a *attempt) yield(ctx context.Context, key string, written []string) error {
	first, err := readCommit(ctx, a.out, key)
	switch {
	case errors.Is(err, store.ErrNotFound): // the job was published and cleaned, or cancelled, in the meantime
		return a.tidy(ctx, written)
	case err != nil:
		return err
	case first.Attempt == a.id:
		return a.tidy(ctx, append(written, key))
	}
	return a.out.Remove(ctx, written...)
}

// tidy removes what was written if the job has ended in the meantime: it was published and cleaned up, or cancelled, or
// its output is another job's by now. Where nothing of the job is to be seen, that is an error all the same: a worker
// whose output is gone from under it would go on for ever.
func (a *attempt) tidy(ctx context.Context, written []string) error {
	state, err := a.standing(ctx)
	if err != nil || state == running {
		return err
	}
	useless, err := a.uselessFinals(ctx, state)
	if err != nil {
		return err
	}
	err = a.out.Remove(ctx, append(written, useless...)...)
	if err == nil && state == unseen {
		err = fmt.Errorf("look for job %s in %s: %w", a.key, a.out.URL(), errBlind)
	}
	return err
}

// uselessFinals returns the files of the result that this attempt may have made and that nobody wants any more. Where the
// output is another job's, that may have found one of them and taken it for its own, as it is the same.
func (a *attempt) uselessFinals(ctx context.Context, state standing) ([]string, error) {
	if len(a.finals) == 0 || state == published {
		return nil, nil
	}
	if state == cancelled || state == unseen {
		return a.finals, nil
	}
	m, err := readManifest(ctx, a.out)
	if err != nil || m == nil { // who publishes there removes what is not theirs
		return nil, err
	}
	return slices.DeleteFunc(slices.Clone(a.finals), func(key string) bool {
		return slices.ContainsFunc(m.Outputs, func(o shard.Output) bool { return o.Key == key })
	}), nil
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
	if err != nil {
		return nil, err
	}
	return &finalFile{Writer: w, key: key, sum: sha256.New()}, nil
}

func (f *finalFile) Write(p []byte) (int, error) {
	f.sum.Write(p)
	f.size += int64(len(p))
	return f.Writer.Write(p)
}

// finish puts the file under its key. Where an earlier attempt was first, its file must be the same.
func (a *attempt) finish(f *finalFile, rows int64) (*shard.Output, error) {
	made := &shard.Output{Key: f.key, Size: f.size, SHA256: hex.EncodeToString(f.sum.Sum(nil)), Rows: rows}
	state, err := a.standing(a.ctx)
	if err != nil {
		return nil, err
	}
	if state != running {
		return nil, state.ended()
	}
	a.finals = append(a.finals, f.key) // it may come about, whatever an error says
	_, err = f.Commit()
	if !errors.Is(err, store.ErrExists) {
		return made, err
	}
	for range readings {
		there, err := a.sumObject(f.key)
		if err != nil {
			return nil, err
		}
		if there == made.SHA256 {
			return made, nil
		}
	}
	return nil, fmt.Errorf("finish %s: %w", f.key, ErrNonDeterministic)
}

// readings is how often a file is read before it is called different: octets may change on their way.
const readings = 3

// sumObject returns the SHA-256 of an object in the output.
func (a *attempt) sumObject(key string) (string, error) {
	info, err := a.out.Stat(a.ctx, key)
	if err != nil {
		return "", err
	}
	sum := sha256.New()
	section := io.NewSectionReader(store.Open(a.ctx, a.out, info), 0, info.Size)
	if _, err := io.CopyBuffer(countedWriter{sum, a.moved}, section, make([]byte, 4<<20)); err != nil {
		return "", err
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

// countedWriter notes that what passes moves.
type countedWriter struct {
	io.Writer
	moved *movement
}

func (w countedWriter) Write(p []byte) (int, error) {
	w.moved.bytes.Add(int64(len(p)))
	return w.Writer.Write(p)
}

// extent opens a byte range of a blob for reading.
func (a *attempt) extent(b shard.Blob, e shard.Extent) func() (io.ReadCloser, error) {
	return func() (io.ReadCloser, error) {
		file := store.Open(a.ctx, a.out, store.Info{Key: b.Key, Size: b.Size})
		return newAhead(file, e.Offset, e.Length), nil
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

// Name tells errors what is read.
func (r *ahead) Name() string { return r.file.Info.Key }

// Close implements io.Closer. There is nothing to be closed.
func (r *ahead) Close() error { return nil }

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
