package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dice-engine/dice/internal/estimate"
	"github.com/dice-engine/dice/internal/servertest"
	"github.com/dice-engine/dice/internal/store"
)

// keys lists what is in a bucket.
func keys(t *testing.T, place string) (list []string) {
	t.Helper()
	location, err := store.Parse(place)
	if err != nil {
		t.Fatal(err)
	}
	bucket, err := store.Dial(t.Context(), location, store.Config{})
	if err == nil {
		err = bucket.List(t.Context(), "", func(i store.Info) error {
			list = append(list, i.Key)
			return nil
		})
	}
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// TestPlanOnS3: requests to S3 are billed, those to a folder are not, and nothing is written.
func TestPlanOnS3(t *testing.T) {
	place, env := servertest.Bucket(t)
	servertest.SetEnv(t, env)
	call := func(args ...string) []byte {
		var stdout, stderr bytes.Buffer
		if code := run(context.Background(), append([]string{"dice"}, args...), &stdout, &stderr); code != exitDone {
			t.Fatalf("%q exited with %d: %s", args, code, stderr.String())
		}
		return stdout.Bytes()
	}
	call("generate", "--rows", "2000", "--layout", "parquet", "-o", place+"/scan")
	before := keys(t, place)
	for _, c := range []struct {
		output        string
		input, result bool
	}{
		{"", true, true},
		{place + "/out", true, true},
		{t.TempDir(), true, false},
	} {
		args := []string{"plan", "-f", place + "/scan/protocol=*", "--json"}
		if c.output != "" {
			args = append(args, "-o", c.output)
		}
		var r planReport
		if err := json.Unmarshal(call(args...), &r); err != nil {
			t.Fatal(err)
		}
		want := float64(0)
		if c.input {
			want += r.Prices.Requests.Cost(r.Requests.Input)
		}
		if c.result {
			want += r.Prices.Requests.Cost(r.Requests.Output)
		}
		if r.Requests.InputBilled != c.input || r.Requests.OutputBilled != c.result || r.Fleets[0].Requests != digits(want) || want == 0 {
			t.Errorf("output %q: %+v, requests cost %v, want %v", c.output, r.Requests, r.Fleets[0].Requests, want)
		}
		if r.Stages[0].Longest < 0.2 {
			t.Errorf("a map task on a distant store takes %v s, no wait among them", r.Stages[0].Longest)
		}
	}
	if diff := cmp.Diff(before, keys(t, place)); diff != "" {
		t.Errorf("the store changed: before - after +\n%s", diff)
	}
}

// TestPlanPrint: names and messages that strangers chose are escaped, and not too many of them are shown.
func TestPlanPrint(t *testing.T) {
	r := &planReport{
		Objects: planObjects{Scans: 500, Looked: 200}, InputOctets: 1000, ReadOctets: 500, Prices: &estimate.Prices{Currency: "E\x1bR"},
		Deadline: planDeadline{Seconds: 60, Workers: 12, InTime: true, Takes: 59}, Warnings: []string{"odd \x1b thing"},
	}
	for range 13 {
		r.Objects.Unreadable = append(r.Objects.Unreadable, planFault{"scan/\x1b[2J", "bad\ndata"})
	}
	var b bytes.Buffer
	if err := printPlan(&b, r); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"500 of scans, 0 of certificates, 1 kB; 200 were looked at, the rest is taken to be like them",
		"500 B, 50 % of the input", "12 workers (a core each) are needed; they take 59s", `scan/\x1b[2J: bad\ndata`, "… and 3 objects more",
		`Warning: odd \x1b thing`,
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("%q is missing in\n%s", want, b.String())
		}
	}
	if strings.Contains(b.String(), "\x1b") || strings.Count(b.String(), "Cannot be read") != maxFaults {
		t.Errorf("not escaped, or not %d faults:\n%s", maxFaults, b.String())
	}
	if err := printPlan(broken{}, r); err == nil {
		t.Error("nobody heard, and there is no error")
	}
}

// broken is a pipe that nobody reads.
type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

func TestPlanFigures(t *testing.T) {
	for n, want := range map[int64]string{0: "0 B", 999: "999 B", 1000: "1 kB", 999_600: "1 MB", 1_234_567: "1.23 MB", 78_500_000_000: "78.5 GB", 1 << 62: "4.61 EB"} {
		if got := formatOctets(n); got != want {
			t.Errorf("%d octets: %q, want %q", n, got, want)
		}
	}
	for s, want := range map[float64]string{
		0: "0s", 0.0124: "12ms", 1.26: "1.3s", 59.7: "1m", 61: "1m1s", 1800: "30m", 3600: "1h", 3629: "1h", 5400: "1h30m", 1e300: "277777h47m",
	} {
		if got := formatSeconds(s); got != want {
			t.Errorf("%v seconds: %q, want %q", s, got, want)
		}
	}
	for x, want := range map[float64]string{0: "0.00", 0.00001: "under 0.0001", 0.0314: "0.0314", 0.5: "0.50", 1234.567: "1234.57"} {
		if got := formatMoney(x); got != want {
			t.Errorf("%v: %q, want %q", x, got, want)
		}
	}
	for x, want := range map[float64]float64{0: 0, -1: 0, 1.23456: 1.23, 98765: 98800, 0.00012345: 0.000123} {
		if got := digits(x); got != want {
			t.Errorf("%v to three digits: %v, want %v", x, got, want)
		}
	}
}
