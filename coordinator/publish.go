package coordinator

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/dice-engine/dice/internal/store"
	"github.com/dice-engine/dice/internal/telemetry"
	"github.com/dice-engine/dice/protocols"
	"github.com/dice-engine/dice/shard"
)

// publish writes summary and manifest. The manifest is last: it is the commit of the job.
func (c *Coordinator) publish(ctx context.Context) (*shard.Manifest, error) {
	tally, err := shard.Count(c.plan, c.tallies)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFailed, err)
	}
	tally.Manifest.Warnings = c.warnings(tally)
	tally.Summary.Warnings = tally.Manifest.Warnings
	if err := c.ours(ctx); err != nil {
		return nil, err
	}
	if err := c.removeForeign(ctx, tally.Manifest); err != nil {
		return nil, err
	}
	made, err := c.settle(ctx, nil, shard.SummaryKey, tally.Summary)
	if err != nil {
		return nil, err
	}
	if made, err = c.settle(ctx, made, shard.ManifestKey, tally.Manifest); err != nil {
		if errors.Is(err, ErrCancelled) {
			err = errors.Join(err, c.deps.Out.Remove(ctx, made...))
		}
		return nil, err
	}
	return tally.Manifest, c.checkClaim(ctx, made)
}

// ours looks whether the output is this job's.
func (c *Coordinator) ours(ctx context.Context) error {
	is, err := owns(ctx, c.deps.Out, c.plan.Job)
	if err == nil && !is {
		err = c.cancelled()
	}
	return err
}

// removeForeign removes files that look like this job's result and are none of it: what workers of a cancelled job were
// late with. Since the job claimed an empty output, nobody else can have put them there.
func (c *Coordinator) removeForeign(ctx context.Context, m *shard.Manifest) error {
	ours := map[string]bool{shard.SummaryKey: true}
	for _, o := range m.Outputs {
		ours[o.Key] = true
	}
	n, err := removeBelow(ctx, c.deps.Out, "", func(i store.Info) bool { return shard.IsResultKey(i.Key) && !ours[i.Key] },
		func() error { return c.ours(ctx) })
	if n > 0 {
		c.deps.Log.Warn("removed files of a cancelled job", "files", n)
	}
	return err
}

// checkClaim takes back what this process has published if the output was taken from the job just before: by dice
// cancel, while this process stood still. Where the same command has been published again meanwhile, it is the same.
func (c *Coordinator) checkClaim(ctx context.Context, made []string) error {
	there, err := readClaim(ctx, c.deps.Out)
	if err != nil || there != nil && there.Job == c.plan.Job {
		return err
	}
	if there != nil && there.Digest == c.plan.Digest {
		_, err := c.deps.Out.Stat(ctx, shard.Job(there.Job).PlanKey())
		if errors.Is(err, store.ErrNotFound) {
			return nil
		}
	}
	return errors.Join(c.cancelled(), c.deps.Out.Remove(ctx, made...))
}

// settle creates an object of the result, and adds its key to those that this process made; one that is there must be
// the same.
func (c *Coordinator) settle(ctx context.Context, made []string, key string, v any) ([]string, error) {
	content, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		return made, err
	}
	content = append(content, '\n')
	err = c.deps.Out.Create(ctx, key, content)
	if err == nil {
		return append(made, key), nil
	}
	if !errors.Is(err, store.ErrExists) {
		return made, err
	}
	there, err := c.deps.Out.Get(ctx, key, maxState)
	if err != nil {
		return made, err
	}
	var m shard.Manifest
	switch {
	case bytes.Equal(there, content):
		return made, nil
	case key == shard.ManifestKey && json.Unmarshal(there, &m) == nil && m.Cancelled:
		return made, c.cancelled()
	}
	return made, fmt.Errorf("%w: %s is there with other content", ErrFailed, key)
}

// mostBarren is how many scans without records are named.
const mostBarren = 10

// warnings tells of protocols that answered, but none of whose records could be kept, and of scans that hold no record.
func (c *Coordinator) warnings(t *shard.Tally) []string {
	warnings := []string{}
	byName := protocols.ByName()
	for i, name := range c.plan.Command.Options.Signatures {
		if p := byName[name]; p != nil && t.Successes[i] > 0 && t.Kept[i] == 0 {
			warnings = append(warnings, fmt.Sprintf("%s: none of %d successful records was kept: is %s missing from the scan?",
				name, t.Successes[i], p.Evidence))
		}
	}
	for _, b := range t.Barren[:min(len(t.Barren), mostBarren)] {
		warnings = append(warnings, fmt.Sprintf("%s: none of its %d lines holds a record: is it a table for --certificates?", b.URL, b.Lines))
	}
	if more := len(t.Barren) - mostBarren; more > 0 {
		warnings = append(warnings, fmt.Sprintf("%d more objects hold no record", more))
	}
	return warnings
}

// clean removes the work files, the plan first: from then on nobody takes a missing commit for open work. Then it removes
// the queue. What a coordinator that was killed had probed the store with goes, too.
func (c *Coordinator) clean(ctx context.Context) error {
	if !c.cfg.Keep {
		if err := c.deps.Out.Remove(ctx, c.key.PlanKey()); err != nil {
			return fmt.Errorf("remove plan of job %s: %w", c.key, err)
		}
	}
	if err := c.queue.Delete(ctx); err != nil {
		c.deps.Log.Warn("remove queue", telemetry.KeyJob, c.key, telemetry.KeyError, err)
	}
	if c.cfg.Keep {
		return nil
	}
	work := func(i store.Info) bool {
		return strings.HasPrefix(i.Key, c.key.Prefix()) || strings.HasPrefix(i.Key, shard.ProbePrefix)
	}
	if _, err := removeBelow(ctx, c.deps.Out, shard.WorkPrefix, work, nil); err != nil {
		return fmt.Errorf("remove work files of job %s: %w", c.key, err)
	}
	if _, err := abortUnfinished(ctx, c.deps.Out, c.deps.Now(), c.key.Prefix()); err != nil {
		// The right to list it may be lacking.
		c.deps.Log.Debug("drop what workers left half written", telemetry.KeyJob, c.key, telemetry.KeyError, err)
	}
	return nil
}

// abortUnfinished drops what was begun to be written before a time, and never ended, below prefixes and where results stand.
func abortUnfinished(ctx context.Context, out store.Bucket, before time.Time, prefixes ...string) (n int, err error) {
	for _, p := range protocols.All() {
		prefixes = append(prefixes, shard.ProtocolTable(p.Name)+"/")
	}
	for _, prefix := range append(prefixes, shard.ReuseTable+"/", shard.RejectsTable+"/") {
		aborted, err := store.AbortStale(ctx, out, prefix, before)
		n += aborted
		if err != nil {
			return n, err
		}
	}
	return n, nil
}

// cleanEarlier removes what a coordinator left that published and was killed before it had cleaned up, its queue
// included.
func (c *Coordinator) cleanEarlier(ctx context.Context) error {
	there, err := readClaim(ctx, c.deps.Out)
	if err != nil || there == nil || c.cfg.Keep {
		return err
	}
	c.key = shard.Job(there.Job)
	if c.queue, err = c.deps.Queue(ctx, there.Job); err != nil {
		return err
	}
	return c.clean(ctx)
}
