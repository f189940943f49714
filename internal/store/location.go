package store

import (
	"errors"
	"fmt"
	"net/url"
	"path"
	"strings"
	"unicode/utf8"
)

// Schemes of a Location.
const (
	SchemeS3   = "s3"
	SchemeFile = "file"
)

// Location says where a bucket is. It never holds credentials.
type Location struct {
	Scheme string // SchemeS3 or SchemeFile
	Bucket string // S3 only
	Path   string // the prefix in the bucket, without slashes at its ends; or the local folder as given

	// S3 only, each empty for the environment's or the profile's own.
	Endpoint string
	Region   string
	Profile  string
}

// Parse reads s3://bucket/prefix?endpoint=…&region=…&profile=…, a local path, or file:///path. The prefix is taken
// as it stands, without percent decoding, as S3 keys may contain any character; so a '?' begins the query only where
// a name and '=' follow it. An S3 prefix has no element that is empty, "." or "..": to S3 these are names like others,
// so that to clean them away, as file systems do, would lead to another object. One slash may end it.
func Parse(s string) (Location, error) {
	scheme, rest, ok := strings.Cut(s, "://")
	switch {
	case s == "":
		return Location{}, fmt.Errorf("parse location: it is empty")
	case !utf8.ValidString(s): // plans are JSON, which would make another name of it
		return Location{}, fmt.Errorf("parse location %q: it is not UTF-8: rename it", s)
	case !ok:
		return Location{Scheme: SchemeFile, Path: s}, nil
	case scheme == SchemeFile && strings.HasPrefix(rest, "/"):
		return Location{Scheme: SchemeFile, Path: path.Clean(rest)}, nil
	case scheme == SchemeS3:
		return parseS3(rest)
	}
	return Location{}, fmt.Errorf("parse location with scheme %q: give s3://bucket/prefix or a local path; "+
		"other S3 services are named by ?endpoint=", scheme)
}

func parseS3(rest string) (Location, error) {
	rest, query := cutQuery(rest)
	bucket, prefix, _ := strings.Cut(rest, "/")
	if strings.Contains(bucket, "@") || strings.Contains(bucket, ":") && !strings.HasPrefix(bucket, "arn:") {
		return Location{}, fmt.Errorf("parse location: no bucket has a ':' or '@' in its name: credentials do not belong into a URL " +
			"(set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY or name a profile), and a service is named by ?endpoint=")
	}
	loc := Location{Scheme: SchemeS3, Bucket: bucket, Path: strings.TrimSuffix(prefix, "/")}
	if bucket == "" || strings.ContainsAny(bucket, "*?[{ ") {
		return Location{}, fmt.Errorf("parse location s3://%s: it names no bucket", rest)
	}
	for element := range strings.SplitSeq(loc.Path, "/") {
		if prefix != "" && (element == "" || element == "." || element == "..") {
			return Location{}, fmt.Errorf("parse location s3://%s: its elements must not be empty, \".\" or \"..\", "+
				"which are no way from folder to folder in S3", rest)
		}
	}
	return loc, loc.readQuery(query)
}

// cutQuery splits off the query, if the last '?' begins one: a name and '=' follow it, or the URL of an endpoint.
func cutQuery(s string) (rest, query string) {
	i := strings.LastIndexByte(s, '?')
	if i < 0 {
		return s, ""
	}
	query = s[i+1:]
	name, _, ok := strings.Cut(query, "=")
	if ok && isParameter(name) || strings.Contains(query, "=http://") || strings.Contains(query, "=https://") {
		return s[:i], query
	}
	return s, ""
}

// isParameter says whether a text could be meant as the name of a parameter.
func isParameter(name string) bool {
	strange := func(r rune) bool { return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && r != '-' && r != '_' }
	return name != "" && !strings.ContainsFunc(name, strange)
}

// readQuery takes over the parameters. Its errors name them and not their values, which may be secret.
func (l *Location) readQuery(query string) error {
	for _, part := range strings.Split(query, "&") {
		name, value, _ := strings.Cut(part, "=")
		v, err := url.QueryUnescape(value)
		switch {
		case part == "":
		case name != "endpoint" && name != "region" && name != "profile":
			return fmt.Errorf("parse location %s: unknown parameter %q; known are endpoint, region, profile "+
				"(a '?' that stands for any character must not look like one)", l.bare(), name)
		case err != nil:
			return fmt.Errorf("parse location %s: parameter %s: a %% must be followed by two hexadecimal digits", l.bare(), name)
		case name == "endpoint":
			l.Endpoint = v
		case name == "region":
			l.Region = v
		case name == "profile":
			l.Profile = v
		}
	}
	if l.Endpoint != "" {
		return l.checkEndpoint()
	}
	return nil
}

// bare is the location without parameters.
func (l *Location) bare() Location { return Location{Scheme: l.Scheme, Bucket: l.Bucket, Path: l.Path} }

func (l *Location) checkEndpoint() error {
	if err := checkEndpoint(l.Endpoint); err != nil {
		l.Endpoint = ""
		return fmt.Errorf("parse location %s: %w", l, err)
	}
	return nil
}

// errEndpoint stands for every fault of an endpoint, as an error that quotes it would quote its password.
var errEndpoint = errors.New("the endpoint must be http://host or https://host, without credentials")

func checkEndpoint(endpoint string) error {
	u, err := url.Parse(endpoint)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || u.User != nil {
		return errEndpoint
	}
	return nil
}

// String writes the location as Parse reads it.
func (l Location) String() string {
	if l.Scheme == SchemeFile {
		return l.Path
	}
	s := "s3://" + l.Bucket
	if l.Path != "" {
		s += "/" + l.Path
	}
	q := url.Values{}
	for name, v := range map[string]string{"endpoint": l.Endpoint, "region": l.Region, "profile": l.Profile} {
		if v != "" {
			q.Set(name, v)
		}
	}
	if len(q) > 0 {
		s += "?" + q.Encode()
	}
	return s
}

// Join returns the location below this one.
func (l Location) Join(elem ...string) Location {
	l.Path = path.Join(append([]string{l.Path}, elem...)...)
	return l
}
