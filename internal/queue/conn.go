package queue

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/nats-io/nats.go"
)

// ConnConfig is how a connection behaves.
type ConnConfig struct {
	Name   string       // what the server's monitoring shows
	Logger *slog.Logger // hears about lost connections; nil: nobody
}

// options makes a connection that never gives up: it reconnects every one to three seconds, and notices a server that
// fell silent within a minute.
func (c ConnConfig) options() []nats.Option {
	log := c.Logger
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return []nats.Option{
		nats.Name(c.Name),
		nats.MaxReconnects(-1),
		nats.ReconnectWait(time.Second),
		nats.ReconnectJitter(2*time.Second, 2*time.Second),
		nats.PingInterval(20 * time.Second),
		nats.MaxPingsOutstanding(2),
		nats.Timeout(5 * time.Second),
		nats.IgnoreAuthErrorAbort(),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			if err != nil {
				log.Warn("lost NATS connection", "error", err)
			}
		}),
		nats.ReconnectHandler(func(nc *nats.Conn) { log.Info("reconnected to NATS", "url", nc.ConnectedUrlRedacted()) }),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { log.Warn("NATS", "error", err) }),
	}
}

// Dial connects to a NATS server. It waits for one that does not answer yet until ctx ends, but not for one that
// refuses the credentials. The connection outlives any later absence of the server; Close ends it.
func Dial(ctx context.Context, url string, cfg ConnConfig) (*nats.Conn, error) {
	connected, failed := make(chan struct{}, 1), make(chan error, 1)
	opts := append(cfg.options(), nats.RetryOnFailedConnect(true),
		nats.ConnectHandler(func(*nats.Conn) { connected <- struct{}{} }),
		nats.ReconnectErrHandler(func(_ *nats.Conn, err error) {
			select {
			case failed <- err:
			default: // nobody waits any more
			}
		}))
	conn, err := nats.Connect(url, opts...)
	if err != nil {
		return nil, fmt.Errorf("connect to NATS: %w", err) // without the address, as that may hold a password
	}
	last := errors.New("no answer yet")
	for {
		select {
		case <-connected:
			return conn, nil
		case last = <-failed:
			if !errors.Is(last, nats.ErrAuthorization) && !errors.Is(last, nats.ErrAuthExpired) {
				continue
			}
		case <-ctx.Done():
			last = fmt.Errorf("%w; last try: %w", context.Cause(ctx), last)
		}
		conn.Close()
		return nil, fmt.Errorf("connect to NATS: %w", last)
	}
}
