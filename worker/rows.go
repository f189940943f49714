package worker

import (
	"fmt"

	"github.com/dice-engine/dice/internal/tape"
	"github.com/dice-engine/dice/protocols"
)

// outputRow is a row of a protocol's table. The fields of its fingerprint are the protocol's.
type outputRow struct {
	IP           string                  `tape:"ip" doc:"address of the host, as the scanner wrote it"`
	Domain       string                  `tape:"domain" doc:"name that the scanner was given"`
	Port         int64                   `tape:"port" doc:"port that was scanned; null where the scan did not say"`
	Timestamp    *tape.Time              `tape:"timestamp" doc:"when the host was scanned, UTC; null where it could not be read"`
	Status       string                  `tape:"status" doc:"the scanner's status"`
	Fingerprint  struct{}                `tape:"fingerprint" doc:"what is known of the device"`
	Certificates []protocols.Certificate `tape:"certificates" doc:"certificates that the host presented or was given by a side table, each once"`
	Labels       []string                `tape:"labels" doc:"security issues, sorted"`
	SourceObject string                  `tape:"source_object" doc:"object that the record was read from, as given"`
	SourceRow    int64                   `tape:"source_row" doc:"row or line in that object, from 1"`
}

// Field numbers of outputRow, and of the certificate's hosts.
const (
	fieldIP = iota + 1
	fieldDomain
	fieldPort
	fieldTimestamp
	fieldStatus
	fieldFingerprint
	fieldCertificates
	fieldLabels
	fieldSourceObject
	fieldSourceRow
)

// OutputShape describes the rows of a protocol's table.
func OutputShape(p *protocols.Protocol) *tape.Shape {
	shape := tape.Of[outputRow]()
	shape.Root.Fields[fieldFingerprint-1].Fields = p.Output.Root.Fields
	return shape
}

// RejectRow is a row of the rejects table.
type RejectRow struct {
	SourceObject string `tape:"source_object" doc:"object, as given"`
	SourceRow    int64  `tape:"source_row" doc:"row or line in it, from 1; null: the object as a whole"`
	Rows         int64  `tape:"rows" doc:"how many rows are lost by it; null: one record of the row, or more than can be told, as where an object cannot be read at all, or not to its end"`
	Protocol     string `tape:"protocol" doc:"protocol of the record, where known"`
	Reason       string `tape:"reason" doc:"why it was rejected"`
	Content      string `tape:"content" doc:"the beginning of what was rejected"`
}

// ReuseRow is a row of the reuse table.
type ReuseRow struct {
	Kind      string   `tape:"kind" doc:"certificate or key"`
	SHA256    string   `tape:"sha256" doc:"of the certificate's DER, or of the key's SubjectPublicKeyInfo"`
	Hosts     int64    `tape:"hosts" doc:"distinct addresses that hold it"`
	Protocols []string `tape:"protocols" doc:"protocols of the holders"`
	IPs       []string `tape:"ips" doc:"the 20 smallest addresses"`
}

// hostFields are the numbers of certificate_hosts and key_hosts in a certificate, and errorField that of its error.
type hostFields struct{ certificate, key byte }

// findHostFields looks the numbers up; hosts are only known of certificates without error, so nothing may follow them
// but the error.
func findHostFields() hostFields {
	fields := protocols.CertificateShape.Root.Fields
	n := len(fields)
	if fields[n-3].Name() != "certificate_hosts" || fields[n-2].Name() != "key_hosts" || fields[n-1].Name() != "error" {
		panic(fmt.Sprintf("worker: a certificate ends with %s", fields[n-1].Name()))
	}
	return hostFields{certificate: byte(n - 2), key: byte(n - 1)}
}

var hostField = findHostFields()

// appendCertificate appends a certificate's value with its hosts, of which 0 and 1 are not written.
func appendCertificate(dst, t []byte, hosts, keyHosts uint32) []byte {
	dst = append(dst, t[1:len(t)-1]...) // without the mark of the whole tape and the end mark
	if hosts > 1 {
		dst = tape.AppendInt(append(dst, hostField.certificate), int64(hosts))
	}
	if keyHosts > 1 {
		dst = tape.AppendInt(append(dst, hostField.key), int64(keyHosts))
	}
	return append(dst, tape.End)
}

// appendText appends a string field, unless it is empty.
func appendText[S ~string | ~[]byte](dst []byte, field byte, s S) []byte {
	if len(s) == 0 {
		return dst
	}
	return tape.AppendString(append(dst, field), s)
}

// appendNumber appends an integer field, unless it is zero.
func appendNumber(dst []byte, field byte, n int64) []byte {
	if n == 0 {
		return dst
	}
	return tape.AppendInt(append(dst, field), n)
}
