package record

import (
	"context"
	"errors"
	"fmt"
	"io"
)

// ErrNoStream is in the chain of the error of an object that is not to be unpacked as a whole: it is not compressed,
// consists of members that can be read each for itself, or is damaged.
var ErrNoStream = errors.New("no stream")

// unpackOctets is how much text is handed on at a time.
const unpackOctets = 256 << 10

// Unpack writes the text of a compressed object whose first member reaches beyond the offset first. Doubt says that octets
// which changed on their way here would not have been noticed, or may be the reason of the error. An error without
// ErrNoStream is the store's, or that of w, which may return ErrNoStream as well.
func Unpack(ctx context.Context, obj Object, first int64, w io.Writer) (doubt bool, err error) {
	f, err := detect(obj)
	switch {
	case err != nil:
		return false, err
	case f != gzipLines && f != zstdLines:
		return false, fmt.Errorf("%w: it is not compressed", ErrNoStream)
	}
	m := newMembers(ctx, obj, 0, obj.Size, f)
	defer m.close()
	buffer := make([]byte, unpackOctets)
	for {
		n, err := m.Read(buffer)
		switch {
		case m.failure() != nil:
			return false, m.failure()
		case m.ended > 0 && m.ended <= first:
			return !m.member.checked(), fmt.Errorf("%w: its first member ends at %d", ErrNoStream, m.ended)
		}
		if _, err := w.Write(buffer[:n]); err != nil {
			return errors.Is(err, ErrNoStream), err
		}
		if err == io.EOF {
			return !m.member.checked(), nil
		}
		if err != nil {
			return true, fmt.Errorf("%w: %w", ErrNoStream, err)
		}
	}
}
