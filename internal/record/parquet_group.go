package record

import (
	"errors"
	"fmt"
)

// groupPlan is what is read of a row group.
type groupPlan struct {
	rows     int64
	chunks   []chunkMeta // by leaf
	leaves   []int       // needed ones
	cursors  []*cursor   // theirs
	possible [][]bool    // by source and want: what the statistics leave possible
}

// prefetch is a row group that is being fetched while the one before is read.
type prefetch struct {
	group int
	done  chan struct{}
	data  loaded
}

// planGroup decides what to read of a row group.
func (r *parquetReader) planGroup(group int) (plan groupPlan, err error) {
	g := r.groups[group]
	plan.rows = g.rows
	if plan.chunks, err = r.meta.chunks(g, func(leaf int) bool { return r.binder.cursors[leaf] != nil }); err != nil {
		return plan, err
	}
	needed := map[*cursor]bool{r.ip: true, r.domain: true, r.port: true, r.data: true}
	for _, s := range r.sources {
		for _, c := range s.envelope() {
			needed[c] = true
		}
		possible := make([]bool, len(r.wants))
		for want := range r.wants {
			if possible[want] = r.mayHold(s, plan.chunks, want); !possible[want] || s.faults[want] != nil {
				continue
			}
			for _, c := range s.results(want) {
				needed[c] = true
			}
		}
		plan.possible = append(plan.possible, possible)
	}
	for leaf := range r.meta.leaves {
		if c := r.binder.cursors[leaf]; c != nil && needed[c] {
			plan.leaves = append(plan.leaves, leaf)
			plan.cursors = append(plan.cursors, c)
		}
	}
	return plan, plan.check(r)
}

// mayHold says whether a row group may hold records of a want, by the bounds of its protocol column.
func (r *parquetReader) mayHold(s *source, chunks []chunkMeta, want int) bool {
	name := r.wants[want].Protocol
	if name == s.constant {
		return true
	}
	if s.protocol == nil {
		return s.constant == ""
	}
	c := chunks[s.protocol.col.leaf]
	return c.low == nil || c.high == nil || string(c.low) <= name && name <= string(c.high)
}

// possible says whether the row group at hand may hold records of a want in a source.
func (r *parquetReader) possible(s *source, want int) bool {
	for i, known := range r.sources {
		if known == s {
			return r.plan.possible[i][want]
		}
	}
	return false
}

// check refuses chunks that cannot be what they say.
func (p *groupPlan) check(r *parquetReader) error {
	for i, leaf := range p.leaves {
		c, col := p.chunks[leaf], p.cursors[i].col
		if c.start < 4 || c.size < 0 || c.values < 0 || c.size > r.fetch.size || c.start > r.fetch.size-c.size {
			return columnError(col, errors.New("column chunk lies outside the file"))
		}
		if c.values < p.rows || col.rep == 0 && c.values > p.rows {
			return columnError(col, fmt.Errorf("%d values in a row group of %d rows", c.values, p.rows))
		}
	}
	if len(p.leaves) == 0 && p.rows > 0 {
		return errors.New("no column of a record is there")
	}
	return nil
}

// openGroup starts on the next row group, and on fetching the one behind it.
func (r *parquetReader) openGroup() {
	rows := r.groups[r.group].rows
	r.number = r.groups[r.group].number
	r.counts.Lines += rows
	plan, err := r.planGroup(r.group)
	var data loaded
	if err == nil && rows > 0 {
		data = r.take(plan)
		err = data.err
	}
	r.group++
	if err != nil {
		r.row++
		r.left = rows - 1
		if rows > 0 || isFetchError(err) {
			r.lose(err)
		} else {
			r.row--
			r.left = 0
		}
		return
	}
	r.plan, r.left = plan, rows
	for i, leaf := range plan.leaves {
		plan.cursors[i].open(plan.chunks[leaf], data.streams[leaf])
	}
	r.fetchAhead()
}

// take returns a row group's octets, fetched ahead or now.
func (r *parquetReader) take(plan groupPlan) loaded {
	if ahead := r.ahead; ahead != nil {
		<-ahead.done
		r.ahead = nil
		if ahead.group == r.group {
			return ahead.data
		}
	}
	return r.fetch.load(plan.chunks, plan.leaves)
}

// fetchAhead begins to fetch the next row group, if it is not too large to be held besides the one in hand.
func (r *parquetReader) fetchAhead() {
	if r.group >= len(r.groups) || r.ahead != nil {
		return
	}
	plan, err := r.planGroup(r.group)
	if err != nil || plan.rows == 0 || needed(plan.chunks, plan.leaves) > fetchAtOnce {
		return
	}
	ahead := &prefetch{group: r.group, done: make(chan struct{})}
	r.ahead = ahead
	go func() {
		defer close(ahead.done)
		ahead.data = r.fetch.load(plan.chunks, plan.leaves)
	}()
}
