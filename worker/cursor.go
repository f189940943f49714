package worker

import (
	"io"

	"github.com/dice-engine/dice/reduce"
)

// verdictCursor stands before the next verdict in address order.
type verdictCursor struct {
	it      *reduce.VerdictReader
	next    reduce.Verdict
	done    bool
	payload []byte
}

func (c *verdictCursor) Close() error { return c.it.Close() }

func (c *verdictCursor) advance() (err error) {
	c.next, err = c.it.Next()
	if err == io.EOF {
		c.done = true
		return nil
	}
	return err
}

// at says whether the next verdict is on the given record or certificate.
func (c *verdictCursor) at(task int, index uint32) bool {
	return !c.done && c.next.Address.Shard == uint32(task) && c.next.Address.Index == index
}

// before says whether the next verdict comes before the given record or certificate.
func (c *verdictCursor) before(task int, index uint32) bool {
	if c.done || c.next.Address.Shard > uint32(task) {
		return false
	}
	return c.next.Address.Shard < uint32(task) || c.next.Address.Index < index
}

// findings are the verdicts on one record.
type findings struct {
	duplicate       bool
	attached        bool
	payload         []byte // of the attached certificate, valid until the next record
	hosts, keyHosts uint32 // of it
}

// take collects the verdicts on a record.
func (c *verdictCursor) take(task int, index uint32) (f findings, err error) {
	for c.at(task, index) && err == nil {
		switch c.next.Kind {
		case reduce.Duplicate:
			f.duplicate = true
		case reduce.Attach:
			c.payload = append(c.payload[:0], c.next.Payload...)
			f.attached, f.payload = true, c.payload
		case reduce.CertificateHosts:
			f.hosts = c.next.Hosts
		case reduce.KeyHosts:
			f.keyHosts = c.next.Hosts
		}
		err = c.advance()
	}
	return f, err
}
