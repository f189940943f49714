// Peers measures DICE against DuckDB on the same scans and the same machine, and prints ratios of processor time.
//
//	go build -o dice ./cmd/dice && cd internal/peers && go run . -dice ../../dice -rows 1000000
//
// DuckDB copies what DICE classifies: the same files to zstd Parquet, the same columns. It is counted from the first
// statement to the last, in a process of its own; DICE from the start of its process to the end. Each pair is run in
// turn, so that what else the machine does falls on both.
//
// It is a module of its own: DuckDB's library is of no use to those who use DICE.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// settings are what the command line says.
type settings struct {
	dice    string
	dir     string
	rows    int
	pairs   int
	threads int
	only    string
}

func main() {
	if len(os.Args) > 1 && os.Args[1] == duckDB {
		if err := serve(os.Args[2:]); err != nil {
			fatal(err)
		}
		return
	}
	var s settings
	flag.StringVar(&s.dice, "dice", "../../dice", "program to measure")
	flag.StringVar(&s.dir, "dir", filepath.Join(os.TempDir(), "dice-peers"), "folder for scans, which are kept, and results")
	flag.IntVar(&s.rows, "rows", 1_000_000, "rows of the mixed scan; others have a part of them")
	flag.IntVar(&s.pairs, "pairs", 5, "times that each comparison is made")
	flag.IntVar(&s.threads, "threads", 2, "threads of either")
	flag.StringVar(&s.only, "only", "", "cases whose names contain this")
	flag.Parse()
	fmt.Printf("| %d pairs, %d threads | rows | DICE, rows/s and core | DuckDB does | ratio: min | median | max |\n|---|---|---|---|---|---|---|\n", s.pairs, s.threads)
	for _, c := range cases(s.rows) {
		if !strings.Contains(c.name, s.only) {
			continue
		}
		if err := s.compare(c); err != nil {
			fatal(err)
		}
	}
}

func fatal(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

// measured is what one run took.
type measured struct {
	CPU time.Duration `json:"cpu"`
}

// compare runs a case and prints its line.
func (s settings) compare(c testCase) error {
	scan := filepath.Join(s.dir, fmt.Sprintf("%s-%d", c.scan, c.rows))
	if err := s.generate(scan, c); err != nil {
		return err
	}
	var ratios, rates []float64
	for range s.pairs {
		ours, err := s.classify(scan, c)
		if err != nil {
			return err
		}
		theirs, err := s.query(scan, c)
		if err != nil {
			return err
		}
		ratios = append(ratios, ours.Seconds()/theirs.Seconds())
		rates = append(rates, float64(c.rows)/ours.Seconds())
	}
	slices.Sort(ratios)
	slices.Sort(rates)
	middle := len(ratios) / 2
	fmt.Printf("| %s | %d | %.0f | %s | %.2f | %.2f | %.2f |\n", c.name, c.rows, rates[middle], c.peer, ratios[0], ratios[middle], ratios[len(ratios)-1])
	return nil
}

// generate makes a scan, unless it is there.
func (s settings) generate(scan string, c testCase) error {
	if _, err := os.Stat(scan); err == nil {
		return nil
	}
	partial := scan + ".partial"
	if err := os.RemoveAll(partial); err != nil {
		return err
	}
	args := append([]string{"generate", "--rows", strconv.Itoa(c.rows), "--seed", "5", "--layout", c.layout, "-o", partial}, c.generate...)
	if _, err := s.run(args); err != nil {
		return err
	}
	return os.Rename(partial, scan)
}

// classify runs DICE on a scan and returns its processor time.
func (s settings) classify(scan string, c testCase) (time.Duration, error) {
	out := filepath.Join(s.dir, "out")
	if err := os.RemoveAll(out); err != nil {
		return 0, err
	}
	args := []string{"classify", "-f", filepath.Join(scan, c.files), "-o", out, "--workers", strconv.Itoa(s.threads)}
	if side := filepath.Join(scan, "certificates."+c.layout); exists(side) && !c.noSide {
		args = append(args, "--certificates", side)
	}
	return s.run(append(args, c.classify...))
}

func exists(name string) bool {
	_, err := os.Stat(name)
	return err == nil
}

// run runs DICE.
func (s settings) run(args []string) (time.Duration, error) {
	cmd := exec.Command(s.dice, args...)
	if output, err := cmd.CombinedOutput(); err != nil {
		return 0, fmt.Errorf("%s: %w: %s", cmd, err, output)
	}
	return cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(), nil
}

// query has DuckDB do the same in a process of its own.
func (s settings) query(scan string, c testCase) (time.Duration, error) {
	statements, err := c.statements(scan, filepath.Join(s.dir, "peer"))
	if err != nil {
		return 0, err
	}
	if err := os.RemoveAll(filepath.Join(s.dir, "peer")); err != nil {
		return 0, err
	}
	if err := os.MkdirAll(filepath.Join(s.dir, "peer"), 0o777); err != nil {
		return 0, err
	}
	self, err := os.Executable()
	if err != nil {
		return 0, err
	}
	cmd := exec.Command(self, append([]string{duckDB, strconv.Itoa(s.threads)}, statements...)...)
	cmd.Stderr = os.Stderr
	output, err := cmd.Output()
	if err != nil {
		return 0, fmt.Errorf("%s: %w", duckDB, err)
	}
	var m measured
	err = json.Unmarshal(output, &m)
	return m.CPU, err
}
