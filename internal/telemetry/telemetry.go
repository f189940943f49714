// Package telemetry tells people how a run is going: log lines for services, a progress bar for a terminal.
//
// Both share one stream, standard error. A [Progress] is the writer that keeps them apart: log lines written to it push
// the bar down. Where there is no terminal the bar becomes a log line every ten seconds.
package telemetry

import (
	"fmt"
	"io"
	"log/slog"
	"slices"
)

// Formats lists the formats of log lines.
func Formats() []string { return []string{"text", "json"} }

// Keys of attributes that several packages use. Those beside and below this one cannot, and write them alike.
const (
	KeyError  = "error"
	KeyJob    = "job"
	KeyObject = "object"
	KeyOutput = "output"
	KeyPhase  = "phase"
	KeyRows   = "rows"
	KeyStage  = "stage"
	KeyTask   = "task"
	KeyWorker = "worker"
)

// NewLogger returns a logger of one of Formats that writes lines of at least that level (debug, info, warn, error) to w.
func NewLogger(w io.Writer, format, level string) (*slog.Logger, error) {
	var least slog.Level
	if err := least.UnmarshalText([]byte(level)); err != nil {
		return nil, fmt.Errorf("log level %q: want debug, info, warn or error", level)
	}
	if !slices.Contains(Formats(), format) {
		return nil, fmt.Errorf("log format %q: want one of %v", format, Formats())
	}
	options := &slog.HandlerOptions{Level: least}
	if format == "json" {
		return slog.New(slog.NewJSONHandler(w, options)), nil
	}
	return slog.New(slog.NewTextHandler(w, options)), nil
}
