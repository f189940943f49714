package worker

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/dice-engine/dice/internal/record"
	"github.com/dice-engine/dice/internal/store"
	"github.com/dice-engine/dice/internal/telemetry"
	"github.com/dice-engine/dice/shard"
)

// A compressed object in one piece can only be read from its beginning. So one task unpacks it into blocks of text, and
// map reads these in parts, as many at a time as there are workers.

// How large a text may be: in all, and by octet of the object. What is larger is hardly a scan, or not worth the room; one
// task reads it as it is.
const (
	maxText   = 128 << 30
	maxGrowth = 64
)

// unpack runs an unpack task.
func (a *attempt) unpack() error {
	input := a.plan.Streams[a.task]
	size := a.plan.Inputs[input].Size
	object, _, seen, err := a.openInput(shard.Slice{Input: input, To: size})
	if err != nil {
		return err
	}
	file, err := a.create("text")
	if err != nil {
		return err
	}
	defer file.Abort()
	w := newTextWriter(a.ctx, file, min(maxText, maxGrowth*size))
	doubt, err := a.unpackInto(w, object, a.firstCut(input))
	if err != nil && !errors.Is(err, record.ErrNoStream) {
		return err
	}
	if doubt {
		if damaged := seen.verify(a.ctx, a.moved); damaged != nil {
			return damaged
		}
	}
	if err != nil || w.size == 0 {
		a.log.Debug("read an object as it is", telemetry.KeyObject, object.Name, "reason", err)
		return a.commit(&shard.Commit{Unpack: &shard.UnpackResult{}})
	}
	text, err := file.finish()
	if err != nil {
		return err
	}
	return a.commit(&shard.Commit{Unpack: &shard.UnpackResult{Text: &text, Size: w.size, Blocks: w.blocks}})
}

// unpackInto unpacks an object. If it brings the decompressor down, it is none to unpack: map meets it again, and tells.
func (a *attempt) unpackInto(w *textWriter, object record.Object, first int64) (doubt bool, err error) {
	defer func() {
		if r := recover(); r != nil {
			doubt, err = true, fmt.Errorf("%w: panic: %v", record.ErrNoStream, r)
		}
	}()
	defer func() { err = cmp.Or(w.close(), err) }()
	return record.Unpack(a.ctx, object, first, w)
}

// firstCut is where the first slice of an input ends.
func (a *attempt) firstCut(input int) int64 {
	at := slices.IndexFunc(a.plan.Shards, func(s shard.Shard) bool { return s.Slices[0].Input == input })
	return a.plan.Shards[at].Slices[0].To
}

// openSlice opens a slice of an input, or of its text where it was unpacked.
func (a *attempt) openSlice(s shard.Slice) (record.Object, record.Slice, *witness, error) {
	task, isStream := slices.BinarySearch(a.plan.Streams, s.Input)
	if !isStream {
		return a.openInput(s)
	}
	index, err := a.index(a.ctx, shard.Unpack)
	if err != nil {
		return record.Object{}, record.Slice{}, nil, err
	}
	if task >= len(index.Commits) {
		return record.Object{}, record.Slice{}, nil, fmt.Errorf("index of stage %s: nothing of task %d", shard.Unpack, task)
	}
	text := index.Commits[task].Unpack
	if text == nil || text.Text == nil {
		return a.openInput(s)
	}
	in := a.plan.Inputs[s.Input]
	from, to := text.Part(s, in.Size)
	reader := newTextReader(store.Open(a.ctx, a.out, store.Info{Key: text.Text.Key, Size: text.Text.Size}), text.Blocks)
	return record.Object{Name: in.URL, Size: text.Size, ReaderAt: reader, Text: true, OnLarge: a.takeTurn}, record.Slice{From: from, To: to}, nil, nil
}
