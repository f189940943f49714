package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/dice-engine/dice/internal/estimate"
)

// maxFaults is how many objects that cannot be read are printed.
const maxFaults = 10

// printPlan prints a report for people.
func printPlan(w io.Writer, r *planReport) error {
	tables := [][][]string{r.amounts(), r.requestRows()}
	for _, table := range tables {
		if err := printTable(w, table); err != nil {
			return err
		}
		fmt.Fprintln(w)
	}
	fmt.Fprintln(w, r.deadlineLine())
	fmt.Fprintln(w)
	if err := printTable(w, r.fleetRows()); err != nil {
		return err
	}
	fmt.Fprintf(w, "\nAn estimate. Ratios were measured on %s with made-up scans, on %s.\n", printable(r.Measured.Date), printable(r.Measured.Machine))
	fmt.Fprintf(w, "Prices are of %s, %s: %s. Traffic within the region is free; storage is left out.\n",
		printable(r.Prices.Date), printable(r.Prices.Region), printable(r.Prices.Source))
	for _, warning := range r.Warnings {
		fmt.Fprintf(w, "Warning: %s\n", printable(warning))
	}
	for i, fault := range r.Objects.Unreadable {
		if i == maxFaults {
			fmt.Fprintf(w, "… and %d objects more that cannot be read.\n", len(r.Objects.Unreadable)-i)
			break
		}
		fmt.Fprintf(w, "Cannot be read, and counts for nothing: %s: %s\n", printable(fault.Object), printable(fault.Error))
	}
	return nil
}

// amounts are the first table.
func (r *planReport) amounts() [][]string {
	count := r.Objects.Scans + r.Objects.SideTables
	objects := fmt.Sprintf("%d of scans, %d of certificates, %s; all were looked at", r.Objects.Scans, r.Objects.SideTables, formatOctets(r.InputOctets))
	if r.Objects.Looked < count {
		objects = strings.Replace(objects, "all were looked at", fmt.Sprintf("%d were looked at, the rest is taken to be like them", r.Objects.Looked), 1)
	}
	rows := fmt.Sprintf("about %d", r.Rows)
	if r.RowsCounted {
		rows = fmt.Sprintf("%d, counted in footers", r.Rows)
	}
	share := 100 * float64(r.ReadOctets) / float64(max(r.InputOctets, 1))
	table := [][]string{
		{"objects", objects},
		{"rows", rows},
		{"shards", fmt.Sprint(r.Shards)},
		{"to read", fmt.Sprintf("%s, %.0f %% of the input, in the columns that are needed", formatOctets(r.ReadOctets), share)},
		{"intermediate", r.Intermediate.String()},
		{"output", fmt.Sprintf("%s, about %d rows", formatOctets(r.OutputOctets), r.OutputRows)},
	}
	var tasks, cores []string
	for _, s := range r.Stages {
		tasks = append(tasks, fmt.Sprintf("%s %d", s.Name, s.Tasks))
		cores = append(cores, fmt.Sprintf("%s %s", s.Name, formatSeconds(s.CoreSeconds)))
	}
	return append(table, []string{"tasks", strings.Join(tasks, ", ")},
		[]string{"computing", fmt.Sprintf("%s on one core: %s", formatSeconds(r.CoreSeconds), strings.Join(cores, ", "))})
}

func (r *planReport) requestRows() [][]string {
	rows := [][]string{{"REQUESTS", "LIST", "GET", "HEAD", "PUT", "DELETE", r.Prices.Currency}}
	add := func(name string, n estimate.Requests, billed bool) {
		price := "none, a local folder"
		if billed {
			price = formatMoney(r.Prices.Requests.Cost(n))
		}
		rows = append(rows, []string{name, fmt.Sprint(n.List), fmt.Sprint(n.Get), fmt.Sprint(n.Head), fmt.Sprint(n.Put), fmt.Sprint(n.Delete), price})
	}
	add("to the input", r.Requests.Input, r.Requests.InputBilled)
	add("to the output", r.Requests.Output, r.Requests.OutputBilled)
	return rows
}

func (r *planReport) deadlineLine() string {
	d := r.Deadline
	if !d.InTime {
		return fmt.Sprintf("No number of workers is done in %s: %d take %s, and more are hardly faster. Smaller shards and partitions divide better: --shard-size, --partition-rows.",
			formatSeconds(d.Seconds), d.Workers, formatSeconds(d.Takes))
	}
	if d.Workers == 1 {
		return fmt.Sprintf("To be done in %s, one worker (a core) is enough; it takes %s.", formatSeconds(d.Seconds), formatSeconds(d.Takes))
	}
	return fmt.Sprintf("To be done in %s, %d workers (a core each) are needed; they take %s.", formatSeconds(d.Seconds), d.Workers, formatSeconds(d.Takes))
}

func (r *planReport) fleetRows() [][]string {
	currency := " " + r.Prices.Currency
	rows := [][]string{{"MACHINES", "INSTANCE", "WORKERS", "TIME", "SPOT" + currency, "ON DEMAND" + currency, "REQUESTS" + currency, "SPOT AND REQUESTS" + currency}}
	for _, f := range r.Fleets {
		takes := formatSeconds(f.Takes)
		if !f.InTime {
			takes += ", late"
		}
		rows = append(rows, []string{
			fmt.Sprint(f.Machines), f.Instance, fmt.Sprint(f.Workers), takes,
			formatMoney(f.Spot), formatMoney(f.OnDemand), formatMoney(f.Requests), formatMoney(f.Total),
		})
	}
	return rows
}

// formatOctets writes a size with three digits.
func formatOctets(n int64) string {
	x, unit := float64(n), 0
	units := []string{"B", "kB", "MB", "GB", "TB", "PB", "EB"}
	for x >= 999.5 && unit < len(units)-1 {
		x /= 1000
		unit++
	}
	if unit == 0 {
		return fmt.Sprintf("%d B", n)
	}
	return fmt.Sprintf("%.3g %s", x, units[unit])
}

// formatSeconds writes a time as people read it.
func formatSeconds(s float64) string {
	const longest = 1e9 // some thirty years
	d := time.Duration(min(s, longest) * float64(time.Second))
	for _, step := range []struct{ from, to time.Duration }{
		{time.Hour, time.Minute}, {10 * time.Second, time.Second}, {time.Second, 100 * time.Millisecond}, {0, time.Millisecond},
	} {
		if d >= step.from {
			d = d.Round(step.to)
			break
		}
	}
	text := d.String()
	for _, nothing := range []string{"m0s", "h0m"} {
		if rest, ok := strings.CutSuffix(text, nothing); ok {
			text = rest + nothing[:1]
		}
	}
	return text
}

// formatMoney writes a price, with more digits where it is small.
func formatMoney(x float64) string {
	switch {
	case x >= 0.1 || x == 0:
		return fmt.Sprintf("%.2f", x)
	case x < 0.0001:
		return "under 0.0001"
	}
	return fmt.Sprintf("%.4f", x)
}

// String tells the parts, texts only where something is unpacked.
func (p planIntermediate) String() string {
	texts := ""
	if p.Texts > 0 {
		texts = fmt.Sprintf("unpacked texts %s, ", formatOctets(p.Texts))
	}
	return fmt.Sprintf("%s: %ssegments %s, sightings %s, verdicts %s", formatOctets(p.Octets), texts, formatOctets(p.Segments),
		formatOctets(p.Sightings), formatOctets(p.Verdicts))
}
