package store_test

import (
	"strings"
	"testing"

	"github.com/dice-engine/dice/internal/store"
)

func TestParse(t *testing.T) {
	s3 := func(bucket, path string) store.Location {
		return store.Location{Scheme: store.SchemeS3, Bucket: bucket, Path: path}
	}
	full := s3("b", "p/q")
	full.Endpoint, full.Region, full.Profile = "http://host:9000", "eu-west-1", "lab"
	endpoint := s3("b", "")
	endpoint.Endpoint = "https://host"
	tests := []struct {
		in   string
		want store.Location
		out  string // where it is not in
	}{
		{"s3://b", s3("b", ""), ""},
		{"s3://b/", s3("b", ""), "s3://b"},
		{"s3://b/p", s3("b", "p"), ""},
		{"s3://b/p/q/", s3("b", "p/q"), "s3://b/p/q"},
		{"s3://arn:aws:s3:eu-west-1:1:accesspoint:lab/x@y", s3("arn:aws:s3:eu-west-1:1:accesspoint:lab", "x@y"), ""},
		{"s3://b/.../.x/x..y/", s3("b", ".../.x/x..y"), "s3://b/.../.x/x..y"},
		{"s3://b/scan/zgrab2_*", s3("b", "scan/zgrab2_*"), ""},
		{"s3://b/part-?.json", s3("b", "part-?.json"), ""},
		{"s3://b/part?", s3("b", "part?"), ""},
		{"s3://b/part-?=1", s3("b", "part-?=1"), ""},
		{"s3://b/year=202?/x", s3("b", "year=202?/x"), ""},
		{"s3://b/a%20b c+d", s3("b", "a%20b c+d"), ""},
		{"s3://b?endpoint=https%3A%2F%2Fhost", endpoint, ""},
		{"s3://b?endpoint=https://host", endpoint, "s3://b?endpoint=https%3A%2F%2Fhost"},
		{"s3://b/p/q?endpoint=http%3A%2F%2Fhost%3A9000&profile=lab&region=eu-west-1", full, ""},
		{"scan/x", store.Location{Scheme: store.SchemeFile, Path: "scan/x"}, ""},
		{"/abs/ä b", store.Location{Scheme: store.SchemeFile, Path: "/abs/ä b"}, ""},
		{"file:///abs/x/", store.Location{Scheme: store.SchemeFile, Path: "/abs/x"}, "/abs/x"},
		{".", store.Location{Scheme: store.SchemeFile, Path: "."}, ""},
	}
	for _, tt := range tests {
		got, err := store.Parse(tt.in)
		if err != nil || got != tt.want {
			t.Errorf("Parse(%q): got %+v, %v, want %+v", tt.in, got, err, tt.want)
			continue
		}
		out := tt.out
		if out == "" {
			out = tt.in
		}
		if got.String() != out {
			t.Errorf("String of %q: got %q, want %q", tt.in, got.String(), out)
		}
		if again, err := store.Parse(got.String()); again != got || err != nil {
			t.Errorf("Parse(%q): got %+v, %v, want what it was made from", got, again, err)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for _, in := range []string{
		"", "s3://", "s3:///x", "s3://*/x", "gs://b/x", "https://host/b", "file://host/x", "s3://b?region=%zz",
		"s3://b?region=x&secret=y", "s3://b?endpoint=host:9000", "s3://b?endpoint=http://",
		"s3://AKIA:hush@b/x", "s3://AKIA:hu/hush@b/x", "s3://:hush/x@b", "s3://b?endpoint=http://AKIA:hush@host",
		"s3://b/**?secret=hush", "s3://b/p?aws_secret_access_key=hu/hush", "s3://b?region=hush%zz", "s3://b?endpont=http://hush",
		"s3://b?region=hush&x=y", "s3://b?Endpoint=hush",
		"s3://b//", "s3://b//x", "s3://b/x//", "s3://b/x//y", "s3://b/x//*", "s3://b/./x", "s3://b/x/.", "s3://b/x/../y", "s3://b/..",
		"s3://b/x//?region=r",
	} {
		got, err := store.Parse(in)
		if err == nil {
			t.Errorf("Parse(%q): got %+v, want an error", in, got)
		} else if strings.Contains(err.Error(), "hush") {
			t.Errorf("Parse(%q): the error repeats the secret: %v", in, err)
		}
	}
}

func TestJoin(t *testing.T) {
	for _, in := range []string{"s3://b/x?region=r", "s3://b?region=r", "/x", "x"} {
		loc, err := store.Parse(in)
		if err != nil {
			t.Fatal(err)
		}
		below := loc.Join("y", "z").String()
		path, _, _ := strings.Cut(below, "?")
		if !strings.HasSuffix(path, "/y/z") || strings.Contains(in, "?") != strings.Contains(below, "?") {
			t.Errorf("Join: got %q from %q", below, in)
		}
	}
}
