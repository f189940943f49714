package record

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"

	"github.com/dice-engine/dice/internal/grow"
	"github.com/dice-engine/dice/internal/tape"
)

// parquetReader reads the records of a Parquet file's row groups. One cursor per needed leaf column walks through the
// entries, and the tapes are appended in one pass; see cursor, bound and emitter.
type parquetReader struct {
	object string
	fetch  *fetcher
	limits Limits
	meta   *fileMeta
	wants  []Want
	known  map[string]int
	binder binder
	shop   *workshop
	parser *jsonParser // of data and results that are JSON text

	ip, domain, port *cursor
	data             *cursor // all records of a row as JSON text
	sources          []*source

	groups  []groupMeta // of the slice
	group   int         // the next one
	number  int64       // of the one at hand
	ahead   *prefetch
	plan    groupPlan
	left    int64 // rows of the row group that are not read
	row     int64 // physical row in the slice
	queue   []outcome
	next    int // in queue
	counts  Counts
	pending *RowError
	failed  error
	detach  func() bool // from that context

	rowLost bool // the row at hand is rejected as a whole
}

// outcome is a record or the reason why there is none.
type outcome struct {
	row Row
	err *RowError
}

// openParquet reads scan records. What is wrong with the data comes from Next.
func openParquet(ctx context.Context, obj Object, s Slice, wants []Want, lim Limits) (Reader, error) {
	return openParquetFile(ctx, obj, s, wants, lim, (*parquetReader).bindScan)
}

// openParquetTable reads a table whose top-level columns are the fields of shape. Every row is a record of Want 0.
func openParquetTable(ctx context.Context, obj Object, s Slice, shape *tape.Shape, lim Limits) (Reader, error) {
	return openParquetFile(ctx, obj, s, []Want{{Result: shape}}, lim, (*parquetReader).bindTable)
}

func newParquetReader(ctx context.Context, obj Object, wants []Want, lim Limits) *parquetReader {
	r := &parquetReader{
		object: obj.Name, limits: lim, wants: wants, known: map[string]int{},
		fetch: &fetcher{ctx: ctx, from: obj, size: obj.Size}, shop: newWorkshop(lim, obj.Size),
	}
	r.shop.onLarge = obj.OnLarge
	r.binder = binder{shop: r.shop, cursors: map[int]*cursor{}}
	r.detach = context.AfterFunc(ctx, func() { r.shop.ended.Store(true) })
	for i, want := range wants {
		r.known[want.Protocol] = i
	}
	return r
}

func openParquetFile(ctx context.Context, obj Object, s Slice, wants []Want, lim Limits, bind func(*parquetReader) error) (Reader, error) {
	r := newParquetReader(ctx, obj, wants, lim)
	err := r.open(s, bind)
	if isFetchError(err) {
		return nil, fmt.Errorf("open %s: %w", obj.Name, err)
	}
	if err != nil {
		r.rejectAll(err)
	}
	return r, nil
}

// open reads the footer and binds the columns. A fault of the data is a panic at worst, and then an error like others.
func (r *parquetReader) open(s Slice, bind func(*parquetReader) error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("decode footer: %v", p)
		}
	}()
	if r.meta, err = readFooter(r.fetch, r.limits); err != nil {
		return err
	}
	for _, g := range r.meta.groups {
		if s.From <= g.start && g.start < s.To {
			r.groups = append(r.groups, g)
		}
	}
	if err := bind(r); err != nil {
		return err
	}
	return r.checkOnlyWant()
}

// rejectAll makes the whole slice one reject.
func (r *parquetReader) rejectAll(err error) {
	rows := int64(0)
	for _, g := range r.groups {
		rows += g.rows
	}
	r.counts.Lines, r.counts.Rejected = rows, rows
	r.pending = &RowError{Object: r.object, Rows: rows, Member: -1, Want: Other, Err: err}
	if r.meta != nil && rows == 0 {
		r.pending = nil // nothing of it is in this slice
	}
	r.groups = nil
}

// checkOnlyWant fails where every record of the slice is of one protocol whose columns cannot be read.
func (r *parquetReader) checkOnlyWant() error {
	possible := make([]bool, len(r.wants))
	for i := range r.groups {
		plan, err := r.planGroup(i)
		if err != nil {
			continue // the row group will be rejected when it is its turn
		}
		for _, s := range plan.possible {
			for want, is := range s {
				possible[want] = possible[want] || is
			}
		}
	}
	if len(r.sources) != 1 || !only(possible) {
		return nil
	}
	return r.sources[0].faults[slices.Index(possible, true)]
}

