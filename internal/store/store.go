// Package store is the door to object storage: S3 and its kin, or a local folder, behind one small interface.
//
// All state of a job lives in a store, so its promises are the ones that the job's correctness rests on: an object
// becomes visible whole or not at all, and of several writers of one key exactly one wins.
package store

import (
	"context"
	"errors"
	"io"
	"time"
)

// Errors that callers decide on. Every other error is the store's trouble and was retried already.
var (
	// ErrNotFound: there is no such object.
	ErrNotFound = errors.New("object not found")
	// ErrExists: the key was taken when a new object should have become visible under it.
	ErrExists = errors.New("object exists already")
	// ErrChanged: the object is no longer the one whose ETag was given. A job whose input changes must start anew.
	ErrChanged = errors.New("object changed since it was listed")
	// ErrDenied: credentials are missing or wrong, or lack the right; the message says which.
	ErrDenied = errors.New("access denied")
	// ErrNoBucket: the bucket (or the local folder of an input) is not there.
	ErrNoBucket = errors.New("no such bucket")
)

// Info describes an object.
type Info struct {
	Key      string // below the bucket's prefix
	Size     int64
	ETag     string    // of a local file: its size and modification time
	Modified time.Time // when it was written; only List tells

	// Fault is why a file cannot be opened, or, where the key ends in a slash, why a folder cannot be listed. Only List of a
	// local folder tells, as it is no fault of the listing if nobody wants what is there.
	Fault error
}

// Bucket is a place for objects: a bucket below a prefix, or a folder. Keys are slash-separated, relative, without
// empty, "." or ".." elements. It is safe for concurrent use. Errors name the object and the attempted action.
type Bucket interface {
	// List calls each for every object whose key begins with prefix, in bytewise order of keys. It stops at an error
	// of each and returns it. Objects that are being written do not show.
	List(ctx context.Context, prefix string, each func(Info) error) error
	// Stat tells size and ETag of an object, or ErrNotFound.
	Stat(ctx context.Context, key string) (Info, error)
	// ReadAt fills p from offset off of the object with that ETag (empty: any): one request. It returns ErrChanged
	// when the object has another one, and io.ErrUnexpectedEOF when the object ends before p is full. MinIO sends no
	// checksum with a range, and S3 seldom one: over plain HTTP, content that must not be damaged carries its own.
	ReadAt(ctx context.Context, key, etag string, p []byte, off int64) error
	// Get returns a small object whole. One over max octets is an error. What was made by one request comes with a
	// checksum, so that damage is noticed.
	Get(ctx context.Context, key string, max int64) ([]byte, error)
	// Create makes a small object if the key is free, else returns ErrExists. An answer that got lost may make an
	// own success look like ErrExists: callers compare the content where it matters.
	Create(ctx context.Context, key string, body []byte) error
	// NewWriter starts a new object of any size. ctx bounds the whole writing.
	NewWriter(ctx context.Context, key string) (Writer, error)
	// Remove removes objects. Keys that are not there are no error.
	Remove(ctx context.Context, keys ...string) error
	// URL names the place without credentials, as the user gave it.
	URL() string
}

// Writer writes one new object, which becomes visible at Commit or not at all.
type Writer interface {
	io.Writer
	// Commit makes the object visible if the key is free, else returns ErrExists. Like Create, it may see its own
	// earlier success as ErrExists.
	Commit() (Info, error)
	// Abort drops what was written. After Commit it does nothing.
	Abort() error
}

// File is an object opened for reading at one ETag: an io.ReaderAt that sends one request per call.
type File struct {
	Bucket Bucket
	Info   Info
	ctx    context.Context
}

// Open binds an object and a context to an io.ReaderAt. It sends no request.
func Open(ctx context.Context, b Bucket, info Info) *File {
	return &File{Bucket: b, Info: info, ctx: ctx}
}

// ReadAt implements io.ReaderAt.
func (f *File) ReadAt(p []byte, off int64) (int, error) {
	short := false
	if rest := f.Info.Size - off; int64(len(p)) > rest {
		if rest <= 0 {
			return 0, io.EOF
		}
		p, short = p[:rest], true
	}
	if err := f.Bucket.ReadAt(f.ctx, f.Info.Key, f.Info.ETag, p, off); err != nil {
		return 0, err
	}
	if short {
		return len(p), io.EOF
	}
	return len(p), nil
}
