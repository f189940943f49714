package protocols

import (
	_ "embed"
	"fmt"
	"strings"
)

// The tables of vendor identifiers. Each says in its head where it is from and of which day.
var (
	//go:embed vendors/bacnet.tsv
	bacnetVendorTable string
	//go:embed vendors/rtps.tsv
	rtpsVendorTable string
)

// readTable returns the rows of a table by their first column. Columns are separated by tabs, empty lines and those that
// begin with # are comments. It panics on a row with another number of columns and on a repeated one: the table is then
// a broken declaration.
func readTable(table string, columns int) map[string][]string {
	rows := map[string][]string{}
	for line := range strings.Lines(table) {
		line = strings.TrimSuffix(line, "\n")
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		row := strings.Split(line, "\t")
		if len(row) != columns || rows[row[0]] != nil {
			panic(fmt.Sprintf("protocols: vendor table: row %q is repeated or has not %d columns", line, columns))
		}
		rows[row[0]] = row[1:]
	}
	return rows
}
