package survey

import (
	"math"
	"path"

	"github.com/dice-engine/dice/internal/estimate"
	"github.com/dice-engine/dice/internal/record"
	"github.com/dice-engine/dice/shard"
)

// object is an input of a plan, and what was seen of it.
type object struct {
	shard.Input
	side     bool
	slices   []record.Slice // that the shards read of it, in order
	stream   bool           // it is unpacked first, if it is in one piece
	looked   bool
	forecast *record.Forecast // nil: not looked at, or not readable
	fault    error
}

func objectsOf(plan *shard.Plan) []object {
	objects := make([]object, len(plan.Inputs))
	for i, in := range plan.Inputs {
		objects[i].Input = in
	}
	for _, i := range plan.Streams {
		objects[i].stream = true
	}
	for _, s := range plan.Shards {
		for _, slice := range s.Slices {
			o := &objects[slice.Input]
			o.side = s.Side
			o.slices = append(o.slices, record.Slice{From: slice.From, To: slice.To})
		}
	}
	return objects
}

// choose returns the objects to look at: all scans and all side tables, or limit of each. Those are spread evenly over
// the octets, so that large objects are among them, and small ones stand for their neighbours.
func choose(objects []object, limit int) (chosen []int) {
	for _, side := range []bool{false, true} {
		var list []int
		for i := range objects {
			if objects[i].side == side {
				list = append(list, i)
			}
		}
		for n := limit; n > 0 && len(list) > 0; {
			var some []int
			some, list = spread(objects, list, n)
			chosen = append(chosen, some...)
			n -= len(some)
		}
	}
	return chosen
}

// spread chooses n of a list, fewer where a large object takes the place of several, and returns the others as well.
func spread(objects []object, list []int, n int) (chosen, rest []int) {
	if len(list) <= n {
		return list, nil
	}
	total := float64(0)
	for _, i := range list {
		total += float64(objects[i].Size) + 1
	}
	passed, marks := float64(0), 0
	for _, i := range list {
		passed += float64(objects[i].Size) + 1
		before := marks
		for marks < n && (float64(marks)+0.5)*total/float64(n) < passed {
			marks++
		}
		if marks > before {
			chosen = append(chosen, i)
		} else {
			rest = append(rest, i)
		}
	}
	return chosen, rest
}

// find puts together what was seen.
func find(plan *shard.Plan, objects []object, wants int) *Findings {
	f := &Findings{Shards: make([]estimate.Shard, len(plan.Shards)), Counted: true}
	for i := range objects {
		o := &objects[i]
		seen := o.forecast != nil
		f.Counted = f.Counted && (o.side || seen && o.forecast.Counted)
		if o.looked {
			f.Looked++
		}
		if o.fault != nil {
			f.Faults = append(f.Faults, Fault{o.URL, o.fault})
		}
		if seen && o.forecast.Whole && !o.unpacked() {
			f.Whole = append(f.Whole, o.URL)
		}
	}
	alike := neighbours(objects)
	for _, i := range plan.Streams {
		f.Streams = append(f.Streams, streamOf(&objects[i], alike[i]))
	}
	place := make([]int, len(objects)) // of the next slice of each object
	for i, s := range plan.Shards {
		to := summer{shard: &f.Shards[i]}
		to.shard.Side, to.shard.Records = s.Side, make([]float64, wants)
		for _, slice := range s.Slices {
			o := &objects[slice.Input]
			switch {
			case o.unpacked():
				to.addText(o.forecast, o, place[slice.Input])
			case o.forecast != nil:
				to.add(o.forecast.Form, o.forecast.Slices[place[slice.Input]])
			case !o.looked:
				to.addLike(alike[slice.Input], o, place[slice.Input])
			}
			place[slice.Input]++
		}
	}
	return f
}

// unpacked says that an object is in one piece, and is unpacked before it is read.
func (o *object) unpacked() bool { return o.stream && o.forecast != nil && o.forecast.Stream }

// tried is what is read of an object at the most until it shows that it is in several pieces.
const tried = 8 << 20

