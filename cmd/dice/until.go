package main

import (
	"context"
	"io"
	"time"
)

// until is a writer that takes nothing more when ctx has ended.
type until struct {
	ctx context.Context
	w   io.Writer
}

// Write implements io.Writer.
func (u until) Write(p []byte) (int, error) {
	if err := u.ctx.Err(); err != nil {
		return 0, err
	}
	return u.w.Write(p)
}

// patienceForPipe is how long a command that is to end waits for who reads its output.
const patienceForPipe = time.Second

// orLeave calls what writes to a pipe, and soon leaves it alone when ctx ends: nothing but the end of the process wakes up who is
// writing to a pipe that is full.
func orLeave(ctx context.Context, write func() error) error {
	done := make(chan error, 1)
	go func() { done <- write() }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
	}
	select {
	case err := <-done:
		return err
	case <-time.After(patienceForPipe):
		return ctx.Err()
	}
}
