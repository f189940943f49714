package main

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/dice-engine/dice/internal/store"
	"github.com/dice-engine/dice/protocols"
	"github.com/dice-engine/dice/shard"
)

// classifyCommand is the main job.
func classifyCommand() *cli.Command {
	return &cli.Command{
		Name:  "classify",
		Usage: "identify and label the devices of a scan",
		Description: `Reads scan records, identifies the device behind each, labels its security issues, finds
certificates and keys that many hosts share, and writes labelled Parquet partitions.
The same command continues a job that was interrupted, and reports one that is finished.

Examples:
   dice classify --signatures '*' -s zgrab2 -f 'scan/zgrab2_*' -o out
   dice classify --signatures 'mqtt,opc*' -f 's3://scans/2026-11/**' -o s3://results/2026-11
   dice classify -f 'scan/**' --certificates scan/certificates.jsonl --mode all -o all
   dice classify -f 's3://scans/**?endpoint=http://127.0.0.1:9000' -o local

` + exitHelp(exitCancelled),
		Flags:  slices.Concat(jobFlags(), runFlags()),
		Before: needs("file", "output"),
		Action: classify,
	}
}

// jobFlags are the options that the result depends on, and where it goes.
func jobFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "signatures", Value: "*", EnvVars: []string{"DICE_SIGNATURES"},
			Usage: "protocols to look for: names and wildcards, separated by commas (see dice signatures)"},
		&cli.StringFlag{Name: "source", Aliases: []string{"s"}, Value: "zgrab2", EnvVars: []string{"DICE_SOURCE"},
			Usage: "scanner whose records are read: zgrab2"},
		&cli.StringSliceFlag{Name: "file", Aliases: []string{"f"}, EnvVars: []string{"DICE_FILE"},
			Usage: "scan files: Parquet, or JSON lines plain, .gz or .zst; local or s3://bucket/…; * ? [] {} and ** are wildcards; may be repeated; in the environment variable a line each"},
		&cli.StringSliceFlag{Name: "certificates", EnvVars: []string{"DICE_CERTIFICATES"},
			Usage: "side tables with columns or members ip and certificate, for records without one (XMPP); not read as scans; may be repeated; in the environment variable a line each"},
		&cli.StringFlag{Name: "output", Aliases: []string{"o"}, EnvVars: []string{"DICE_OUTPUT"},
			Usage: "where the result goes: an empty folder or s3://bucket/prefix"},
		&cli.StringFlag{Name: "mode", Value: string(shard.Labelled), EnvVars: []string{"DICE_MODE"},
			Usage: "records that come out: labelled (those with a label) or all (all that were looked at)"},
		&cli.StringFlag{Name: "dedupe", Value: "ip,status", EnvVars: []string{"DICE_DEDUPE"},
			Usage: "what makes two records of a protocol duplicates: ip,status or ip,port,status or none"},
		&cli.IntFlag{Name: "reuse-hosts", Value: 2, EnvVars: []string{"DICE_REUSE_HOSTS"},
			Usage: "number of addresses from which on a shared certificate or key is labelled"},
		&cli.StringFlag{Name: "exclude", EnvVars: []string{"DICE_EXCLUDE"},
			Usage: "file of networks to leave out, one CIDR or address a line"},
		&cli.StringFlag{Name: "shard-size", Value: "64MiB", EnvVars: []string{"DICE_SHARD_SIZE"},
			Usage: "octets of input that one task reads"},
		&cli.Int64Flag{Name: "partition-rows", Value: 4_000_000, EnvVars: []string{"DICE_PARTITION_ROWS"},
			Usage: "records of a protocol after which a new output file is begun, between two shards; one shard's may be more"},
	}
}

// commandOf makes the command of the job's flags.
func commandOf(c *cli.Context) (shard.Command, error) {
	options, err := optionsOf(c)
	if err != nil {
		return shard.Command{}, fmt.Errorf("%w: %w", errUsage, err)
	}
	command := shard.Command{Files: c.StringSlice("file"), Certificates: c.StringSlice("certificates"), Options: options}
	if output := c.String("output"); output != "" || c.IsSet("output") {
		_, err = store.Parse(output)
	}
	err = errors.Join(err, checkPatterns(slices.Concat(command.Files, command.Certificates)))
	if err != nil {
		return shard.Command{}, fmt.Errorf("%w: %w", errUsage, err)
	}
	return command, nil
}

// checkPatterns reports patterns that cannot be read, whatever there is.
func checkPatterns(patterns []string) error {
	var err error
	for _, pattern := range patterns {
		location, bad := store.Parse(pattern)
		if bad == nil {
			bad = errors.Join(shard.CheckPattern(location.Path), checkRegular(location))
		}
		err = errors.Join(err, bad)
	}
	return err
}

// checkRegular refuses the name of a pipe, a socket or a device: inputs are read in several places, and more than once.
func checkRegular(location store.Location) error {
	if location.Scheme != store.SchemeFile {
		return nil
	}
	if info, err := os.Stat(location.Path); err == nil && !info.IsDir() && !info.Mode().IsRegular() {
		return fmt.Errorf("%s is no regular file: write what it gives to one", location.Path)
	}
	return nil
}

func optionsOf(c *cli.Context) (shard.Options, error) {
	var faults []error
	check := func(err error) {
		if err != nil {
			faults = append(faults, err)
		}
	}
	o := shard.Options{
		Source: c.String("source"), Mode: shard.Mode(c.String("mode")), ReuseHosts: c.Int("reuse-hosts"),
		PartitionRows: c.Int64("partition-rows"), Limits: shard.DefaultLimits, ResultVersion: shard.ResultVersion,
	}
	var err error
	o.Signatures, err = signatureNames(c.String("signatures"))
	check(err)
	o.Dedupe, err = dedupeMembers(c.String("dedupe"))
	check(err)
	o.ShardBytes, err = sizeFlag(c, "shard-size")
	check(err)
	o.Exclude, err = readNetworks(c.String("exclude"))
	check(err)
	check(o.Validate())
	return o, errors.Join(faults...)
}

func signatureNames(patterns string) ([]string, error) {
	matched, err := protocols.Match(patterns)
	var names []string
	for _, p := range matched {
		names = append(names, p.Name)
	}
	return names, err
}

func dedupeMembers(list string) ([]string, error) {
	switch list {
	case "none":
		return nil, nil
	case "ip,status", "ip,port,status":
		return strings.Split(list, ","), nil
	}
	return nil, fmt.Errorf("--dedupe %q: want ip,status or ip,port,status or none", list)
}

// readNetworks reads a file of networks; empty lines and what follows a # count for nothing.
func readNetworks(file string) ([]string, error) {
	if file == "" {
		return nil, nil
	}
	body, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read excluded networks: %w", err)
	}
	var networks []string
	for i, line := range strings.Split(string(body), "\n") {
		line, _, _ = strings.Cut(line, "#")
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		network, err := parseNetwork(line)
		if err != nil {
			return nil, fmt.Errorf("read excluded networks: %s line %d: %.40q is neither a network nor an address", file, i+1, line)
		}
		networks = append(networks, network.String())
	}
	slices.Sort(networks)
	return slices.Compact(networks), nil
}

func parseNetwork(s string) (netip.Prefix, error) {
	if addr, err := netip.ParseAddr(s); err == nil {
		return addr.Prefix(addr.BitLen())
	}
	network, err := netip.ParsePrefix(s)
	return network.Masked(), err
}
