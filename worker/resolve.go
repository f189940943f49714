package worker

import (
	"fmt"
	"io"

	"github.com/dice-engine/dice/internal/run"
	"github.com/dice-engine/dice/internal/tape"
	"github.com/dice-engine/dice/reduce"
	"github.com/dice-engine/dice/shard"
)

// opener opens one sorted run.
type opener = func() (io.ReadCloser, error)

// sightings opens the runs of this task's key partition that a stage left for a round.
func (a *attempt) sightings(index *shard.Index, round func(*shard.Commit) (shard.Blob, []shard.Extent)) []opener {
	var runs []opener
	for i := range index.Commits {
		blob, extents := round(&index.Commits[i])
		if len(extents) > 0 && extents[a.task].Records > 0 {
			runs = append(runs, a.extent(blob, extents[a.task]))
		}
	}
	return runs
}

func identityRound(c *shard.Commit) (shard.Blob, []shard.Extent) {
	if c.Map == nil {
		return shard.Blob{}, nil
	}
	return c.Map.Sightings, c.Map.Identity
}

func reuseRound(c *shard.Commit) (shard.Blob, []shard.Extent) {
	switch {
	case c.Map != nil:
		return c.Map.Sightings, c.Map.Reuse
	case c.Resolve != nil && c.Resolve.Sightings != nil:
		return *c.Resolve.Sightings, c.Resolve.Reuse
	}
	return shard.Blob{}, nil
}

// resolveIdentity finds the duplicates of one key partition, and attaches certificates.
func (a *attempt) resolveIdentity() error {
	index, err := a.index(a.ctx, shard.Map)
	if err != nil {
		return err
	}
	share := a.budget / 3 // for what is merged, the verdicts and the next sightings
	merged, err := run.Merge(a.sightings(index, identityRound), share, a.scratch)
	if err != nil {
		return err
	}
	defer merged.Close()
	verdicts := reduce.NewVerdicts(share, a.scratch)
	defer verdicts.Close()
	next := reduce.NewSightings(a.sightingsConfig(share))
	defer next.Close()
	if err := reduce.ResolveIdentity(a.counted(merged), verdicts, next, describe); err != nil {
		return err
	}
	result, err := a.writeVerdicts(index, verdicts)
	if err != nil {
		return err
	}
	blob, extents, err := a.writeSightings(next)
	if err != nil {
		return err
	}
	result.Sightings, result.Reuse = &blob, extents[reduce.Reuse]
	return a.commit(&shard.Commit{Resolve: result})
}

// describe tells which certificate and key a side table's payload holds.
func describe(payload []byte) (cert, key [32]byte, ok bool, err error) {
	f, _, err := payloadFacts(payload)
	return f.SHA256, f.SPKISHA256, f.Readable, err
}

// writeVerdicts writes verdicts so that each output partition finds its own.
func (a *attempt) writeVerdicts(index *shard.Index, v *reduce.Verdicts) (*shard.ResolveResult, error) {
	var ranges []reduce.Range
	for _, p := range index.Partitions {
		if p.Protocol < len(a.protocols) {
			ranges = append(ranges, reduce.Range{Protocol: uint8(p.Protocol), From: uint32(p.From), To: uint32(p.To)})
		}
	}
	w, err := a.create("verdicts")
	if err != nil {
		return nil, err
	}
	defer w.Abort()
	extents, err := v.Store(w, ranges)
	if err != nil {
		return nil, fmt.Errorf("write %s: %w", w.key, err)
	}
	blob, err := w.finish()
	return &shard.ResolveResult{Verdicts: blob, Extents: extents}, err
}

// resolveReuse finds who shares the certificates and keys of one key partition.
func (a *attempt) resolveReuse() error {
	mapped, err := a.index(a.ctx, shard.Map)
	if err != nil {
		return err
	}
	attached, err := a.index(a.ctx, shard.Identity)
	if err != nil {
		return err
	}
	runs := append(a.sightings(mapped, reuseRound), a.sightings(attached, reuseRound)...)
	share := a.budget / 2 // for what is merged, and the verdicts
	merged, err := run.Merge(runs, share, a.scratch)
	if err != nil {
		return err
	}
	defer merged.Close()
	verdicts := reduce.NewVerdicts(share, a.scratch)
	defer verdicts.Close()
	part := shard.PartKey(shard.ReuseTable, a.task)
	table := &reuseTable{tableWriter: tableWriter{attempt: a, key: part, shape: reuseShape}}
	defer table.abort()
	if err := reduce.ResolveReuse(a.counted(merged), a.plan.Command.Options.ReuseHosts, verdicts, table.add); err != nil {
		return err
	}
	result, err := a.writeVerdicts(mapped, verdicts)
	if err != nil {
		return err
	}
	if result.Output, err = table.finish(); err != nil {
		return err
	}
	result.Found = table.found
	return a.commit(&shard.Commit{Resolve: result})
}

// counted counts what passes, which keeps the lease alive.
func (a *attempt) counted(it run.Iterator) run.Iterator { return &countingIterator{it, a.moved} }

type countingIterator struct {
	run.Iterator
	moved *movement
}

func (c *countingIterator) Next() ([]byte, error) {
	rec, err := c.Iterator.Next()
	c.moved.rows.Add(1)
	c.moved.bytes.Add(int64(len(rec)))
	return rec, err
}

// reuseShape describes the rows of the reuse table.
var reuseShape = tape.Of[ReuseRow]()

// reuseTable writes a part of the reuse table.
type reuseTable struct {
	tableWriter
	tape  []byte
	found shard.ReuseSummary
}

func (t *reuseTable) add(r reduce.Shared) error {
	if r.Kind == reduce.Certificate {
		t.found.Certificates++
	} else {
		t.found.Keys++
	}
	row := ReuseRow{Kind: r.Kind.String(), SHA256: fmt.Sprintf("%x", r.SHA256), Hosts: r.Hosts}
	for _, p := range r.Protocols {
		row.Protocols = append(row.Protocols, t.protocols[p].Name)
	}
	for _, addr := range r.Addresses {
		row.IPs = append(row.IPs, addr.String())
	}
	t.tape = tape.Append(reuseShape, t.tape[:0], &row)
	return t.write(t.tape)
}
