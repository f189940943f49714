package record

import (
	"context"
	"slices"
)

// foreseeParquet asks the reader itself which columns of which row groups it would fetch.
func foreseeParquet(ctx context.Context, obj Object, slices []Slice, wants []Want, lim Limits, bind func(*parquetReader) error) (*Forecast, error) {
	r := newParquetReader(ctx, obj, wants, lim)
	defer r.Close()
	if err := r.open(Slice{To: obj.Size}, bind); err != nil {
		return nil, err
	}
	c := &Forecast{Form: FormParquet, Counted: true, Slices: make([]SliceForecast, len(slices))}
	for i := range c.Slices {
		c.Slices[i].Records = make([]float64, len(wants))
	}
	footer := r.fetch.fetching(span{r.fetch.size - footerEnd - int64(len(r.meta.footer)), r.fetch.size - footerEnd}, fetchPiece)
	c.open(Fetch{1 + footer.Requests, int64(len(r.fetch.tail)) + footer.Octets})
	for i, g := range r.groups {
		s := sliceOf(slices, g.start)
		if s < 0 || g.rows == 0 {
			continue
		}
		plan, err := r.planGroup(i)
		if err != nil {
			return nil, err
		}
		of := &c.Slices[s]
		f := r.fetch.loading(plan.chunks, plan.leaves)
		of.Requests += f.Requests
		of.Octets += f.Octets
		of.Rows += float64(g.rows)
		r.share(plan, of)
	}
	return c, nil
}

// sliceOf finds the slice that an offset lies in, -1 if none.
func sliceOf(all []Slice, at int64) int {
	return slices.IndexFunc(all, func(s Slice) bool { return s.From <= at && at < s.To })
}

// share divides the records of a row group among the wants that it may hold.
func (r *parquetReader) share(plan groupPlan, of *SliceForecast) {
	if r.data != nil || len(plan.possible) == 0 {
		divide(of, float64(plan.rows), nil)
		return
	}
	for i, s := range r.sources {
		divide(of, s.records(plan, len(r.sources)), plan.possible[i])
	}
}

// divide gives each possible want an equal part; nil are all.
func divide(of *SliceForecast, records float64, possible []bool) {
	n := 0
	for want := range of.Records {
		if possible == nil || possible[want] {
			n++
		}
	}
	if n == 0 {
		of.Other += records
		return
	}
	for want := range of.Records {
		if possible == nil || possible[want] {
			of.Records[want] += records / float64(n)
		}
	}
}

// records is how many rows of a row group hold a record of the source: those whose status, or else whose protocol, is
// not null. Where the file does not count nulls, a row is taken to hold one record of so many sources.
func (s *source) records(plan groupPlan, sources int) float64 {
	for _, c := range []*cursor{s.status, s.protocol} {
		if c == nil {
			continue
		}
		if nulls := plan.chunks[c.col.leaf].nulls; nulls >= 0 && nulls <= plan.rows && sources > 1 {
			return float64(plan.rows - nulls)
		}
	}
	return float64(plan.rows) / float64(sources)
}

// loading is what load will fetch, at once or piece by piece.
func (f *fetcher) loading(chunks []chunkMeta, leaves []int) (sum Fetch) {
	window := windowOf(chunks, leaves)
	var small []span
	add := func(s span, piece int64) {
		one := f.fetching(s, piece)
		sum.Requests += one.Requests
		sum.Octets += one.Octets
	}
	for _, leaf := range leaves {
		c := span{chunks[leaf].start, chunks[leaf].start + chunks[leaf].size}
		if chunks[leaf].size <= window {
			small = append(small, c)
		} else {
			add(c, window)
		}
	}
	for _, s := range coalesce(small) {
		add(s, fetchPiece)
	}
	return sum
}

// fetching is what reading a range in pieces takes, but for what lies in the tail that is at hand.
func (f *fetcher) fetching(s span, piece int64) Fetch {
	return pieces(min(s.to, f.size-int64(len(f.tail)))-s.from, piece)
}
