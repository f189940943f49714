package coordinator

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/dice-engine/dice/internal/store"
	"github.com/dice-engine/dice/protocols"
	"github.com/dice-engine/dice/shard"
)

// publish writes summary and manifest. The manifest is last: it is the commit of the job.
func (c *Coordinator) publish(ctx context.Context) (*shard.Manifest, error) {
	tally, err := shard.Count(c.plan, c.indexes)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFailed, err)
	}
	tally.Manifest.Warnings = c.warnings(tally)
	tally.Summary.Warnings = tally.Manifest.Warnings
	if err := c.settle(ctx, shard.SummaryKey, tally.Summary); err != nil {
		return nil, err
	}
	if err := c.settle(ctx, shard.ManifestKey, tally.Manifest); err != nil {
		return nil, err
	}
	return tally.Manifest, nil
}

// settle creates an object of the result; one that is there must be the same.
func (c *Coordinator) settle(ctx context.Context, key string, v any) error {
	err := createJSON(ctx, c.deps.Out, key, v)
	if !errors.Is(err, store.ErrExists) {
		return err
	}
	there, err := c.deps.Out.Get(ctx, key, maxState)
	if err != nil {
		return err
	}
	made, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		return err
	}
	if !bytes.Equal(there, append(made, '\n')) {
		return fmt.Errorf("%w: %s is there with other content", ErrFailed, key)
	}
	return nil
}

// warnings tells of protocols that answered, but none of whose records could be kept.
func (c *Coordinator) warnings(t *shard.Tally) []string {
	warnings := []string{}
	evidence := map[string]string{}
	for _, p := range protocols.All() {
		evidence[p.Name] = p.Evidence
	}
	for i, name := range c.plan.Command.Options.Signatures {
		if t.Successes[i] > 0 && t.Kept[i] == 0 {
			warnings = append(warnings, fmt.Sprintf("%s: none of %d successful records was kept: is %s missing from the scan?",
				name, t.Successes[i], evidence[name]))
		}
	}
	return warnings
}

// clean removes the queue and the work files, the plan first: from then on nobody takes a missing commit for open work.
func (c *Coordinator) clean(ctx context.Context) error {
	if err := c.queue.Delete(ctx); err != nil {
		c.deps.Log.Warn("remove queue", "job", c.plan.Job, "error", err)
	}
	if c.cfg.Keep {
		return nil
	}
	if err := c.deps.Out.Remove(ctx, c.key.PlanKey()); err != nil {
		return fmt.Errorf("remove plan of job %s: %w", c.plan.Job, err)
	}
	var keys []string
	err := c.deps.Out.List(ctx, c.key.Prefix(), func(i store.Info) error {
		keys = append(keys, i.Key)
		return nil
	})
	if err == nil {
		err = c.deps.Out.Remove(ctx, keys...)
	}
	if err != nil {
		return fmt.Errorf("remove work files of job %s: %w", c.plan.Job, err)
	}
	return nil
}
