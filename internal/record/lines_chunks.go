package record

import (
	"context"
	"errors"
	"fmt"
	"io"
)

// How much of an object is fetched at once.
const (
	PieceOctets = 4 << 20  // of lines
	tailOctets  = 64 << 10 // past the end of a slice, where its last line may end
	needOctets  = 256 << 10
)

// chunks reads an object forward from some offset in large pieces. Inside its slice it fetches one piece ahead. Behind
// it, it fetches what is asked for in growing pieces, and ahead again once they are large.
type chunks struct {
	ctx     context.Context
	obj     Object
	to      int64 // end of the slice
	next    int64 // offset of the next piece to fetch
	step    int64 // size of the next piece behind the slice
	rest    []byte
	buffers [2][]byte // one for the piece at hand, one for the next
	other   int       // index of the buffer for the next piece
	coming  chan piece
	waiting bool
	fetched int64
	err     error // of the store; the end of the object is none
}

// piece is the outcome of one fetch.
type piece struct {
	data []byte
	err  error
}

func newChunks(ctx context.Context, obj Object, from, to int64) *chunks {
	return &chunks{ctx: ctx, obj: obj, to: min(to, obj.Size), next: from, step: needOctets, coming: make(chan piece, 1)}
}

// Read reads on. After an error of the store it returns that.
func (c *chunks) Read(p []byte) (int, error) {
	for len(c.rest) == 0 {
		if c.err != nil {
			return 0, c.err
		}
		if !c.waiting && c.next >= c.obj.Size {
			return 0, io.EOF
		}
		c.turn()
	}
	n := copy(p, c.rest)
	c.rest = c.rest[n:]
	return n, nil
}

// turn makes the next piece the one at hand, and starts to fetch the one after it where that will be needed.
func (c *chunks) turn() {
	if !c.waiting {
		c.start()
	}
	got := <-c.coming
	c.waiting = false
	if got.err != nil {
		c.err = got.err
		return
	}
	c.rest = got.data
	if c.next < c.obj.Size && (c.next < c.to || c.step == PieceOctets) {
		c.start()
	}
}

// start fetches the next piece in a goroutine, which turn or close waits for.
func (c *chunks) start() {
	size := c.size()
	if int64(cap(c.buffers[c.other])) < size {
		c.buffers[c.other] = make([]byte, size)
	}
	buffer := c.buffers[c.other][:size]
	c.other = 1 - c.other
	at := c.next
	c.next += size
	c.fetched += size
	c.waiting = true
	go func() { c.coming <- c.fetch(buffer, at) }()
}

func (c *chunks) size() int64 {
	size := c.step
	if c.next < c.to {
		size = min(PieceOctets, c.to-c.next)
		if c.next+size == c.to {
			size += tailOctets
		}
	} else {
		c.step = min(4*c.step, PieceOctets)
	}
	return min(size, c.obj.Size-c.next)
}

func (c *chunks) fetch(buffer []byte, at int64) piece {
	if c.ctx.Err() != nil {
		return piece{err: context.Cause(c.ctx)}
	}
	n, err := c.obj.ReadAt(buffer, at)
	if n == len(buffer) {
		return piece{data: buffer}
	}
	if err == nil || errors.Is(err, io.EOF) {
		err = fmt.Errorf("object ends before its %d octets: %w", c.obj.Size, io.ErrUnexpectedEOF)
	}
	return piece{err: fmt.Errorf("read %s at offset %d: %w", c.obj.Name, at, err)}
}

// close waits for a fetch that is under way.
func (c *chunks) close() {
	if c.waiting {
		<-c.coming
		c.waiting = false
	}
}
