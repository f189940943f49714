package coordinator

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/dice-engine/dice/internal/store"
	"github.com/dice-engine/dice/shard"
)

// Swept says what Sweep found.
type Swept struct {
	Removed    int    `json:"removed"`    // work files
	Aborted    int    `json:"aborted"`    // objects that somebody never finished writing
	Unfinished string `json:"unfinished"` // the job that the output still waits for; its work files stay
}

// Sweep removes what machines that never came back have left in an output before a time: work files of jobs that are
// finished, or are no longer the output's, and objects whose writing was never ended.
func Sweep(ctx context.Context, out store.Bucket, before time.Time) (Swept, error) {
	var s Swept
	there, err := readClaim(ctx, out)
	if err != nil {
		return s, err
	}
	if there != nil {
		m, err := published(ctx, out, there.Digest)
		if err != nil {
			return s, err
		}
		if m == nil {
			s.Unfinished = there.Job
		}
	}
	keep := shard.Job(s.Unfinished).Prefix()
	s.Removed, err = removeBelow(ctx, out, shard.WorkPrefix, func(i store.Info) bool {
		needed := i.Key == shard.ClaimKey || s.Unfinished != "" && strings.HasPrefix(i.Key, keep)
		return !needed && i.Modified.Before(before)
	}, nil)
	if err == nil && s.Unfinished == "" { // else somebody may be writing
		s.Aborted, err = abortUnfinished(ctx, out, before, shard.WorkPrefix)
		if err == nil {
			var n int
			n, err = store.AbortStaleAtRoot(ctx, out, before) // the manifest, or what other commands write
			s.Aborted += n
		}
	}
	if err != nil {
		return s, fmt.Errorf("sweep %s: %w", out.URL(), err)
	}
	return s, nil
}
