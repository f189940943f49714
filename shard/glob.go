package shard

import (
	"fmt"
	"path"
	"regexp"
	"strings"

	"github.com/bmatcuk/doublestar/v4"
)

// SplitPattern divides an input pattern into the folder above its first wildcard and the rest. The folder is empty for
// the current one and keeps no slash at its end, except the root's; "./" is dropped. Any query of an s3:// pattern is left to the caller.
func SplitPattern(pattern string) (base, rest string) {
	base, rest = doublestar.SplitPattern(path.Clean(pattern))
	if base == "." {
		base = ""
	}
	return base, rest
}

// CheckPattern reports what no key can match.
func CheckPattern(pattern string) error {
	if !doublestar.ValidatePattern(pattern) {
		return fmt.Errorf("pattern %q: brackets or braces do not match, or a backslash ends it", pattern)
	}
	return nil
}

// Match says whether key, relative to the base, is chosen by the rest of a pattern: it matches itself, or lies in a
// folder that does. Elements that begin with "_" or "." are never chosen, unless the pattern names them.
func Match(rest, key string) (bool, error) {
	for at := key; at != "." && at != "/"; at = path.Dir(at) {
		ok, err := doublestar.Match(rest, at)
		if err != nil {
			return false, err
		}
		if ok {
			return !hidden(rest, at, key), nil
		}
	}
	return false, nil
}

// spansFolders finds alternatives with a slash in them, which stand for elements of different numbers.
var spansFolders = regexp.MustCompile(`\{[^}]*/`)

// MayHold says whether a key below a folder, relative to the base, may be chosen by the rest of a pattern.
func MayHold(rest, folder string) bool {
	if spansFolders.MatchString(rest) {
		return true
	}
	if strings.Contains(rest, "**") {
		return !IsHidden(folder)
	}
	named, elements := strings.Split(rest, "/"), strings.Split(folder, "/")
	above := strings.Join(named[:min(len(named), len(elements))], "/")
	ok, err := Match(above, folder)
	return ok || err != nil
}

// hidden says whether key has an element that begins with "_" or "." where the pattern, which matched at, has none.
func hidden(rest, at, key string) bool {
	if named := strings.Split(rest, "/"); strings.Count(rest, "/") == strings.Count(at, "/") && !strings.Contains(rest, "**") {
		for i, element := range strings.Split(at, "/") {
			if isHiddenElement(element) && !isHiddenElement(named[i]) {
				return true
			}
		}
		return IsHidden(strings.TrimPrefix(key, at))
	}
	return IsHidden(key)
}

// IsHidden says whether a key has an element that begins with "_" or ".", which patterns pass over unless they name it.
func IsHidden(key string) bool {
	for element := range strings.SplitSeq(key, "/") {
		if isHiddenElement(element) {
			return true
		}
	}
	return false
}

func isHiddenElement(element string) bool {
	return strings.HasPrefix(element, "_") || strings.HasPrefix(element, ".")
}
