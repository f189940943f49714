// Package synth makes up scans whose true answers are known.
//
// A classifier of millions of records cannot be checked by hand, and a check that classifies anew would share its mistakes.
// Here the answers come first: every record is drawn with what it is to show, and its result is made to show it. [Generate]
// writes such a scan in one of the layouts that DICE reads, and beside it the [Truth]: what becomes of every record, which
// labels it gets, and who holds which certificate and key. Nothing of package protocols is used.
//
// Every fact of a scan is a pure function of the seed, so the same configuration gives the same octets, a scan of any
// size needs little memory, and cores share the work.
package synth

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/dice-engine/dice/internal/zgrab2"
)

// Layouts lists the layouts that a scan can be written in.
func Layouts() []string { return []string{"jsonl", "jsonl.gz", "jsonl.zst", "parquet", "raw"} }

// Config says which scan to make.
type Config struct {
	Rows      int64    // lines or rows of all files together, without the side table
	Seed      uint64   // another seed, another scan
	Layout    string   // one of Layouts
	Protocols []string // those of the scan; none: all
	Files     int      // files per protocol; 0: one
	Distinct  bool     // no two results or certificates are equal: the worst case for whoever remembers answers
	Workers   int      // goroutines that make records; 0: one
	Broken    int      // of a thousand lines, those that no reader can read; only as JSON lines
	// Records says that the truth has a line for every record.
	Records bool
}

// Validate joins all faults of the configuration.
func (c Config) Validate() error {
	var faults []error
	if c.Rows < 1 {
		faults = append(faults, fmt.Errorf("rows are %d: there must be at least one", c.Rows))
	}
	if c.Rows > 1<<36 {
		faults = append(faults, fmt.Errorf("rows are %d: more than %d hosts have no address here", c.Rows, int64(1)<<36))
	}
	if !slices.Contains(Layouts(), c.Layout) {
		faults = append(faults, fmt.Errorf("layout %q is not one of %v", c.Layout, Layouts()))
	}
	for _, name := range c.Protocols {
		if !slices.Contains(zgrab2.Names(), name) {
			faults = append(faults, fmt.Errorf("protocol %q is not one of %v", name, zgrab2.Names()))
		}
	}
	if c.Files < 0 {
		faults = append(faults, fmt.Errorf("files are %d", c.Files))
	}
	if c.Broken < 0 || c.Broken > 1000 {
		faults = append(faults, fmt.Errorf("broken lines are %d of a thousand", c.Broken))
	}
	if c.Broken > 0 && !c.asJSON() {
		faults = append(faults, fmt.Errorf("layout %q has no lines that could be broken", c.Layout))
	}
	return errors.Join(faults...)
}

func (c Config) wants(protocol string) bool {
	return len(c.Protocols) == 0 || slices.Contains(c.Protocols, protocol)
}

// mixes says that a row may hold several protocols, or none.
func (c Config) mixes() bool { return c.Layout != "parquet" }

// File is a file of the scan that is being written.
type File interface {
	io.Writer
	Commit() error // the file is complete
	Abort() error  // it will never be
}

// Create starts a file of the scan. The name is relative, with slashes.
type Create func(name string) (File, error)

// Generate writes a scan, and its truth as JSON lines (see [Line]) unless truth is nil. report, which may be nil, is called as rows
// and octets (before compression) are written, by one goroutine at a time.
func Generate(ctx context.Context, c Config, create Create, truth io.Writer, report func(rows, octets int64)) (Truth, error) {
	if err := c.Validate(); err != nil {
		return Truth{}, fmt.Errorf("generate scan: %w", err)
	}
	if report == nil {
		report = func(int64, int64) {}
	}
	g := &generation{
		world: newWorld(c), shapes: zgrab2.All(), labels: names(), create: create, truth: truth, report: report,
	}
	g.issuer = newCertificate(c.Seed, scanStart, certID(ownClass<<classShift), keyID(1)).der
	for _, s := range g.world.sections {
		if err := g.section(ctx, s); err != nil {
			return Truth{}, fmt.Errorf("generate scan: %w", err)
		}
	}
	if err := g.sideTable(ctx); err != nil {
		return Truth{}, fmt.Errorf("generate scan: %w", err)
	}
	if err := g.finish(); err != nil {
		return Truth{}, fmt.Errorf("generate scan: %w", err)
	}
	return g.total, nil
}

// The scan's first second, and how long it takes.
const (
	scanStart   = 1_741_000_000 // 3 March 2025
	scanSeconds = 7 * 86400
)
