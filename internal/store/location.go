package store

import (
	"fmt"
	"net/url"
	"path"
	"strings"
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
// one of the three names follows it.
func Parse(s string) (Location, error) {
	scheme, rest, ok := strings.Cut(s, "://")
	switch {
	case s == "":
		return Location{}, fmt.Errorf("parse location: it is empty")
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
	if strings.Contains(bucket, "@") {
		return Location{}, fmt.Errorf("parse location: credentials do not belong into a URL; " +
			"set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY or name a profile")
	}
	loc := Location{Scheme: SchemeS3, Bucket: bucket, Path: strings.Trim(prefix, "/")}
	if bucket == "" || strings.ContainsAny(bucket, "*?[{ ") {
		return Location{}, fmt.Errorf("parse location s3://%s: it names no bucket", rest)
	}
	return loc, loc.readQuery(query)
}

// cutQuery splits off the query, if the last '?' begins one.
func cutQuery(s string) (rest, query string) {
	i := strings.LastIndexByte(s, '?')
	if i < 0 {
		return s, ""
	}
	query = s[i+1:]
	for _, name := range []string{"endpoint=", "region=", "profile="} {
		if strings.HasPrefix(query, name) {
			return s[:i], query
		}
	}
	if strings.Contains(query, "=http://") || strings.Contains(query, "=https://") {
		return s[:i], query // an endpoint, misspelt
	}
	return s, ""
}

func (l *Location) readQuery(query string) error {
	values, err := url.ParseQuery(query)
	if err != nil {
		return fmt.Errorf("parse location %s: read its query: %w", l, err)
	}
	for name, v := range values {
		switch name {
		case "endpoint":
			l.Endpoint = v[0]
		case "region":
			l.Region = v[0]
		case "profile":
			l.Profile = v[0]
		default:
			return fmt.Errorf("parse location %s: unknown parameter %q; known are endpoint, region, profile", l, name)
		}
	}
	if l.Endpoint != "" {
		return l.checkEndpoint()
	}
	return nil
}

func (l *Location) checkEndpoint() error {
	u, err := url.Parse(l.Endpoint)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || u.User != nil {
		l.Endpoint = ""
		return fmt.Errorf("parse location %s: the endpoint must be http://host or https://host, without credentials", l)
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
