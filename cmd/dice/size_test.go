package main

import "testing"

func TestParseSize(t *testing.T) {
	for given, want := range map[string]int64{
		"0": 0, "1000000": 1e6, "64MiB": 64 << 20, "1.5GiB": 3 << 29, "2kB": 2000, "7B": 7, "4TiB": 4 << 40,
	} {
		if got, err := parseSize(given); got != want || err != nil {
			t.Errorf("%s: got %d, %v, want %d", given, got, err, want)
		}
	}
	for _, given := range []string{"", "NaN", "nan", "NaNMiB", "Inf", "-1", "-InfGiB", "9999999TiB", "64mib", "MiB", "1 GiB"} {
		if got, err := parseSize(given); err == nil {
			t.Errorf("%q: got %d, want an error", given, got)
		}
	}
}
