package main

import (
	"fmt"
	"path/filepath"
	"strings"
)

// testCase is one comparison.
type testCase struct {
	name     string
	scan     string // its folder
	rows     int
	layout   string
	files    string   // pattern of its scans
	generate []string // further options
	classify []string
	noSide   bool // without the side table
	peer     string
	query    func(scan string) (string, error)
}

// protocols are those that are compared one by one.
var protocols = []string{"bacnet", "coap", "dnp3", "modbus", "mqtt", "opcua", "rtps", "xmpp"}

// cases lists the comparisons, the mixed scan first.
func cases(rows int) []testCase {
	parquet := testCase{layout: "parquet", files: "protocol=*", peer: "copies it", rows: rows, scan: "mixed"}
	all := func(c testCase, name string) testCase {
		c.name, c.classify = name+", --mode all", []string{"--mode", "all"}
		return c
	}
	list := []testCase{all(parquet, "mixed Parquet")}
	labelled := parquet
	labelled.name, labelled.classify = "mixed Parquet, --mode labelled", []string{"--mode", "labelled"}
	list = append(list, labelled)
	for _, p := range protocols {
		c := parquet
		c.scan, c.rows, c.generate, c.files = p, rows/4, []string{"--protocols", p}, "protocol="+p
		list = append(list, all(c, p))
	}
	distinct := parquet
	distinct.scan, distinct.rows, distinct.generate = "distinct", rows/2, []string{"--distinct"}
	list = append(list, all(distinct, "every value distinct"))
	for _, layout := range []string{"jsonl", "jsonl.zst"} {
		c := testCase{layout: layout, scan: layout, rows: rows / 4, files: "zgrab2_*", peer: "makes Parquet of it, data as text"}
		list = append(list, all(c, layout))
	}
	sql := parquet
	sql.name, sql.scan, sql.rows, sql.generate, sql.files = "mqtt, --mode labelled", "mqtt", rows/4, []string{"--protocols", "mqtt"}, "protocol=mqtt"
	sql.classify, sql.noSide, sql.peer, sql.query = []string{"--mode", "labelled", "--signatures", "mqtt"}, true, "labels it by SQL", mqttQuery
	return append(list, sql)
}

// statements are what DuckDB does for the case.
func (c testCase) statements(scan, out string) ([]string, error) {
	if c.query != nil {
		query, err := c.query(scan)
		return []string{copyTo(query, out, "labelled")}, err
	}
	sources, err := filepath.Glob(filepath.Join(scan, c.files))
	if err != nil {
		return nil, err
	}
	sources = append(sources, filepath.Join(scan, "certificates."+c.layout))
	var list []string
	for i, source := range sources {
		if !exists(source) {
			continue
		}
		list = append(list, copyTo("SELECT * FROM "+c.table(source), out, fmt.Sprint(i)))
	}
	return list, nil
}

// table is how DuckDB reads a source.
func (c testCase) table(source string) string {
	if c.layout == "parquet" {
		if !strings.HasSuffix(source, ".parquet") {
			source = filepath.Join(source, "*.parquet")
		}
		return fmt.Sprintf("read_parquet('%s')", source)
	}
	columns := "ip: 'VARCHAR', domain: 'VARCHAR', data: 'JSON'"
	if strings.Contains(source, "certificates.") {
		columns = "ip: 'VARCHAR', certificate: 'VARCHAR'"
	}
	return fmt.Sprintf("read_json('%s', format='newline_delimited', maximum_object_size=100000000, columns={%s})", source, columns)
}

func copyTo(query, out, name string) string {
	return fmt.Sprintf("COPY (%s) TO '%s' (FORMAT parquet, COMPRESSION zstd)", query, filepath.Join(out, name+".parquet"))
}

// mqttQuery is what SQL can say of MQTT: the filter, duplicates, the labels that follow from the record's own members,
// and which certificates are on several hosts, by their text. It reads no certificate.
func mqttQuery(scan string) (string, error) {
	return fmt.Sprintf(`
WITH kept AS (
	SELECT *, row_number() OVER (PARTITION BY ip, status ORDER BY file_row_number) AS nth
	FROM read_parquet('%s', file_row_number=true)
	WHERE status = 'success' AND cardinality(result.topics) > 0
), holders AS (
	SELECT unnest(result.certificate) AS certificate, ip FROM kept
), shared AS (
	SELECT certificate, count(DISTINCT ip) AS hosts FROM holders GROUP BY certificate HAVING count(DISTINCT ip) > 1
), labelled AS (
	SELECT ip, port, domain, status, timestamp, result.topics AS topics, result.scheme AS scheme, result.certificate AS certificate,
		list_filter([
			CASE WHEN result.scheme = 'mqtt' THEN 'mqtt:access:anonymous' END,
			CASE WHEN result.scheme = 'mqtts' THEN 'mqtt:access:self-signed-certificate' END,
			'mqtt:access:read',
			CASE WHEN len(list_filter(map_keys(result.topics), lambda t: starts_with(t, '$SYS/'))) > 0 THEN 'mqtt:access:read-internal' END,
			CASE WHEN EXISTS (SELECT 1 FROM shared WHERE shared.certificate = kept.result.certificate[1]) THEN 'certificate:reused' END
		], lambda l: l IS NOT NULL) AS labels
	FROM kept WHERE nth = 1
)
SELECT * FROM labelled WHERE len(labels) > 0`, filepath.Join(scan, "protocol=mqtt", "*.parquet")), nil
}
