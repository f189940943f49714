package queue

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"
)

// serverLog passes the log of an embedded server on, and remembers its last error, for the message of a failed start, and
// its last complaint, for that of a queue which it could not make. What is said again and again is passed on seldom.
type serverLog struct {
	logger *slog.Logger

	mu        sync.Mutex
	fault     error
	complaint string
	said      map[string]*seldom // by text
}

const (
	repeatAgain = 10 * time.Minute // after which a text is passed on once more
	mostSaid    = 100              // texts are remembered
)

var errNoReason = errors.New("the server gave no reason")

// say passes on what the server complains of.
func (l *serverLog) say(level slog.Level, text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.complaint = text
	if level == slog.LevelError {
		l.fault = errors.New(text)
	}
	told := l.said[text]
	if told == nil {
		if l.said == nil || len(l.said) == mostSaid {
			l.said = map[string]*seldom{}
		}
		told = &seldom{every: repeatAgain}
		l.said[text] = told
	}
	if told.due(time.Now()) {
		l.logger.Log(context.Background(), level, "NATS server", "message", text)
	}
}

// complained is what the server complained of last.
func (l *serverLog) complained() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.complaint
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
	l.say(slog.LevelWarn, fmt.Sprintf(format, v...))
}

// Errorf implements server.Logger.
func (l *serverLog) Errorf(format string, v ...any) {
	l.say(slog.LevelError, fmt.Sprintf(format, v...))
}

// Fatalf implements server.Logger. The server stops by itself; this process goes on.
func (l *serverLog) Fatalf(format string, v ...any) {
	l.say(slog.LevelError, fmt.Sprintf(format, v...))
}

// Debugf implements server.Logger.
func (l *serverLog) Debugf(string, ...any) {}

// Tracef implements server.Logger.
func (l *serverLog) Tracef(string, ...any) {}
