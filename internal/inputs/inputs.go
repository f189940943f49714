// Package inputs finds the objects that a user's patterns choose: a folder of this machine, or a bucket and a prefix, and what is
// looked for below it. Whoever reads scans lists them here, so that one pattern means the same objects to every command.
package inputs

import (
	"context"
	"errors"
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/dice-engine/dice/internal/store"
	"github.com/dice-engine/dice/shard"
)

// ErrNone: a pattern matches no object. Another one is to be given.
var ErrNone = errors.New("no input")

// ErrName: an input has a name that neither plan nor result can hold. It is to be renamed.
var ErrName = errors.New("name that is not UTF-8")

// ErrAmbiguous: two inputs have one name.
var ErrAmbiguous = errors.New("two inputs of one name")

// Open opens the bucket of a place, which shard.Input explains.
type Open func(ctx context.Context, place string) (store.Bucket, error)

// List lists the objects that the patterns choose, each once, by URL in bytewise order, which is the order of all rows. What
// lies in the output, a place, is left out; an empty one is none.
func List(ctx context.Context, patterns []string, output string, open Open) ([]shard.Input, error) {
	var all []shard.Input
	for _, pattern := range patterns {
		found, err := list(ctx, pattern, output, open)
		if err != nil {
			return nil, fmt.Errorf("list %s: %w", pattern, err)
		}
		if len(found) == 0 {
			return nil, fmt.Errorf("%w: nothing matches %s", ErrNone, pattern)
		}
		all = append(all, found...)
	}
	return distinct(all)
}

// distinct orders inputs and drops those that are there twice, under whatever names. Of two objects of one name, at two
// endpoints, nobody could tell whose a record is.
func distinct(all []shard.Input) ([]shard.Input, error) {
	slices.SortStableFunc(all, func(a, b shard.Input) int { return strings.Compare(a.URL, b.URL) })
	objects := map[string]bool{}
	var kept []shard.Input
	for _, in := range all {
		object := identity(in)
		if objects[object] {
			continue
		}
		if last := len(kept) - 1; last >= 0 && kept[last].URL == in.URL {
			return nil, fmt.Errorf("%w: %s is an object at one endpoint and another at the other: read one of them, or in a job of its own", ErrAmbiguous, in.URL)
		}
		objects[object] = true
		kept = append(kept, in)
	}
	return kept, nil
}

// list lists the objects that one pattern chooses.
func list(ctx context.Context, pattern, output string, open Open) ([]shard.Input, error) {
	at, err := split(pattern)
	if err != nil {
		return nil, err
	}
	bucket, err := open(ctx, at.dial)
	if err != nil {
		return nil, err
	}
	var found []shard.Input
	own, isOwn := 0, inOutput(at, output)
	err = bucket.List(ctx, literal(at.rest), func(i store.Info) error {
		ok, err := shard.Match(at.rest, i.Key)
		folder, isFolder := strings.CutSuffix(i.Key, "/")
		switch {
		case isOwn(i.Key) && i.Fault != nil: // which is never read
		case isFolder && shard.MayHold(at.rest, folder):
			return i.Fault
		case err != nil || !ok:
		case i.Fault != nil:
			return i.Fault
		case isOwn(i.Key):
			own++
		case !utf8.ValidString(at.shown + i.Key): // JSON would make another name of it
			return fmt.Errorf("%w: %q: rename it, or have the pattern leave it out", ErrName, at.shown+i.Key)
		default:
			found = append(found, shard.Input{
				URL: at.shown + i.Key, Place: at.dial, Key: i.Key, Size: i.Size, ETag: i.ETag,
			})
		}
		return err
	})
	if err == nil && len(found) == 0 && own > 0 {
		return nil, fmt.Errorf("%w: all that matches lies in the output %s, which is never read: choose another one", ErrNone, output)
	}
	if err == nil && len(found) == 0 && strings.HasPrefix(at.dial, store.SchemeS3+"://") {
		err = store.Exists(ctx, bucket) // a missing bucket is not an empty one
	}
	return found, err
}

// place is where the objects of a pattern are looked for.
type place struct {
	dial  string // for a worker: s3://bucket/base?…, or an absolute path
	shown string // what stands before a key in an object's URL
	rest  string // the pattern below it
}

// split divides a pattern into a place and what to look for there.
func split(pattern string) (place, error) {
	loc, err := store.Parse(pattern)
	if err != nil {
		return place{}, err
	}
	base, rest := shard.SplitPattern(filepath.ToSlash(loc.Path))
	if rest == "" || rest == "." {
		rest = "**"
	}
	shown := base
	if loc.Scheme == store.SchemeS3 {
		shown = store.SchemeS3 + "://" + path.Join(loc.Bucket, base)
	} else if base, err = filepath.Abs(base); err != nil {
		return place{}, err
	}
	if shown != "" && !strings.HasSuffix(shown, "/") {
		shown += "/"
	}
	loc.Path = base
	return place{dial: loc.String(), shown: shown, rest: rest}, nil
}

// Place returns where a pattern looks: its folder, in absolute form, or its bucket and prefix, up to the first wildcard.
func Place(pattern string) (string, error) {
	at, err := split(pattern)
	return at.dial, err
}

// literal returns the beginning of a pattern that holds no wildcard: what every key that matches begins with.
func literal(rest string) string {
	if at := strings.IndexAny(rest, `*?[{\`); at >= 0 {
		return rest[:at]
	}
	return rest
}

// Without drops the side tables that a pattern for scans took along.
func Without(scans, side []shard.Input) []shard.Input {
	sides := map[string]bool{}
	for _, in := range side {
		sides[identity(in)] = true
	}
	return slices.DeleteFunc(scans, func(in shard.Input) bool { return sides[identity(in)] })
}

// identity names an input, however much of its path the place holds, and whatever profile or region it is reached by.
func identity(in shard.Input) string {
	folder, _ := splitPlace(in.Place)
	return whole(folder, in.Key) + "?" + endpoint(in.Place)
}

// whole is the path of an object in a folder.
func whole(folder, key string) string { return strings.TrimSuffix(folder, "/") + "/" + key }

// splitPlace divides a place into its folder and how the service is reached, which a local folder does without: a question
// mark is a part of its name.
func splitPlace(place string) (folder, service string) {
	if strings.HasPrefix(place, store.SchemeS3+"://") {
		folder, service, _ = strings.Cut(place, "?")
		return folder, service
	}
	return place, ""
}

// inOutput returns what says whether an object of a place lies in the output, if there is one yet. Buckets of one name
// at two endpoints are two buckets; profile and region only say how one is reached.
func inOutput(at place, output string) func(key string) bool {
	if output == "" || endpoint(at.dial) != endpoint(output) {
		return func(string) bool { return false }
	}
	folder, _ := splitPlace(at.dial)
	output, _ = splitPlace(output)
	if !strings.HasPrefix(output, store.SchemeS3+"://") {
		if abs, err := filepath.Abs(output); err == nil {
			output = abs
		}
	}
	output = strings.TrimSuffix(output, "/") + "/"
	return func(key string) bool { return strings.HasPrefix(whole(folder, key), output) }
}

// endpoint is the endpoint that a place names, if any.
func endpoint(place string) string {
	if !strings.HasPrefix(place, store.SchemeS3+"://") {
		return ""
	}
	location, err := store.Parse(place)
	if err != nil {
		return ""
	}
	return strings.TrimSuffix(location.Endpoint, "/")
}
