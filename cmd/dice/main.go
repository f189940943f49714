// Dice identifies the devices behind the records of an Internet scan and labels their security issues.
package main

import (
	"context"
	"errors"
	"io"
	"os"
	"os/signal"
	"runtime"
	"sync/atomic"
	"syscall"

	"github.com/urfave/cli/v2"
)

func main() {
	runtime.MemProfileRate = 0 // nobody asks for that profile

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // the second signal ends the process at once
	code := run(whileTerminal(ctx), os.Args, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// whileTerminal returns a context that also ends with the terminal, which nohup has ignored. Its end is told twice, by the shell
// and by the kernel, so that the second time must not end the process at once.
func whileTerminal(ctx context.Context) context.Context {
	if signal.Ignored(syscall.SIGHUP) {
		return ctx
	}
	ctx, cancel := context.WithCancel(ctx)
	hungUp := make(chan os.Signal, 1)
	signal.Notify(hungUp, syscall.SIGHUP)
	go func() {
		<-hungUp
		cancel()
	}()
	return ctx
}

// run runs a command line and returns what the process exits with. Data goes to stdout, talk to stderr.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	data, asLog := &output{to: stdout}, false
	app := newApp(data, stderr)
	app.ExitErrHandler = func(c *cli.Context, _ error) { asLog = c.String("log-format") == "json" } // run decides of the rest
	err := app.RunContext(ctx, intersperse(app, args))
	if failed := data.err(); failed != nil && !errors.Is(err, failed) {
		err = errors.Join(err, failed)
	}
	if asLog {
		complainAsLog(stderr, err)
	} else {
		complain(stderr, err)
	}
	return exitOf(err)
}

// output is standard output. It remembers why it could not be written, so that commands need not ask after every line.
type output struct {
	to     io.Writer
	failed atomic.Pointer[error] // the first error; nothing is written after it
}

func (o *output) Write(p []byte) (n int, err error) {
	if err := o.err(); err != nil {
		return 0, err
	}
	if n, err = o.to.Write(p); err != nil {
		o.failed.Store(&err)
	}
	return n, err
}

func (o *output) err() error {
	if failed := o.failed.Load(); failed != nil {
		return *failed
	}
	return nil
}

// newApp puts the commands together.
func newApp(stdout, stderr io.Writer) *cli.App {
	return &cli.App{
		Name:  "dice",
		Usage: "identify the devices of an Internet scan and label their security issues",
		Description: "One binary does this on a laptop with nothing installed, and on a fleet with the same command.\n\n" +
			"Examples:\n" +
			"   dice generate --rows 100000 --seed 1 --layout jsonl -o scan\n" +
			"   dice classify --signatures '*' -s zgrab2 -f 'scan/zgrab2_*' -o out\n" +
			"   dice summary out\n\n" + exitHelp(exitCancelled),
		Version:            version(),
		HideVersion:        true, // dice version
		SliceFlagSeparator: "\n", // patterns contain commas
		Writer:             stdout,
		ErrWriter:          stderr,
		Flags:              globalFlags(),
		Before:             startProfile,
		After:              stopProfile,
		Commands:           commands(),
		OnUsageError:       usageError,
		Action:             noCommand,
	}
}

// commands lists all commands.
func commands() []*cli.Command {
	list := []*cli.Command{
		cancelCommand(),
		classifyCommand(),
		exportCommand(),
		generateCommand(),
		ingestCommand(),
		planCommand(),
		signaturesCommand(),
		statusCommand(),
		summaryCommand(),
		sweepCommand(),
		versionCommand(),
		workerCommand(),
	}
	for _, command := range list {
		command.OnUsageError = usageError
	}
	return list
}

// globalFlags are the flags of all commands. They stand before the command's name.
func globalFlags() []cli.Flag {
	return []cli.Flag{
		&cli.BoolFlag{Name: "version", Usage: "print the version, as dice version does"},
		&cli.StringFlag{Name: "log-format", Value: "text", EnvVars: []string{"DICE_LOG_FORMAT"}, Usage: "format of log lines on standard error: text or json"},
		&cli.StringFlag{Name: "log-level", Value: "info", EnvVars: []string{"DICE_LOG_LEVEL"}, Usage: "least level that is logged: debug, info, warn or error"},
		&cli.StringFlag{Name: "cpu-profile", EnvVars: []string{"DICE_CPU_PROFILE"}, Usage: "file that gets a profile of the processor time, for go tool pprof"},
		&cli.StringFlag{Name: "s3-checksums", Value: "when-supported", EnvVars: []string{"DICE_S3_CHECKSUMS"}, Usage: "checksums with S3: when-supported, or when-required for services that stumble over them"},
	}
}
