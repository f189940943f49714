package main

import (
	"path/filepath"
	"testing"
)

func TestSameOutput(t *testing.T) {
	abs, err := filepath.Abs("out")
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		a, b string
		same bool
	}{
		{"s3://b/p", "s3://b/p/", true},
		{"s3://b/p?endpoint=http://x:1&region=r", "s3://b/p?profile=q", true},
		{"s3://b/p?endpoint=http://x:1", "s3://b/p?endpoint=http://y:1", false},
		{"s3://b/p", "s3://b/q", false},
		{"s3://b/p", "s3://c/p", false},
		{abs, "out/", true},
		{abs, "file://" + abs, true},
		{abs, "out2", false},
		{"", "", false},
		{"", "out", false},
	} {
		if got := sameOutput(test.a, test.b); got != test.same {
			t.Errorf("sameOutput(%q, %q) = %v", test.a, test.b, got)
		}
	}
}
