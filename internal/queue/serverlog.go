package queue

import (
	"errors"
	"fmt"
	"log/slog"
	"sync"
)

// serverLog passes the log of an embedded server on and remembers its last error, for the message of a failed start.
type serverLog struct {
	logger *slog.Logger

	mu    sync.Mutex
	fault error
}

var errNoReason = errors.New("the server gave no reason")

func (l *serverLog) note(format string, v []any) {
	text := fmt.Sprintf(format, v...)
	l.mu.Lock()
	l.fault = errors.New(text)
	l.mu.Unlock()
	l.logger.Error("NATS server", "message", text)
}

func (l *serverLog) last() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.fault == nil {
		return errNoReason
	}
	return l.fault
}

// Noticef implements server.Logger.
func (l *serverLog) Noticef(format string, v ...any) {
	l.logger.Debug("NATS server", "message", fmt.Sprintf(format, v...))
}

// Warnf implements server.Logger.
func (l *serverLog) Warnf(format string, v ...any) {
	l.logger.Warn("NATS server", "message", fmt.Sprintf(format, v...))
}

// Errorf implements server.Logger.
func (l *serverLog) Errorf(format string, v ...any) { l.note(format, v) }

// Fatalf implements server.Logger. The server stops by itself; this process goes on.
func (l *serverLog) Fatalf(format string, v ...any) { l.note(format, v) }

// Debugf implements server.Logger.
func (l *serverLog) Debugf(string, ...any) {}

// Tracef implements server.Logger.
func (l *serverLog) Tracef(string, ...any) {}
