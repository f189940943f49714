package ingest

import (
	"context"
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/dice-engine/dice/internal/store"
	"github.com/dice-engine/dice/shard"
)

// input is an object to copy from.
type input struct {
	url    string
	bucket store.Bucket
	info   store.Info
}

// list returns the objects that the patterns choose, in bytewise order of their URLs, each once.
func list(ctx context.Context, c Config, open func(context.Context, string) (store.Bucket, error)) ([]input, error) {
	var all []input
	for _, pattern := range c.Files {
		found, err := listPattern(ctx, pattern, open)
		if err != nil {
			return nil, fmt.Errorf("list %s: %w", pattern, err)
		}
		if len(found) == 0 {
			return nil, fmt.Errorf("%w: nothing matches %s", ErrNoInput, pattern)
		}
		all = append(all, found...)
	}
	slices.SortFunc(all, func(a, b input) int { return strings.Compare(a.url, b.url) })
	return slices.CompactFunc(all, func(a, b input) bool { return a.url == b.url }), nil
}

func listPattern(ctx context.Context, pattern string, open func(context.Context, string) (store.Bucket, error)) ([]input, error) {
	location, err := store.Parse(pattern)
	if err != nil {
		return nil, err
	}
	base, rest := shard.SplitPattern(filepath.ToSlash(location.Path))
	shown := base
	if location.Scheme == store.SchemeS3 {
		shown = "s3://" + path.Join(location.Bucket, base)
	} else if base == "" {
		base = "."
	}
	if shown != "" && !strings.HasSuffix(shown, "/") {
		shown += "/"
	}
	if location.Path = base; rest == "" || rest == "." {
		rest = "**"
	}
	bucket, err := open(ctx, location.String())
	if err != nil {
		return nil, err
	}
	literal := rest
	if at := strings.IndexAny(rest, `*?[{\`); at >= 0 {
		literal = rest[:at]
	}
	var found []input
	err = bucket.List(ctx, literal, func(info store.Info) error {
		ok, err := shard.Match(rest, info.Key)
		if ok {
			found = append(found, input{shown + info.Key, bucket, info})
		}
		return err
	})
	return found, err
}
