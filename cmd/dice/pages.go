package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/dice-engine/dice/internal/tape"
	"github.com/dice-engine/dice/internal/zgrab2"
	"github.com/dice-engine/dice/protocols"
	"github.com/dice-engine/dice/worker"
)

// column is a column of a table, or a member of a record, for documentation.
type column struct {
	Name string `json:"name"` // dotted; [] stands for the elements of a list or the values of a map
	Type string `json:"type"`
	Doc  string `json:"doc"`
}

// columns lists the fields of a struct, or of a list's elements, with those below them.
func columns(n *tape.Node) []column { return appendColumns(nil, "", n) }

func appendColumns(list []column, prefix string, n *tape.Node) []column {
	if n.Kind == tape.List || n.Kind == tape.Map {
		return appendColumns(list, prefix+"[]", n.Elem)
	}
	if prefix != "" && n.Kind == tape.Struct {
		prefix += "."
	}
	for _, field := range n.Fields {
		if field.Check {
			continue
		}
		list = append(list, column{prefix + field.Name(), typeName(field), field.Doc})
		list = appendColumns(list, prefix+field.Name(), field)
	}
	return list
}

// typeName returns the Parquet type of a field in the notation of SQL engines.
func typeName(n *tape.Node) string {
	switch n.Kind {
	case tape.Bool:
		return "BOOLEAN"
	case tape.Int:
		return "INT64"
	case tape.Float:
		return "DOUBLE"
	case tape.Stamp:
		return "TIMESTAMP"
	case tape.Certificate, tape.Chain:
		return "INT32"
	case tape.Struct:
		return "STRUCT"
	case tape.List:
		return "LIST<" + typeName(n.Elem) + ">"
	case tape.Map:
		return "MAP<STRING, " + typeName(n.Elem) + ">"
	}
	return "STRING"
}

// cell makes a text fit for a cell of a Markdown table.
func cell(s string) string {
	return strings.NewReplacer("|", "\\|", "\n", " ", "<", "&lt;").Replace(s)
}

// labelsPage writes docs/labels.md.
func labelsPage(w io.Writer, list []sheet) {
	fmt.Fprintln(w, "# Labels\n\n<!-- Made by go test ./cmd/dice -run Pages -update. Do not edit. -->")
	fmt.Fprintln(w, "\nA label says which security issue a record shows. Identifiers never change; new ones are added.")
	fmt.Fprintln(w, "A segment in capitals varies. The same tables are printed by `dice signatures`.")
	for _, s := range list {
		fmt.Fprintf(w, "\n## %s\n\n%s\n\nLooked at when %s.", s.Title, s.Description, s.Criterion)
		if len(s.Ports) > 0 {
			fmt.Fprintf(w, " Usual ports: %s.", strings.Join(s.Ports, ", "))
		}
		fmt.Fprintf(w, "\n\nReferences: %s.\n", strings.Join(s.References, "; "))
		for _, label := range s.Labels {
			fmt.Fprintf(w, "\n### `%s`\n\n%s\n\n- Severity: %s\n- Remedy: %s\n- Reference: %s\n- Since: %s\n",
				label.ID, label.Meaning, label.Severity, label.Remedy, label.Reference, label.Since)
		}
	}
}

// recordsPage writes docs/records.md: what goes in and the fingerprints that come out.
func recordsPage(w io.Writer, list []sheet) {
	prose(w, recordsHead)
	limitTable(w)
	row := tape.Of[zgrab2.Row[struct {
		Any string `tape:"…" doc:"the members of the protocol, below"`
	}]]()
	fmt.Fprintf(w, "\n## Input: a folder per protocol\n\n`<scan>/protocol=<p>/<p>.parquet`, written by `dice ingest` and `dice generate --layout parquet`.\n\n")
	columnTable(w, slices.DeleteFunc(columns(row.Root), func(c column) bool { return strings.HasPrefix(c.Name, "result.") }))
	for _, r := range zgrab2.All() {
		fmt.Fprintf(w, "\n### Result of %s\n\n", r.Title)
		columnTable(w, columns(r.Shape.Root))
	}
	prose(w, sideTables)
	outputTables(w)
	documentTables(w)
	fmt.Fprint(w, "\n## Output: fingerprints\n\nThe members of the column `fingerprint`, by protocol. Unknown is null.\n")
	for _, s := range list {
		if len(s.Fingerprint) > 0 {
			fmt.Fprintf(w, "\n### Fingerprint of %s\n\n", s.Title)
			columnTable(w, s.Fingerprint)
		}
	}
}

// outputTables writes the columns of a result's tables.
func outputTables(w io.Writer) {
	fmt.Fprint(w, "\n## Output: records\n\n`protocol=<p>/part-NNNNN.parquet`, in input order. Times are in UTC and microseconds, what is finer is cut off.\n"+
		"`fingerprint`, `certificates`, `labels`, `source_object` and `source_row` are never null, but lists may be empty; all others may be null.\n\n")
	var rows []column
	for _, c := range columns(worker.OutputShape(protocols.All()[0]).Root) {
		if !strings.HasPrefix(c.Name, "fingerprint.") { // they are the protocol's
			rows = append(rows, c)
		}
	}
	columnTable(w, rows)
	prose(w, reuseRules)
	columnTable(w, columns(tape.Of[worker.ReuseRow]().Root))
	fmt.Fprint(w, "\n## Output: what could not be read\n\n`rejects/part-NNNNN.parquet`.\n\n")
	columnTable(w, columns(tape.Of[worker.RejectRow]().Root))
}

func columnTable(w io.Writer, list []column) {
	fmt.Fprintln(w, "| name | type | meaning |\n|---|---|---|")
	for _, c := range list {
		fmt.Fprintf(w, "| `%s` | %s | %s |\n", c.Name, cell(c.Type), cell(c.Doc))
	}
}
