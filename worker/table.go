package worker

import (
	"fmt"

	"github.com/dice-engine/dice/internal/record"
	"github.com/dice-engine/dice/internal/tape"
	"github.com/dice-engine/dice/shard"
)

// tableWriter writes one part of a table, if it gets any row.
type tableWriter struct {
	*attempt
	key   string
	shape *tape.Shape
	file  *finalFile
	rows  *record.Writer
}

func (t *tableWriter) write(row []byte) error {
	if err := t.open(); err != nil {
		return err
	}
	return t.rows.Write(row)
}

// open makes the part, the first time.
func (t *tableWriter) open() (err error) {
	if t.rows != nil {
		return nil
	}
	if t.file, err = t.createFinal(t.key); err != nil {
		return err
	}
	t.rows, err = record.NewWriter(t.file, t.shape, record.WriterOptions{})
	return err
}

// finish completes the part. It returns nil when there was no row.
func (t *tableWriter) finish() (*shard.Output, error) {
	if t.rows == nil {
		return nil, nil
	}
	if err := t.rows.Close(); err != nil {
		return nil, fmt.Errorf("write %s: %w", t.key, err)
	}
	return t.attempt.finish(t.file, t.rows.Rows())
}

func (t *tableWriter) abort() {
	if t.file != nil {
		t.file.Abort()
	}
}
