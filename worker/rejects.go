package worker

import (
	"github.com/dice-engine/dice/internal/record"
	"github.com/dice-engine/dice/internal/tape"
	"github.com/dice-engine/dice/internal/words"
	"github.com/dice-engine/dice/reduce"
)

// rejectShape describes the rows of the rejects table.
var rejectShape = tape.Of[RejectRow]()

// maxReason bounds the text that says why a row was rejected.
const maxReason = 512

// rejected accounts for a rejected row or record, and carries it to the rejects table. In the segment its fingerprint
// is a RejectRow without its origin.
func (x *mapper) rejected(slice int, bad *record.RowError) error {
	x.doubt = true
	if bad.Rows == 0 && bad.Member < 0 {
		x.damaged = true
	}
	if bad.Row == 0 && bad.Rows == 0 {
		x.whole = true
		if x.shard.Slices[slice].From > 0 {
			return nil // its first slice says so
		}
	}
	row := RejectRow{Rows: bad.Rows, Reason: words.Cut(bad.Err.Error(), maxReason), Content: string(bad.Content)}
	if x.exclude.containText(bad.IP) {
		row.Content = "" // which its network does not want kept
	}
	switch {
	case bad.Want >= 0 && bad.Member >= 0:
		row.Protocol = x.protocols[bad.Want].Name
		x.result.Protocols[bad.Want].Rejected++
	case bad.Member >= 0:
		x.result.Strays++
	}
	x.result.Rejects++
	x.reject = tape.Append(rejectShape, x.reject[:0], &row)
	return x.segment.Add(len(x.protocols), &reduce.Record{
		Slice: uint32(slice), Row: bad.Row, Member: uint32(max(bad.Member, 0)), Fingerprint: x.reject,
	})
}
