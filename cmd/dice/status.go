package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/dice-engine/dice/coordinator"
	"github.com/dice-engine/dice/internal/queue"
	"github.com/dice-engine/dice/internal/telemetry"
	"github.com/dice-engine/dice/shard"
)

func statusCommand() *cli.Command {
	return &cli.Command{
		Name:      "status",
		Usage:     "show how running jobs are going",
		ArgsUsage: "[OUT]",
		Description: `With --nats: asks the coordinators of all jobs of a pool, from any machine that reaches the queue,
for stages, tasks, rates, workers, retries and the time left.
With OUT: reads from the output how far its job is. That needs neither queue nor coordinator.

Examples:
   dice status --nats nats://cluster:4222
   dice status s3://results/2026-11
   dice status --json --nats nats://cluster:4222 | jq '.[].workers'`,
		Flags:  append(natsFlags(), jsonFlag()),
		Action: status,
	}
}

func status(c *cli.Context) error {
	ofQueue, err := outputOrQueue(c)
	if err != nil {
		return err
	}
	if !ofQueue {
		return statusOfOutput(c)
	}
	conn, err := dialQueue(c, "dice status")
	if err != nil {
		return err
	}
	defer conn.Close()
	all, err := queue.Statuses(c.Context, conn)
	if err != nil {
		return err
	}
	if c.Bool("json") {
		return printJSON(c.App.Writer, all)
	}
	if len(all) == 0 {
		fmt.Fprintf(c.App.ErrWriter, "No job of pool %s is running.\n", printable(c.String("pool")))
	}
	for i, s := range all {
		if i > 0 {
			fmt.Fprintln(c.App.Writer)
		}
		if err := printStatus(c.App.Writer, s); err != nil {
			return err
		}
	}
	return nil
}

// patienceForQueue is how long a command waits for a queue that only asks something of it.
const patienceForQueue = 15 * time.Second

// dialQueue connects to the queue for a short command.
func dialQueue(c *cli.Context, name string) (*queue.Conn, error) {
	_, log, err := newConsole(c)
	if err != nil {
		return nil, err
	}
	cfg, err := connConfig(c, name, log)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(c.Context, patienceForQueue)
	defer cancel()
	return queue.Dial(ctx, c.String("nats"), cfg)
}

func printStatus(w io.Writer, s queue.Status) error {
	if s.Silent {
		out := printable(cmp.Or(s.Output, "an unknown output"))
		_, err := fmt.Fprintf(w, "Job %s into %s: no coordinator answers. %d tasks wait, %d are at work, %d workers are idle.\n"+
			"Unless it was cancelled, the same dice classify command goes on with it. dice cancel --nats URL OUT ends it in any case,\n"+
			"and removes its queue; dice sweep --nats URL removes the queues of all jobs that have ended.\n",
			printable(s.Job), out, s.Waiting, s.AtWork, s.Idle)
		return err
	}
	fmt.Fprintf(w, "Job %s into %s, led by %s for %s\n", printable(s.Job), printable(s.Output), printable(s.Coordinator), seconds(s.Elapsed))
	rows := [][]string{{"STAGE", "TASKS", "DONE"}}
	for _, stage := range s.Stages {
		rows = append(rows, []string{stage.Name, fmt.Sprint(stage.Tasks), fmt.Sprint(stage.Done)})
	}
	if err := printTable(w, rows); err != nil {
		return err
	}
	left := ""
	if s.Left > 0 {
		left = ", " + seconds(s.Left) + " left in this stage"
	}
	fmt.Fprintf(w, "%s rows, %s rows/s, %sB/s%s\n", telemetry.Short(float64(s.Rows)), telemetry.Short(s.RowsPerSecond),
		telemetry.Short(s.BytesPerSecond), left)
	fmt.Fprintf(w, "%d tasks wait, %d are at work, %d workers are idle; %d attempts failed, %d tasks were taken over, %d offered twice\n",
		s.Waiting, s.AtWork, s.Idle, s.Retries, s.Taken, s.Offered)
	rows = [][]string{{"WORKER", "AT WORK", "DONE", "ROWS/S", "HEARD", "TROUBLE"}}
	for _, worker := range s.Workers {
		rows = append(rows, []string{
			worker.Name, fmt.Sprint(worker.Tasks), fmt.Sprint(worker.Done), telemetry.Short(worker.RowsPerSecond),
			seconds(worker.Heard) + " ago", worker.Trouble,
		})
	}
	err := printTable(w, rows)
	if err == nil && s.Untold > 0 {
		_, err = fmt.Fprintf(w, "%d more workers, heard less lately, are left out\n", s.Untold)
	}
	return err
}

// seconds writes a time for people.
func seconds(s float64) string {
	return time.Duration(s * float64(time.Second)).Round(time.Second).String()
}

// outputStatus is what stands in an output, for programs.
type outputStatus struct {
	Job      string              `json:"job"`
	Finished bool                `json:"finished"`
	Stages   []queue.StageStatus `json:"stages"`
}

func statusOfOutput(c *cli.Context) error {
	bucket, err := outputArgument(c)
	if err != nil {
		return err
	}
	job, stages, m, err := coordinator.Look(c.Context, bucket)
	if err != nil {
		return err
	}
	if c.Bool("json") {
		return printJSON(c.App.Writer, outputStatus{job, m != nil, stages})
	}
	return printOutputStatus(c.App.Writer, job, stages, m)
}

func printOutputStatus(w io.Writer, job string, stages []queue.StageStatus, m *shard.Manifest) error {
	if m != nil {
		name := "The job" // where its claim was removed
		if job != "" {
			name = "Job " + printable(job)
		}
		_, err := fmt.Fprintf(w, "%s is finished: %d records, %d written. See dice summary.\n", name, m.Records.Records, m.Records.Output)
		return err
	}
	rows := [][]string{{"STAGE", "TASKS", "DONE"}}
	for _, s := range stages {
		rows = append(rows, []string{s.Name, fmt.Sprint(s.Tasks), fmt.Sprint(s.Done)})
	}
	fmt.Fprintf(w, "Job %s is not finished.\n", printable(job))
	if len(stages) == 0 {
		return nil
	}
	return printTable(w, rows)
}
