package worker

import (
	"errors"
	"io"
	"net/netip"

	"github.com/dice-engine/dice/internal/record"
	"github.com/dice-engine/dice/internal/tape"
)

// sideRow is a row of a side table: the certificate that a host presented.
type sideRow struct {
	IP          string    `tape:"ip"`
	Certificate tape.Cert `tape:"certificate"`
}

var sideShape = tape.Of[sideRow]()

// sideMapper offers the certificates of one shard of side tables to the records of their addresses.
type sideMapper struct {
	*attempt
	mapper  *mapper // what is left behind is as a scan's shard leaves it
	texts   *memo[*certificate]
	row     uint64 // rows so far: their order in the shard
	payload []byte
}

func (x *sideMapper) slice(i int) error {
	object, part, seen, err := x.openSlice(x.mapper.shard.Slices[i])
	if err != nil {
		return err
	}
	reader, err := record.OpenTable(x.ctx, object, part, sideShape, x.plan.Command.Options.Limits)
	if err != nil {
		return err
	}
	defer reader.Close()
	x.at.reader = reader
	for {
		row, err := reader.Next()
		x.moved.rows.Add(1)
		var bad *record.RowError
		switch {
		case err == io.EOF:
			x.moved.bytes.Add(reader.Counts().Bytes)
			return x.mapper.endSlice(i, reader, seen)
		case errors.As(err, &bad):
			bad.Want, bad.Member = record.Other, -1
			err = x.mapper.rejected(i, bad)
		case err == nil:
			err = x.offer(row)
		}
		if err != nil {
			return err
		}
	}
}

// offer sights one row. The first row of an address counts, in input order, even when its certificate is malformed.
func (x *sideMapper) offer(row *record.Row) error {
	x.row++
	var side sideRow
	tape.Decode(sideShape, row.Result, &side)
	addr, err := netip.ParseAddr(side.IP)
	if err != nil || side.Certificate == 0 {
		return nil
	}
	text := row.Certificates[side.Certificate-1]
	c := x.mapper.reader.read(x.texts, text, false)
	x.payload = c.appendPayload(x.payload[:0])
	return x.mapper.sightings.Offer(addr.WithZone(""), uint32(x.task), x.row, x.payload)
}
