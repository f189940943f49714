package main

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"
)

// sizeFlag reads a flag that is a number of octets.
func sizeFlag(c *cli.Context, name string) (int64, error) {
	n, err := parseSize(c.String(name))
	if err != nil {
		return 0, fmt.Errorf("--%s: %w", name, err)
	}
	return n, nil
}

// parseSize reads a number of octets: 1048576, 64KiB, 64MiB, 1GiB, also with kB, MB, GB.
func parseSize(s string) (int64, error) {
	number := strings.TrimRight(s, "kKMGTiB")
	factor, ok := map[string]float64{
		"": 1, "B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40,
		"kB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12,
	}[s[len(number):]]
	n, err := strconv.ParseFloat(number, 64)
	if !ok || err != nil || !(n >= 0 && n*factor <= math.MaxInt64/2) { // NaN is neither
		return 0, fmt.Errorf("size %q: want octets, like 1000000 or 64MiB", s)
	}
	return int64(n * factor), nil
}

// sizeText writes a number of octets as people do, and parseSize reads.
func sizeText(n int64) string {
	units := []string{"octets", "KiB", "MiB"}
	for n%1024 == 0 && len(units) > 1 {
		n, units = n/1024, units[1:]
	}
	return fmt.Sprintf("%d %s", n, units[0])
}
