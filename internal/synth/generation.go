package synth

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/dice-engine/dice/internal/zgrab2"
)

// generation is one run of Generate.
type generation struct {
	world  *world
	shapes []zgrab2.Result
	labels []string
	create Create
	truth  io.Writer
	report func(rows, octets int64)
	issuer []byte // the certificate that chains end with

	devices sync.Map // results that were made, by their fact; bounded by the numbers of variants
	certs   sync.Map // certificates that many hosts share
	tallies [8]tally
	total   Truth
}

// chunkRows is how many rows are made at once.
const chunkRows = 2048

// chunk is a run of rows that were made and not yet written.
type chunk struct {
	rows     [][]byte // each a JSON line or a tape
	octets   int64
	truth    []byte
	empty    int64
	rejected int64
	tallies  [8]tally
}

// section writes the files of a section.
func (g *generation) section(ctx context.Context, s *section) error {
	files := int64(max(1, g.world.config.Files))
	for n := range files {
		from, to := s.rows*n/files, s.rows*(n+1)/files
		if from == to && n > 0 {
			continue
		}
		if err := g.file(ctx, s, g.fileName(s, n, files), from, to); err != nil {
			return err
		}
	}
	return nil
}

func (g *generation) fileName(s *section, n, files int64) string {
	number := ""
	if files > 1 {
		number = fmt.Sprintf("-%05d", n)
	}
	switch layout := g.world.config.Layout; layout {
	case "parquet":
		return fmt.Sprintf("protocol=%s/%s%s.parquet", s.name, s.name, number)
	case "raw":
		return fmt.Sprintf("zgrab2_%s%s.parquet", s.name, number)
	default:
		return fmt.Sprintf("zgrab2_%s%s.%s", s.name, number, layout)
	}
}

// file writes one file. Chunks are made side by side and written in order.
func (g *generation) file(ctx context.Context, s *section, name string, from, to int64) error {
	out, err := g.open(name, s)
	if err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	waiting := make(chan chan *chunk, max(1, g.world.config.Workers))
	group.Go(func() error {
		defer close(waiting)
		for at := from; at < to; at += chunkRows {
			made := make(chan *chunk, 1)
			select {
			case waiting <- made:
			case <-ctx.Done():
				return ctx.Err()
			}
			end := min(at+chunkRows, to)
			group.Go(func() error {
				made <- g.chunk(s, name, from, at, end)
				return nil
			})
		}
		return nil
	})
	group.Go(func() error {
		for made := range waiting {
			if err := g.write(out, <-made); err != nil {
				return fmt.Errorf("write %s: %w", name, err)
			}
		}
		return nil
	})
	if err := group.Wait(); err != nil {
		return errors.Join(err, out.abort())
	}
	g.total.Scan.Objects++
	if err := out.Close(); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return nil
}

func (g *generation) write(out output, c *chunk) error {
	for _, row := range c.rows {
		if err := out.Write(row); err != nil {
			return err
		}
	}
	for i := range c.tallies {
		g.tallies[i].add(&c.tallies[i])
	}
	g.total.Scan.Lines += int64(len(c.rows))
	g.total.Scan.Empty += c.empty
	g.total.Scan.Rejected += c.rejected
	g.report(int64(len(c.rows)), c.octets)
	if g.truth == nil || len(c.truth) == 0 {
		return nil
	}
	_, err := g.truth.Write(c.truth)
	return err
}

// finish completes the truth.
func (g *generation) finish() error {
	var lines []Line
	for _, r := range g.world.reused() {
		if r.Kind == "key" {
			g.total.Scan.Key++
		} else {
			g.total.Scan.Certificate++
		}
		lines = append(lines, Line{Reuse: &r})
	}
	scan := &g.total.Scan
	for i, name := range g.world.names {
		if g.world.config.wants(name) {
			p := g.tallies[i].protocol(name, g.labels)
			scan.Records += p.Records
			g.total.Protocols = append(g.total.Protocols, p)
			lines = append(lines, Line{Protocol: &p})
		}
	}
	scan.Seed, scan.Layout = g.world.config.Seed, g.world.config.Layout
	scan.WithRecords = scan.Lines - scan.Empty - scan.Rejected
	if g.truth == nil {
		return nil
	}
	encoder := json.NewEncoder(g.truth)
	for _, line := range append(lines, Line{Scan: scan}) {
		if err := encoder.Encode(line); err != nil {
			return fmt.Errorf("write truth: %w", err)
		}
	}
	return nil
}

// device returns the result of a fact. Without distinct results each is made once.
func (g *generation) device(f fact) *device {
	if g.world.config.Distinct {
		return newDevice(g.world.config.Seed, g.shapes, f)
	}
	key := [3]uint64{uint64(f.protocol), uint64(f.class), f.variant}
	if d, ok := g.devices.Load(key); ok {
		return d.(*device)
	}
	d := newDevice(g.world.config.Seed, g.shapes, f)
	g.devices.Store(key, d)
	return d
}

// certificate returns a certificate. Those that are shared most are made once.
func (g *generation) certificate(id certID, key keyID) *certificate {
	n, shared := id.shared()
	if !shared || n > 4096 {
		return newCertificate(g.world.config.Seed, scanStart, id, key)
	}
	if c, ok := g.certs.Load(id); ok {
		return c.(*certificate)
	}
	c := newCertificate(g.world.config.Seed, scanStart, id, key)
	g.certs.Store(id, c)
	return c
}
