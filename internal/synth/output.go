package synth

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/dice-engine/dice/internal/record"
	"github.com/dice-engine/dice/internal/tape"
	"github.com/dice-engine/dice/internal/zgrab2"
)

// output is a file that takes rows.
type output interface {
	Write(row []byte) error
	Close() error
	abort() error
}

func (g *generation) open(name string, s *section) (output, error) {
	shape := g.shapes[s.protocols[0]].Row
	if g.world.config.Layout == "raw" {
		shape = zgrab2.Raw()
	}
	return g.openAs(name, shape)
}

// openAs starts a file: a table of that shape, or JSON lines.
func (g *generation) openAs(name string, shape *tape.Shape) (output, error) {
	file, err := g.create(name)
	if err != nil {
		return nil, fmt.Errorf("create %s: %w", name, err)
	}
	if !g.world.config.asJSON() {
		table, err := record.NewWriter(file, shape, record.WriterOptions{})
		if err != nil {
			return nil, errors.Join(err, file.Abort())
		}
		return &tableFile{table, file}, nil
	}
	f := &linesFile{file: file, buffer: bufio.NewWriterSize(file, 1<<18)}
	f.w = f.buffer
	switch g.world.config.Layout {
	case "jsonl.gz":
		f.compress = func() (io.WriteCloser, error) { return gzip.NewWriterLevel(f.buffer, gzip.BestSpeed) }
	case "jsonl.zst":
		f.compress = func() (io.WriteCloser, error) {
			return zstd.NewWriter(f.buffer, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1))
		}
	}
	return f, f.next()
}

type tableFile struct {
	*record.Writer
	file File
}

// Close completes the table and the file.
func (t *tableFile) Close() error {
	if err := t.Writer.Close(); err != nil {
		return errors.Join(err, t.file.Abort())
	}
	return t.file.Commit()
}

func (t *tableFile) abort() error { return t.file.Abort() }

// memberBytes is after how many octets a compressed file begins a new member or frame, so that readers can share it.
const memberBytes = 32 << 20

type linesFile struct {
	file     File
	buffer   *bufio.Writer
	compress func() (io.WriteCloser, error) // nil: none
	member   io.WriteCloser
	w        io.Writer
	size     int64
}

// next begins a member.
func (f *linesFile) next() (err error) {
	if f.compress == nil {
		return nil
	}
	f.size = 0
	f.member, err = f.compress()
	f.w = f.member
	return err
}

// Write appends a line.
func (f *linesFile) Write(row []byte) error {
	if _, err := f.w.Write(row); err != nil {
		return err
	}
	f.size += int64(len(row))
	if f.member == nil || f.size < memberBytes {
		return nil
	}
	if err := f.member.Close(); err != nil {
		return err
	}
	return f.next()
}

// Close completes the file.
func (f *linesFile) Close() error {
	if f.member != nil {
		if err := f.member.Close(); err != nil {
			return errors.Join(err, f.file.Abort())
		}
	}
	if err := f.buffer.Flush(); err != nil {
		return errors.Join(err, f.file.Abort())
	}
	return f.file.Commit()
}

func (f *linesFile) abort() error { return f.file.Abort() }

func appendInt(dst []byte, v int64) []byte { return strconv.AppendInt(dst, v, 10) }

// appendAnswer writes a response under its module's name.
func appendAnswer(dst []byte, a zgrab2.Answer) []byte {
	member := func(name, value string) {
		dst = append(append(append(append(append(dst, '"'), name...), `":"`...), value...), `",`...)
	}
	dst = append(append(append(dst, '"'), a.Head.Protocol...), `":{`...)
	member("status", a.Head.Status)
	member("protocol", a.Head.Protocol)
	dst = append(append(append(dst, `"result":`...), a.Result...), ',')
	if a.Head.Error != "" {
		member("error", a.Head.Error)
	}
	return append(append(append(dst, `"timestamp":"`...), a.Head.Text...), `"}`...)
}

// sideRow is a row of the side table.
type sideRow struct {
	IP          string `tape:"ip" doc:"address"`
	Certificate string `tape:"certificate" doc:"base64 DER"`
}

// sideTable writes the certificates that other scans know of hosts: of those with a protocol that carries none, and of a
// few others, which count for nothing. Some addresses are listed again, with another certificate, which counts for nothing either.
func (g *generation) sideTable(ctx context.Context) error {
	if !g.world.config.wants("xmpp") {
		return nil
	}
	name := "certificates." + g.world.config.Layout
	if !g.world.config.asJSON() {
		name = "certificates.parquet"
	}
	shape := tape.Of[sideRow]()
	out, err := g.openAs(name, shape)
	if err != nil {
		return err
	}
	g.total.Scan.SideTable = name
	if err := g.sideRows(ctx, out, shape); err != nil {
		return fmt.Errorf("write %s: %w", name, errors.Join(err, out.abort()))
	}
	if err := out.Close(); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return nil
}

func (g *generation) sideRows(ctx context.Context, out output, shape *tape.Shape) error {
	w := g.world
	for _, s := range w.sections {
		for i := range s.rows {
			h := host(s.firstHost + i)
			if i%chunkRows == 0 && ctx.Err() != nil {
				return ctx.Err()
			}
			if w.twin(s, i) != never || !w.listed(h) || !w.tabled(s, h) {
				continue
			}
			roles := []uint64{mainCert}
			if w.line(s, i, 'a').in(1, 30) {
				roles = append(roles, rotatedCert)
			}
			for _, role := range roles {
				c := g.certificate(w.certificate(h, role))
				if err := out.Write(g.sideRow(shape, sideRow{w.address(h), c.text})); err != nil {
					return err
				}
				g.total.Scan.Certificates++
			}
		}
	}
	return nil
}

// tabled says whether a section's listed host is written to the side table.
func (w *world) tabled(s *section, h host) bool {
	for _, protocol := range s.protocols {
		if w.names[protocol] == "xmpp" {
			return true
		}
	}
	return about(w.config.Seed, 'A', uint64(h)).in(1, 20)
}

func (g *generation) sideRow(shape *tape.Shape, row sideRow) []byte {
	if !g.world.config.asJSON() {
		return tape.Append(shape, nil, &row)
	}
	return fmt.Appendf(nil, "{\"ip\":%q,\"certificate\":%q}\n", row.IP, row.Certificate)
}