// streamOf is what it takes to unpack an object, or to try. model is one that is like it, if it was not looked at.
func streamOf(o, model *object) estimate.Stream {
	f := o.forecast
	if f == nil && !o.looked && model != nil {
		f = model.forecast
	}
	if f == nil || !f.Stream {
		octets := float64(min(o.Size, tried))
		return estimate.Stream{Requests: requests(octets), Octets: octets}
	}
	if model == nil {
		model = o
	}
	return estimate.Stream{
		Requests: requests(float64(o.Size)), Octets: float64(o.Size), Text: f.Text * float64(o.Size) / float64(model.Size),
	}
}

// requests is how many fetch so many octets of lines.
func requests(octets float64) float64 { return math.Ceil(octets / record.PieceOctets) }

// neighbours finds for each object that was not looked at the nearest one that was, with the same ending if there is any.
func neighbours(objects []object) []*object {
	type kind struct {
		side   bool
		ending string
	}
	nearest := make([]*object, len(objects))
	distance := make([]int, len(objects))
	last := map[kind]int{}
	pass := func(i int, k kind, any bool) {
		o := &objects[i]
		if o.forecast != nil {
			last[k] = i
			return
		}
		at, ok := last[k]
		if gap := max(at-i, i-at); ok && (nearest[i] == nil || !any && gap < distance[i]) {
			nearest[i], distance[i] = &objects[at], gap
		}
	}
	for _, any := range []bool{false, true} {
		for _, backwards := range []bool{false, true} {
			clear(last)
			for n := range objects {
				i := n
				if backwards {
					i = len(objects) - 1 - n
				}
				k := kind{side: objects[i].side}
				if !any {
					k.ending = path.Ext(objects[i].URL)
				}
				pass(i, k, any)
			}
		}
	}
	return nearest
}

// summer adds up the slices of a shard.
type summer struct {
	shard *estimate.Shard
	most  float64 // rows of one form
}

func (t *summer) add(form record.Form, s record.SliceForecast) {
	t.shard.Requests += float64(s.Requests)
	t.shard.Octets += float64(s.Octets)
	t.rows(form, s, 1)
}

// addText adds a slice of an object that is unpacked first: it holds its share of the rows, and nothing is asked of the
// input for it.
func (t *summer) addText(f *record.Forecast, o *object, slice int) {
	s := o.slices[slice]
	t.rows(record.FormLines, f.Slices[0], float64(s.To-s.From)/float64(max(o.Size, 1)))
}

// rows adds so many times the rows and records of a slice.
func (t *summer) rows(form record.Form, s record.SliceForecast, times float64) {
	t.shard.Rows += s.Rows * times
	t.shard.Other += s.Other * times
	if !t.shard.Side {
		for i, n := range s.Records {
			t.shard.Records[i] += n * times
		}
	}
	if rows := s.Rows * times; rows >= t.most {
		t.shard.Form, t.most = string(form), rows
	}
}

// addLike adds a slice of an object that is like another one, octet by octet.
func (t *summer) addLike(model, o *object, slice int) {
	if model == nil || model.Size == 0 {
		return
	}
	f := model.forecast
	seen, of, octets := f.Slices, model.Size, o.slices[slice].To-o.slices[slice].From
	switch {
	case f.Stream && o.stream:
		t.rows(record.FormLines, f.Slices[0], float64(octets)/float64(model.Size))
		return
	case !f.Whole || len(o.slices) == 1:
	case slice == 0:
		seen, octets = f.Slices[:1], o.Size
	default:
		seen, of = f.Slices[1:2], model.slices[1].To-model.slices[1].From
	}
	times := float64(octets) / float64(of)
	for _, s := range seen {
		t.shard.Requests += float64(s.Requests-f.Opening.Requests) * times
		t.shard.Octets += float64(s.Octets-f.Opening.Octets) * times
		t.rows(f.Form, s, times)
	}
	t.shard.Requests += float64(f.Opening.Requests)
	t.shard.Octets += float64(min(f.Opening.Octets, o.Size))
}
