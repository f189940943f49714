package main

import (
	"io"
	"strings"
)

// prose writes a text in which ~ stands for a backquote, which Go's own for long texts cannot hold.
func prose(w io.Writer, text string) {
	_, _ = io.WriteString(w, strings.ReplaceAll(text, "~", "`"))
}

// recordsHead is how docs/records.md begins, up to the table of limits.
const recordsHead = `# Records

<!-- Made by go test ./cmd/dice -run Pages -update. Do not edit. -->

DICE reads scan records as JSON lines (plain, .gz or .zst) or Parquet in three layouts: a folder per protocol, rows
with all protocols below ~data~, and ~result~ as JSON text. Columns are found by name; a missing
optional one is null. Where a STRUCT, LIST or MAP is listed, a column of texts is read as JSON. A JSON line is

~~~
{"ip", "domain"?, "port"?, "data": {"<name>": {"status", "protocol"?, "port"?, "timestamp", "result", "error"?}}}
~~~

Each member of ~data~ is a record, of the protocol that it names, else of that of its name. The name ~other~ is nobody's, whatever
stands below it. A record's own ~port~ wins over the line's. An ~error~ that is no text is null.

A ~timestamp~ is a text by RFC 3339, with a zone: ~2026-11-01T12:00:00.5Z~ or ~…+01:00~, with capital letters and no 60th second. A text
that is none is null. In Parquet it may also be a TIMESTAMP of any unit (INT96 too), or a DATE, which stands for its midnight in UTC, and a
text may be plain or JSON. Any other type, like a number whose unit would be a guess, rejects the records that have such a time, of JSON lines as well.

A ~port~ and an integer of a result may also be written with a fraction of zeros or an exponent, and in Parquet be FLOAT or DOUBLE, in which many tools keep integers that may be missing: NaN is
null, and a fraction or a number out of range (of a result: beyond ±2^53) rejects the record. As DECIMAL, they reject the object. A Parquet column of JSON
may hold a text, number or bool as well; what is of another type rejects its record.

Names count with their case: a Parquet object that has ~IP~ or ~Status~ instead of ~ip~ or ~status~ is rejected, and the reason names the column.

DuckDB's ~read_json~ guesses types: it makes a STRUCT of few MQTT topics or OPC UA nodes, where a MAP is needed, and dates of texts that look
like some. Declare the column instead: ~read_json('scan.jsonl', columns = {ip: 'VARCHAR', domain: 'VARCHAR', port: 'BIGINT', data: 'JSON'})~.

What is compressed with bzip2, xz, lz4, Brotli, zip or 7z is not read, and rejected as a whole.

A time outside the years 1 to 9999 UTC is null, and a certificate that has one cannot be read.

In a name, [] stands for the elements of a list or the values of a map or of an object with any names.

## Limits

What is beyond them is rejected, on every machine alike: the record where it concerns only one, else the line or row, or the object. What is
nested too deep rejects its line, whoever's it is. A line holds 4,096 records at the most, and a reject's reason is cut at 512 octets.

Pages and dictionaries of a row group that have to be held at the same time, those of all columns that are read, may come to 384 MiB, or to 16 times
the size of their file if that is more, but not over 1 GiB.

`

// sideTables says what --certificates reads.
const sideTables = `
## Input: side tables of certificates

A side table (~--certificates~) tells which certificate a host presented, where a scanner keeps that elsewhere: its JSON lines or Parquet rows have

| name | type | meaning |
|---|---|---|
| ~ip~ | STRING | address of the host |
| ~certificate~ | STRING | PEM, or DER in base64 |

The first row of an address counts, even if its certificate is malformed. It is given to the records of XMPP past the filter that have that
address and no certificate of their own. Of several tables the one whose name comes first counts.
`

// reuseRules says who holds a certificate or a key.
const reuseRules = `
## Output: what is on several hosts

~reuse/part-NNNNN.parquet~, a row for each certificate and key that ~--reuse-hosts~ addresses (2) or more hold. Each record past the filter that has an
address counts, of any protocol and duplicates included; an address counts once, whatever ports and endpoints show the certificate. One that cannot
be read counts for nobody. All records that come out with such a certificate have the label, the first one as well.

`
