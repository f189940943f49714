package queue

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"time"

	"github.com/nats-io/nats.go"
)

// Conn is a connection to a NATS server on behalf of one pool: a name under which coordinators and workers find each
// other. Jobs of one pool are worked on by the workers of that pool alone.
type Conn struct {
	*nats.Conn
	pool string
	own  *serverLog // of a server in this process; nil: the server is elsewhere
}

// ConnConfig is how a connection behaves. Its zero value is sensible.
type ConnConfig struct {
	Name        string       // what the server's monitoring shows
	Pool        string       // default: DefaultPool
	Credentials Credentials  //
	Logger      *slog.Logger // hears about lost connections; nil: nobody
}

// Validate reports all faults of the configuration.
func (c ConnConfig) Validate() error {
	err := c.Credentials.Validate()
	if c.Pool != "" && !isToken(c.Pool) {
		err = errors.Join(fmt.Errorf("pool %q: want 1 to 64 letters, digits, '-' or '_'", c.Pool), err)
	}
	return err
}

func (c ConnConfig) withDefaults() ConnConfig {
	if c.Pool == "" {
		c.Pool = DefaultPool
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c
}

// options makes a connection that never gives up: it reconnects every one to three seconds, and notices a server that
// fell silent within a minute. Answers come to the pool's own inbox, so that permissions can keep others from it.
func (c ConnConfig) options() []nats.Option {
	log := c.Logger
	return append(c.Credentials.options(),
		nats.Name(c.Name),
		nats.CustomInboxPrefix(inboxPrefix+c.Pool),
		nats.MaxReconnects(-1),
		nats.ReconnectWait(time.Second),
		nats.ReconnectJitter(2*time.Second, 2*time.Second),
		nats.PingInterval(20*time.Second),
		nats.MaxPingsOutstanding(2),
		nats.Timeout(5*time.Second),
		nats.IgnoreAuthErrorAbort(),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			if err != nil {
				log.Warn("lost NATS connection", "error", err)
			}
		}),
		nats.ReconnectHandler(func(nc *nats.Conn) { log.Info("reconnected to NATS", "url", connectedTo(nc)) }),
		nats.ErrorHandler(c.complain()),
	)
}

// refusedAgain is how often people are told that a server refuses this process, which tries again every second or two.
const refusedAgain = 10 * time.Second

// complain returns what tells people of trouble with a connection. NATS calls it for one thing after the other.
func (c ConnConfig) complain() nats.ErrHandler {
	told := seldom{every: refusedAgain}
	return func(conn *nats.Conn, _ *nats.Subscription, err error) {
		if !refused(err) && conn.IsConnected() {
			c.Logger.Warn("NATS", "error", err)
		} else if told.due(time.Now()) {
			c.Logger.Warn("no connection to NATS, and this process goes on trying", "error", advise(err))
		}
	}
}

// How often somebody who waits for a server is told so, and how often a refusal is looked for that nobody reports: NATS
// tells only of the first try whether the server refused it.
const (
	sayAgain  = 30 * time.Second
	lookAgain = time.Second
)

// Dial connects to a NATS server. It waits for one that does not answer yet until ctx ends, and says so, but not for
// one that refuses the credentials or cannot prove who it is. The connection outlives any later absence of the server;
// Close ends it.
func Dial(ctx context.Context, address string, cfg ConnConfig) (*Conn, error) {
	if err := errors.Join(cfg.Validate(), checkAddress(address)); err != nil {
		return nil, fmt.Errorf("connect to NATS: %w", err)
	}
	cfg = cfg.withDefaults()
	connected, failed := make(chan struct{}, 1), make(chan error, 1)
	opts := append(cfg.options(), nats.RetryOnFailedConnect(true),
		nats.ConnectHandler(func(*nats.Conn) { connected <- struct{}{} }),
		nats.ReconnectErrHandler(func(_ *nats.Conn, err error) {
			select {
			case failed <- err:
			default: // nobody waits any more
			}
		}))
	conn, err := nats.Connect(address, opts...)
	var unreadable *url.Error
	if errors.As(err, &unreadable) { // which quotes the URL
		err = errAddress
	}
	if err != nil {
		return nil, fmt.Errorf("connect to NATS: %w", err)
	}
	log := cfg.Logger.With("url", publicAddress(address))
	if err := await(ctx, conn, connected, failed, log); err != nil {
		conn.Close()
		return nil, fmt.Errorf("connect to NATS at %s: %w", publicAddress(address), err)
	}
	return &Conn{Conn: conn, pool: cfg.Pool}, nil
}

// await returns when the connection is there, or cannot be. That no server answered the first try is not told, as the next
// one, a moment later, tells why.
func await(ctx context.Context, conn *nats.Conn, connected <-chan struct{}, failed <-chan error, log *slog.Logger) error {
	last, told := errors.New("no answer yet"), seldom{every: sayAgain}
	ticker := time.NewTicker(lookAgain)
	defer ticker.Stop()
	for {
		select {
		case <-connected:
			return nil
		case err := <-failed:
			last = err
		case <-ticker.C:
			if err := conn.LastError(); err != nil {
				last = err
			}
		case <-ctx.Done():
			return fmt.Errorf("%w; last try: %w", context.Cause(ctx), last)
		}
		if refused(last) {
			return advise(last)
		}
		if !errors.Is(last, nats.ErrNoServers) && told.due(time.Now()) {
			log.Warn("waiting for NATS", "error", last)
		}
	}
}
