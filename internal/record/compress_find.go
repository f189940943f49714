package record

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
)

// How a member is looked for.
const (
	searchOctets = 1 << 20
	proofOctets  = 64 << 10 // of text that must decompress
	longestMagic = 4
)

// findMember returns the offset of the first member that starts in a slice, -1 if none does. The octets of a member's
// magic may stand anywhere, so what looks like a start is proved by decompressing a stretch.
func findMember(ctx context.Context, obj Object, s Slice, f objectFormat) (at, fetched int64, err error) {
	magic, plausible := gzipMagic, startsGzip
	if f == zstdLines {
		magic, plausible = zstdMagic, func([]byte) bool { return true }
	}
	buffer := make([]byte, min(searchOctets, s.To-s.From)+longestMagic)
	to := min(s.To, obj.Size)
	for from := s.From; from < to; from += searchOctets {
		if ctx.Err() != nil {
			return -1, fetched, context.Cause(ctx)
		}
		size := min(int64(len(buffer)), obj.Size-from, to-from+longestMagic)
		n, err := obj.ReadAt(buffer[:size], from)
		fetched += int64(n)
		if int64(n) < size {
			return -1, fetched, fmt.Errorf("read %s at offset %d: %w", obj.Name, from, cutOff(err))
		}
		for i := 0; ; i++ {
			found := bytes.Index(buffer[i:size], magic)
			if found < 0 {
				break
			}
			i += found
			at := from + int64(i)
			if at >= to || i >= searchOctets || i+longestMagic > int(size) {
				break
			}
			if !plausible(buffer[i:]) {
				continue
			}
			ok, octets, err := proveMember(ctx, obj, at, f)
			fetched += octets
			if ok || err != nil {
				return at, fetched, err
			}
		}
	}
	return -1, fetched, nil
}

// proveMember says whether a member starts at an offset: a stretch of it, or all of it, decompresses. A member that the
// end of the object cuts off is one too.
func proveMember(ctx context.Context, obj Object, at int64, f objectFormat) (ok bool, fetched int64, err error) {
	m := newMembers(ctx, obj, at, at, f)
	defer m.close()
	if err = m.member.next(m.in); err == nil {
		_, err = io.CopyN(io.Discard, m.member, proofOctets)
	}
	if m.failure() != nil {
		return false, m.fetched, m.failure()
	}
	return err == nil || errors.Is(err, io.EOF) || m.cutOff(err), m.fetched, nil
}
