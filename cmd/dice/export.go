package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/parquet-go/parquet-go"
	"github.com/urfave/cli/v2"

	sorter "github.com/dice-engine/dice/internal/run" // run is what main calls
	"github.com/dice-engine/dice/internal/store"
	"github.com/dice-engine/dice/reduce"
	"github.com/dice-engine/dice/shard"
)

func exportCommand() *cli.Command {
	return &cli.Command{
		Name:      "export",
		Usage:     "write a result as the notebook's labelled.json",
		ArgsUsage: "OUT",
		Description: `Writes one JSON array of {"id", "label"}, an element for each label of each record. The label
begins with the protocol's name. The id is the place of the host's address (in canonical form;
the domain, where there is no address) among those of all hosts with a label, in sorted order, so
that it is the same by either --mode.
Elements stand by id, then label.

Examples:
   dice export out -o labelled.json
   dice export s3://results/2026-11 | jq length`,
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "output", Aliases: []string{"o"}, EnvVars: []string{"DICE_EXPORT_OUTPUT"}, Usage: "local file, which is replaced when all is written (default: standard output)"},
			&cli.StringFlag{Name: "scratch", EnvVars: []string{"DICE_SCRATCH"}, Usage: "folder for what does not fit into memory (default: the system's)"},
		},
		Action: export,
	}
}

func export(c *cli.Context) error {
	output, err := localFile("output", c.String("output"))
	if err != nil {
		return err
	}
	bucket, err := resultArgument(c)
	if err != nil {
		return err
	}
	file, err := createFile(output) // before all is read in vain
	if err != nil {
		return err
	}
	if file != nil && file.name != "" { // nothing keeps a file waiting
		return file.close(exportTo(c, file.writer(), bucket))
	}
	w := c.App.Writer
	if file != nil {
		w = file.writer()
	}
	return orLeave(c.Context, func() error { return file.close(exportTo(c, w, bucket)) })
}

// exportTo writes the labels of a result.
func exportTo(c *cli.Context, w io.Writer, bucket store.Bucket) error {
	pairs := sorter.NewSorter(sorterBytes, c.String("scratch"))
	defer pairs.Close()
	if err := collectAll(c.Context, pairs, bucket); err != nil {
		return err
	}
	return writePairs(until{c.Context, w}, pairs)
}

// sorterBytes is how much is held in memory before it is spilled.
const sorterBytes = 128 << 20

// collectAll reads the labels of a result.
func collectAll(ctx context.Context, pairs *sorter.Sorter, bucket store.Bucket) error {
	body, err := bucket.Get(ctx, shard.ManifestKey, maxDocument)
	if err != nil {
		return fmt.Errorf("%w%s", err, unfinished(err))
	}
	var manifest shard.Manifest
	if err := json.Unmarshal(body, &manifest); err != nil {
		return fmt.Errorf("read %s: %w", shard.ManifestKey, err)
	}
	for _, output := range manifest.Outputs {
		protocol, ok := tableProtocol(output.Key)
		if !ok {
			continue
		}
		object := store.Open(ctx, bucket, store.Info{Key: output.Key, Size: output.Size})
		if err := collect(pairs, protocol, object, output.Size); err != nil {
			return fmt.Errorf("read %s: %w", output.Key, err)
		}
	}
	return nil
}

// tableProtocol returns the protocol of a file of the result, false for one of another table.
func tableProtocol(key string) (string, bool) {
	folder, _, _ := strings.Cut(key, "/")
	return strings.CutPrefix(folder, shard.ProtocolTable(""))
}

// exportRow is what export needs of a row.
type exportRow struct {
	IP     string   `parquet:"ip,optional"`
	Domain string   `parquet:"domain,optional"`
	Labels []string `parquet:"labels,list"`
}

// collect reads the labels of one file.
func collect(pairs *sorter.Sorter, protocol string, object io.ReaderAt, size int64) error {
	file, err := parquet.OpenFile(object, size, parquet.ReadBufferSize(1<<20), parquet.SkipBloomFilters(true), parquet.SkipPageIndex(true))
	if err != nil {
		return err
	}
	reader := parquet.NewGenericReader[exportRow](file)
	defer reader.Close()
	rows := make([]exportRow, 512)
	var pair []byte
	for {
		n, err := reader.Read(rows)
		for _, row := range rows[:n] {
			for _, label := range row.Labels {
				pair = appendPair(pair[:0], hostOf(row), prefixed(protocol, label))
				if err := pairs.Add(pair); err != nil {
					return err
				}
			}
		}
		clear(rows)
		switch {
		case err == io.EOF:
			return nil
		case err != nil:
			return err
		}
	}
}

// hostOf returns what identifies the host of a row.
func hostOf(row exportRow) string {
	if row.IP == "" {
		return row.Domain
	}
	if addr, ok := reduce.ParseAddress([]byte(row.IP)); ok {
		return addr.String()
	}
	return row.IP
}

// prefixed puts the protocol before a label that does not begin with it.
func prefixed(protocol, label string) string {
	if strings.HasPrefix(label, protocol+":") {
		return label
	}
	return protocol + ":" + label
}

// hostEnd stands between the host and the label of a pair. A zero octet of a host is followed by another one.
const hostEnd = "\x00\x01"

// longHost is how many octets of a host are compared. No name of a host is that long, but what a scan has in its place can be.
const longHost = 64 << 10

// appendPair makes a record of a host and a label: records sort by the host, and then by the label.
func appendPair(dst []byte, host, label string) []byte {
	if len(host) > longHost { // hosts of one beginning are told apart by their digests
		digest := sha256.Sum256([]byte(host))
		host = host[:longHost] + string(digest[:])
	}
	dst = append(dst, strings.ReplaceAll(host, "\x00", "\x00\xff")...)
	return append(append(dst, hostEnd...), label...)
}

// writePairs writes pairs in their order as a JSON array.
func writePairs(w io.Writer, pairs *sorter.Sorter) error {
	sorted, err := pairs.Sorted()
	if err != nil {
		return err
	}
	b := bufio.NewWriterSize(w, 1<<18)
	b.WriteString("[")
	var last []byte
	for id, comma := int64(-1), ""; ; comma = "," {
		pair, err := sorted.Next()
		if err == io.EOF {
			b.WriteString("\n]\n")
			return b.Flush()
		}
		if err != nil {
			return err
		}
		host, label, _ := bytes.Cut(pair, []byte(hostEnd))
		if id < 0 || !bytes.Equal(host, last) {
			id, last = id+1, append(last[:0], host...)
		}
		text, err := json.Marshal(string(label))
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintf(b, "%s\n{\"id\":%d,\"label\":%s}", comma, id, text); err != nil {
			return err
		}
	}
}
