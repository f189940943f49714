package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/dice-engine/dice/internal/store"
	"github.com/dice-engine/dice/shard"
)

// refuseResult refuses an output that dice classify has, for commands that write scans: their files would be read with its own.
func refuseResult(ctx context.Context, out store.Bucket) error {
	for _, sign := range []struct{ key, message string }{
		{shard.ManifestKey, "holds a result of dice classify: name another output"},
		{shard.ClaimKey, "belongs to a job of dice classify that is not finished: name another output, or end the job with dice cancel"},
	} {
		switch _, err := out.Stat(ctx, sign.key); {
		case err == nil:
			return fmt.Errorf("%w: %s %s", errUsage, out.URL(), sign.message)
		case !errors.Is(err, store.ErrNotFound) && !errors.Is(err, store.ErrDenied): // who may only write cannot be told
			return err
		}
	}
	return nil
}

// refuseObjects refuses an output that holds anything, for what would mix with it. Names that patterns pass over do not count.
func refuseObjects(ctx context.Context, out store.Bucket) error {
	err := out.List(ctx, "", func(i store.Info) error {
		if shard.IsHidden(i.Key) {
			return nil
		}
		return fmt.Errorf("%w: %s/%s: %w: name another output", errUsage, out.URL(), i.Key, store.ErrExists)
	})
	if errors.Is(err, store.ErrDenied) { // who may only write cannot be told
		return nil
	}
	return err
}
