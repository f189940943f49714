package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/dice-engine/dice/protocols"
)

func signaturesCommand() *cli.Command {
	return &cli.Command{
		Name:      "signatures",
		Usage:     "list what can be detected, with criteria and references",
		ArgsUsage: "[NAME]",
		Description: `Lists the protocols, or tells all about one: which records are looked at, which labels there
are, what each means and what to do about it. The name certificate stands for the labels of
certificates, which any protocol that carries one can have.

Examples:
   dice signatures
   dice signatures mqtt
   dice signatures --json certificate`,
		Flags: []cli.Flag{
			jsonFlag(),
			&cli.BoolFlag{Name: "markdown", EnvVars: []string{"DICE_MARKDOWN"}, Usage: "print the page docs/labels.md"},
		},
		Action: signatures,
	}
}

// sheet is what there is to know of a signature.
type sheet struct {
	Name        string            `json:"name"`
	Title       string            `json:"title"`
	Description string            `json:"description"`
	Criterion   string            `json:"criterion"`
	Ports       []string          `json:"ports"`
	References  []string          `json:"references"`
	Labels      []protocols.Label `json:"labels"`
	Fingerprint []column          `json:"fingerprint,omitempty"`
}

// sheets returns all signatures in alphabetical order, and the labels of certificates at the end.
func sheets() []sheet {
	var list []sheet
	for _, p := range protocols.All() {
		list = append(list, sheet{
			Name: p.Name, Title: p.Title, Description: p.Description, Criterion: p.Criterion, Ports: p.Ports,
			References: p.References, Labels: p.Labels, Fingerprint: columns(p.Output.Root),
		})
	}
	return append(list, sheet{
		Name: "certificate", Title: "X.509 certificates",
		Description: "What any protocol's certificate shows. Only the leaf is judged; no signature or chain is checked.",
		Criterion:   "the record carries a certificate or, for XMPP, a side table (--certificates) has one for its address",
		Ports:       []string{}, References: []string{"RFC 5280"}, Labels: protocols.CertificateLabels(),
	})
}

func signatures(c *cli.Context) error {
	list := sheets()
	if c.NArg() > 1 {
		return fmt.Errorf("%w: dice signatures takes one name at the most", errUsage)
	}
	one, err := findSheet(list, c.Args().First())
	switch {
	case err != nil:
		return err
	case c.Bool("markdown"):
		labelsPage(c.App.Writer, list)
		return nil
	case c.Bool("json") && one != nil:
		return printJSON(c.App.Writer, one)
	case c.Bool("json"):
		return printJSON(c.App.Writer, list)
	case one != nil:
		return printSheet(c.App.Writer, one)
	}
	return printSheets(c.App.Writer, list)
}

// findSheet returns the sheet of that name, nil for none.
func findSheet(list []sheet, name string) (*sheet, error) {
	if name == "" {
		return nil, nil
	}
	var names []string
	for i := range list {
		if list[i].Name == name {
			return &list[i], nil
		}
		names = append(names, list[i].Name)
	}
	return nil, fmt.Errorf("%w: there is no signature %q: one of %s", errUsage, name, strings.Join(names, ", "))
}

func printSheets(w io.Writer, list []sheet) error {
	rows := [][]string{{"NAME", "TITLE", "PORTS", "LABEL", "SEVERITY"}}
	for _, s := range list {
		head := []string{s.Name, s.Title, strings.Join(s.Ports, " ")}
		for _, label := range s.Labels {
			rows = append(rows, append(head, label.ID, string(label.Severity)))
			head = []string{"", "", ""}
		}
	}
	return printTable(w, rows)
}

func printSheet(w io.Writer, s *sheet) error {
	fmt.Fprintf(w, "%s – %s\n\n%s\nLooked at when: %s.\n", s.Name, s.Title, s.Description, s.Criterion)
	if len(s.Ports) > 0 {
		fmt.Fprintf(w, "Usual ports: %s.\n", strings.Join(s.Ports, ", "))
	}
	fmt.Fprintf(w, "References: %s.\n", strings.Join(s.References, "; "))
	for _, label := range s.Labels {
		fmt.Fprintf(w, "\n%s (%s, since %s)\n  %s\n  Remedy: %s\n  Reference: %s\n",
			label.ID, label.Severity, label.Since, label.Meaning, label.Remedy, label.Reference)
	}
	if len(s.Fingerprint) == 0 {
		return nil
	}
	fmt.Fprintln(w, "\nFingerprint:")
	var rows [][]string
	for _, column := range s.Fingerprint {
		rows = append(rows, []string{"  " + column.Name, column.Type, column.Doc})
	}
	return printTable(w, rows)
}
