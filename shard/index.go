package shard

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// Index is a stage's result: the winning commits by task. It is stored as JSON lines in gzip, a commit a line, so that a
// coordinator need not hold the commits, however many there are; gzip's checksum tells of damage.
type Index struct {
	Commits []Commit
	IndexEnd
}

// IndexEnd is the last line of an index.
type IndexEnd struct {
	Tasks      int         `json:"tasks"`
	Skipped    []int       `json:"skipped,omitempty"`    // of map: the inputs that are left out, in order
	Partitions []Partition `json:"partitions,omitempty"` // of map: the write tasks
}

// Partition is the work of one write task: the records of a protocol in a run of shards.
type Partition struct {
	Protocol int `json:"protocol"` // place in Options.Signatures; one past the end: the rejects
	From     int `json:"from"`     // shards [From, To)
	To       int `json:"to"`
	Part     int `json:"part"` // number of the part in its table
}

// indexLine is a line of an index: one of the two.
type indexLine struct {
	Commit *Commit   `json:"commit,omitempty"`
	End    *IndexEnd `json:"end,omitempty"`
}

// IndexWriter makes the body of an index.
type IndexWriter struct {
	body       bytes.Buffer
	compressor *gzip.Writer
	lines      *json.Encoder
}

// NewIndexWriter begins an index.
func NewIndexWriter() *IndexWriter {
	w := &IndexWriter{}
	w.compressor, _ = gzip.NewWriterLevel(&w.body, gzip.BestSpeed) // an error would mean that there is no such level
	w.lines = json.NewEncoder(w.compressor)
	return w
}

// Add appends the commit of the next task.
func (w *IndexWriter) Add(c *Commit) error { return w.lines.Encode(indexLine{Commit: c}) }

// End completes the index and returns its body.
func (w *IndexWriter) End(end IndexEnd) ([]byte, error) {
	err := errors.Join(w.lines.Encode(indexLine{End: &end}), w.compressor.Close())
	return w.body.Bytes(), err
}

// ReadIndex returns an index whole.
func ReadIndex(body []byte) (*Index, error) {
	index := &Index{}
	end, err := ScanIndex(body, func(c *Commit) error {
		index.Commits = append(index.Commits, *c)
		return nil
	})
	index.IndexEnd = end
	return index, err
}

// maxIndex is how many octets of JSON an index may hold: hundreds of thousands of commits, of a few KB each, or some ten
// thousands of shards of a thousand objects each.
const maxIndex = 4 << 30

// ScanIndex calls each for every commit of an index, in the order of tasks, and returns the index's end. Nothing is called
// for an index that is damaged.
func ScanIndex(body []byte, each func(*Commit) error) (IndexEnd, error) {
	content, err := gzip.NewReader(bytes.NewReader(body))
	if err == nil {
		_, err = io.Copy(io.Discard, io.LimitReader(content, maxIndex)) // which compares the checksum
	}
	if err == nil {
		err = content.Reset(bytes.NewReader(body))
	}
	if err != nil {
		return IndexEnd{}, fmt.Errorf("read index: %w", err)
	}
	lines := json.NewDecoder(io.LimitReader(content, maxIndex))
	for tasks := 0; ; tasks++ {
		var line indexLine
		if err := lines.Decode(&line); err != nil {
			return IndexEnd{}, fmt.Errorf("read index, line %d: %w", tasks+1, noEnd(err))
		}
		switch {
		case line.Commit != nil:
			if err := each(line.Commit); err != nil {
				return IndexEnd{}, err
			}
		case line.End == nil || line.End.Tasks != tasks:
			return IndexEnd{}, fmt.Errorf("read index: %d commits, and they are not all", tasks)
		default:
			if _, err := lines.Token(); err != io.EOF {
				return IndexEnd{}, errors.New("read index: there is more after its end")
			}
			return *line.End, nil
		}
	}
}

// noEnd makes the end of a stream an error.
func noEnd(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// layout lays out the write tasks from what map counted: for each protocol, and for the rejects, runs of consecutive
// shards that carry about rows records. Shards without a record past the filter take part in none.
type layout struct {
	rows int64
	open []openRun // by protocol, the rejects last
}

// openRun is the last run of a protocol, and those before it.
type openRun struct {
	runs []Partition
	size int64 // records of the last one
}

func newLayout(protocols int, rows int64) *layout {
	return &layout{rows: rows, open: make([]openRun, protocols+1)}
}

// add takes the next shard; m is nil where there is nothing of it.
func (l *layout) add(shard int, m *MapResult) {
	for p := range l.open {
		carried, concerned := weight(m, p, len(l.open)-1)
		if !concerned {
			continue
		}
		o := &l.open[p]
		if len(o.runs) == 0 || o.size+carried > l.rows && o.size > 0 {
			o.runs = append(o.runs, Partition{Protocol: p, From: shard, Part: len(o.runs)})
			o.size = 0
		}
		o.runs[len(o.runs)-1].To = shard + 1
		o.size += carried
	}
}

// partitions returns the runs by protocol, then by shard.
func (l *layout) partitions() []Partition {
	var all []Partition
	for _, o := range l.open {
		all = append(all, o.runs...)
	}
	return all
}

// weight returns how many records of a protocol (or rejects) a shard carries, and whether write has to look at it.
func weight(m *MapResult, protocol, protocols int) (carried int64, concerned bool) {
	switch {
	case m == nil:
		return 0, false
	case protocol == protocols:
		return m.Rejects, m.Rejects > 0
	case len(m.Protocols) == 0:
		return 0, false
	}
	return m.Protocols[protocol].Carried, m.Protocols[protocol].Kept > 0
}
