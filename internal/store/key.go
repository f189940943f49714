package store

import (
	"fmt"
	"io/fs"
	"strings"
)

// maxKey is the longest key, in octets, that S3 takes.
const maxKey = 1024

// checkKey refuses keys that could not be written everywhere or would leave the folder.
func checkKey(key string) error {
	switch {
	case key == "" || key == "." || !fs.ValidPath(key): // ValidPath also asks for UTF-8
		return final(fmt.Errorf("key %q: want slash-separated elements, none of them empty, \".\" or \"..\"", key))
	case strings.ContainsRune(key, 0):
		return final(fmt.Errorf("key %q: it contains a NUL", key))
	case len(key) > maxKey:
		return final(fmt.Errorf("key %.40q…: %d octets are more than %d", key, len(key), maxKey))
	}
	return nil
}

// finalError marks an error as one that a repetition cannot mend.
type finalError struct{ error }

func (e finalError) Unwrap() error { return e.error }

// final marks err so that it is not retried. It keeps the text and what errors.Is finds.
func final(err error) error { return finalError{err} }
