package worker

import (
	"errors"
	"io"

	"github.com/dice-engine/dice/internal/record"
	"github.com/dice-engine/dice/internal/tape"
	"github.com/dice-engine/dice/reduce"
)

var sideShape = tape.Of[record.SideRow]()

// readSide takes a side row apart.
func readSide(row []byte) (ip []byte, certificate int64) {
	c := tape.Cursor{Rest: row}
	if c.Byte() != tape.Present {
		return nil, 0
	}
	for field := c.Byte(); field != tape.End; field = c.Byte() {
		switch field {
		case 1:
			ip = c.String()
		case 2:
			certificate = c.Int()
		}
	}
	return ip, certificate
}

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
	defer x.endTurn()
	defer reader.Close()
	x.at.reader = reader
	for {
		row, err := reader.Next()
		x.moved.rows.Add(1)
		switch err {
		case nil:
			err = x.offer(row)
		case io.EOF:
			x.moved.bytes.Add(reader.Counts().Bytes)
			return x.mapper.endSlice(i, reader, seen)
		default:
			err = x.rejected(i, err)
		}
		if err != nil {
			return err
		}
	}
}

// rejected carries a row that cannot be read to the rejects, and returns other errors.
func (x *sideMapper) rejected(slice int, err error) error {
	var bad *record.RowError
	if !errors.As(err, &bad) {
		return err
	}
	bad.Want, bad.Member = record.Other, -1
	return x.mapper.rejected(slice, bad)
}

// offer sights one row. The first row of an address counts, in input order, even when its certificate is malformed.
func (x *sideMapper) offer(row *record.Row) error {
	x.row++
	ip, certificate := readSide(row.Result)
	addr, ok := reduce.ParseAddress(ip)
	if !ok || certificate == 0 {
		return nil
	}
	c := x.mapper.reader.read(x.texts, row.Certificates[certificate-1], false)
	if cap(x.payload) > memorable {
		x.payload = nil
	}
	x.payload = c.appendPayload(x.payload[:0])
	return x.mapper.sightings.Offer(addr, uint32(x.task), x.row, x.payload)
}