func only(flags []bool) bool {
	n := 0
	for _, flag := range flags {
		if flag {
			n++
		}
	}
	return n == 1
}

func (r *parquetReader) Counts() Counts {
	counts := r.counts
	counts.Bytes = r.fetch.octets.Load()
	return counts
}

// At implements Reader.
func (r *parquetReader) At() (group, row int64) { return r.number, r.row }

func (r *parquetReader) Close() error {
	r.detach()
	if r.ahead != nil {
		<-r.ahead.done
		r.ahead = nil
	}
	r.shop.inflater.close()
	return nil
}

func (r *parquetReader) wantOf(protocol []byte) int {
	if want, ok := r.known[string(protocol)]; ok {
		return want
	}
	return Other
}

// Next returns the next record.
func (r *parquetReader) Next() (*Row, error) {
	for r.failed == nil {
		if reject := r.pending; reject != nil {
			r.pending = nil
			return nil, reject
		}
		switch {
		case r.next < len(r.queue):
			o := &r.queue[r.next]
			r.next++
			if o.err != nil {
				return nil, o.err
			}
			return &o.row, nil
		case r.left > 0:
			r.readRow()
		case r.group < len(r.groups):
			r.openGroup()
		default:
			return nil, io.EOF
		}
	}
	return nil, r.failed
}

// readRow reads all records of the next row into the queue.
func (r *parquetReader) readRow() {
	clear(r.queue) // it holds on to pages
	r.queue, r.next, r.rowLost = r.queue[:0], 0, false
	r.row++
	r.left--
	top := host{ip: textOf(r.ip), domain: textOf(r.domain)}
	if r.data != nil {
		r.readData(top)
	} else {
		r.readSources(top)
	}
	err := r.settle()
	if r.shop.ended.Load() { // even a file of few rows may take long
		r.queue, r.failed = r.queue[:0], cmp.Or(r.shop.refused, context.Cause(r.fetch.ctx))
		return
	}
	if err != nil {
		r.lose(err)
		return
	}
	switch {
	case r.rowLost:
		r.counts.Rejected++
	case len(r.queue) == 0:
		r.counts.Empty++
	default:
		r.counts.WithRecords++
	}
}

// host is what all records of a row have in common.
type host struct{ ip, domain []byte }

// textOf is the text at hand of a column that does not repeat, or nil.
func textOf(c *cursor) []byte {
	if c != nil && c.present() {
		return c.bytes()
	}
	return nil
}

func (r *parquetReader) readSources(top host) {
	port, portErr := portOf(r.port)
	if most := int64(max(len(top.ip), len(top.domain))); most > r.limits.Field {
		portErr = fmt.Errorf("ip or domain of %d octets: %w", most, ErrLimit)
	}
	for _, s := range r.sources {
		if s.absent() {
			continue
		}
		o := r.enqueue(top, port)
		err := s.read(r, &o.row)
		if err == nil && o.row.Want != Other {
			err = portErr
		}
		if err != nil {
			r.reject(o, err, s.rejected())
		}
	}
}

// enqueue makes room for another record of the row at hand, which is to be filled in.
func (r *parquetReader) enqueue(top host, port int64) *outcome {
	n := len(r.queue)
	r.queue = grow.By(r.queue, 1)
	o := &r.queue[n]
	*o = outcome{row: Row{Row: r.row, Member: n, IP: top.ip, Domain: top.domain, Port: port}}
	return o
}

// reject puts in a record's place the reason why there is none.
func (r *parquetReader) reject(o *outcome, err error, content []byte) {
	o.err = &RowError{
		Object: r.object, Row: o.row.Row, Member: o.row.Member, Want: o.row.Want, IP: o.row.IP, Content: r.excerpt(content), Err: err,
	}
}

// settle brings every cursor to the next row.
func (r *parquetReader) settle() error {
	rows := r.plan.rows - r.left
	for _, c := range r.plan.cursors {
		if c.settled(rows) {
			continue
		}
		if err := c.settle(rows); err != nil {
			return columnError(c.col, err)
		}
	}
	return nil
}

func columnError(col *column, err error) error {
	return fmt.Errorf("column %s: %w", col.path(), err)
}

// lose rejects the rest of the row group, from the row at hand on.
func (r *parquetReader) lose(err error) {
	r.queue = r.queue[:0]
	if isFetchError(err) {
		r.failed = fmt.Errorf("read %s: %w", r.object, err)
		return
	}
	lost := r.left + 1
	r.counts.Rejected += lost
	r.pending = &RowError{Object: r.object, Row: r.row, Rows: lost, Member: -1, Want: Other, Err: err}
	r.row += r.left
	r.left = 0
}
