package coordinator

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/dice-engine/dice/internal/inputs"
	"github.com/dice-engine/dice/internal/scratch"
	"github.com/dice-engine/dice/internal/store"
	"github.com/dice-engine/dice/shard"
)

// ErrTaken: the output holds something else. Choose an empty output, or the command that it belongs to.
var ErrTaken = errors.New("output is not empty and not this job's")

// ErrCancelled: somebody cancelled the job. The same command begins a new one.
var ErrCancelled = errors.New("job was cancelled")

// digest identifies a command.
func digest(c shard.Command) (string, error) {
	body, err := json.Marshal(c)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:]), nil
}

// maxState bounds the small objects that a coordinator reads whole.
const maxState = 1 << 30

// readJSON reads an object into v. It returns store.ErrNotFound when there is none.
func readJSON(ctx context.Context, b store.Bucket, key string, v any) error {
	body, err := b.Get(ctx, key, maxState)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(body, v); err != nil {
		return fmt.Errorf("read %s: %w", key, err)
	}
	return nil
}

// createJSON makes an object of v.
func createJSON(ctx context.Context, b store.Bucket, key string, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return b.Create(ctx, key, body)
}

// published returns the manifest of a finished job, or nil.
func published(ctx context.Context, out store.Bucket, digest string) (*shard.Manifest, error) {
	m := &shard.Manifest{}
	err := readJSON(ctx, out, shard.ManifestKey, m)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return nil, nil
	case err != nil:
		return nil, err
	case m.Cancelled:
		return nil, fmt.Errorf("%w: %s is not yet cleaned up, see dice cancel", ErrCancelled, out.URL())
	case m.Digest != digest:
		return nil, fmt.Errorf("%w: %s has the result of another command: name another output", ErrTaken, out.URL())
	}
	return m, nil
}

// readClaim returns the claim of an output, or nil.
func readClaim(ctx context.Context, out store.Bucket) (*shard.Claim, error) {
	there := &shard.Claim{}
	err := readJSON(ctx, out, shard.ClaimKey, there)
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	return there, err
}

// owns says whether an output is a job's.
func owns(ctx context.Context, out store.Bucket, job string) (bool, error) {
	there, err := readClaim(ctx, out)
	return there != nil && there.Job == job, err
}

// placesOf returns where the patterns of a command look, in its order.
func placesOf(c shard.Command) ([]string, error) {
	var places []string
	for _, pattern := range slices.Concat(c.Files, c.Certificates) {
		place, err := inputs.Place(pattern)
		if err != nil {
			return nil, fmt.Errorf("list %s: %w", pattern, err)
		}
		places = append(places, place)
	}
	return places, nil
}

// isElsewhere says whether a claim is of the same command in another folder, where relative patterns may mean other inputs. Old
// claims do not tell.
func isElsewhere(there *shard.Claim, c shard.Command) (bool, error) {
	places, err := placesOf(c)
	return err == nil && there != nil && there.Places != nil && !slices.Equal(there.Places, places), err
}

// claim makes the output this job's, or finds whose it is. It returns the name of the job to go on with.
func claim(ctx context.Context, out store.Bucket, own shard.Claim) (string, error) {
	there, err := readClaim(ctx, out)
	if err == nil && there == nil {
		if err := checkEmpty(ctx, out); err != nil {
			return "", err
		}
		err = createJSON(ctx, out, shard.ClaimKey, own)
		if err == nil {
			return own.Job, nil
		}
		if errors.Is(err, store.ErrExists) {
			there, err = readClaim(ctx, out)
		}
	}
	switch {
	case err != nil:
		return "", fmt.Errorf("claim output %s: %w", out.URL(), err)
	case there == nil:
		return "", fmt.Errorf("%w while it was begun", ErrCancelled)
	case there.Digest != own.Digest:
		return "", fmt.Errorf("%w: %s belongs to job %s of another command: "+
			"name another output, go on with that job by its own command, or end it with dice cancel", ErrTaken, out.URL(), there.Job)
	}
	return there.Job, nil
}

// checkEmpty refuses an output that holds anything but work files and scratch folders of running processes.
func checkEmpty(ctx context.Context, out store.Bucket) error {
	return out.List(ctx, "", func(i store.Info) error {
		folder, _, below := strings.Cut(i.Key, "/")
		if strings.HasPrefix(i.Key, shard.WorkPrefix) || below && strings.HasPrefix(folder, scratch.Prefix) {
			return nil
		}
		return fmt.Errorf("%w: %s holds %s: name another output", ErrTaken, out.URL(), i.Key)
	})
}
