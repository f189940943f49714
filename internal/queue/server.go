package queue

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

// ServerConfig is how an embedded server runs.
type ServerConfig struct {
	StoreDir string       // where JetStream keeps tasks; one per server
	Listen   string       // host:port for workers elsewhere; empty: only this process can connect
	Token    string       // what clients must present, as nats://TOKEN@host:port; empty: nothing
	MaxStore int64        // octets that tasks may take on disk; default 4 GiB
	Logger   *slog.Logger // hears the server's warnings, and its notices at level Debug; nil: nobody
}

// Server is a NATS server in this process.
type Server struct {
	srv   *server.Server
	token string
}

const (
	readyTimeout    = 30 * time.Second // a server with many stored tasks needs some 0.1 s
	defaultMaxStore = 4 << 30
)

// Start starts an embedded server and returns when it accepts connections.
func Start(cfg ServerConfig) (*Server, error) {
	opts, err := cfg.options()
	if err != nil {
		return nil, fmt.Errorf("start NATS server: %w", err)
	}
	srv, err := server.NewServer(opts)
	if err != nil {
		return nil, fmt.Errorf("start NATS server: %w", err)
	}
	log := &serverLog{logger: cfg.Logger}
	if cfg.Logger == nil {
		log.logger = slog.New(slog.DiscardHandler)
	}
	srv.SetLogger(log, false, false)
	srv.Start()
	if !ready(srv, log) {
		srv.Shutdown()
		return nil, fmt.Errorf("start NATS server with %s on %q: is the address free and the folder writable? %w",
			cfg.StoreDir, cfg.Listen, log.last())
	}
	return &Server{srv: srv, token: cfg.Token}, nil
}

// ready waits until the server accepts connections, or has reported an error, after which it never will.
func ready(srv *server.Server, log *serverLog) bool {
	for deadline := time.Now().Add(readyTimeout); time.Now().Before(deadline); {
		if srv.ReadyForConnections(50 * time.Millisecond) {
			return srv.JetStreamEnabled()
		}
		if log.last() != errNoReason {
			return false
		}
	}
	return false
}

func (c ServerConfig) options() (*server.Options, error) {
	if c.StoreDir == "" {
		return nil, errors.New("no folder for its store is given")
	}
	opts := &server.Options{
		ServerName: "dice", JetStream: true, StoreDir: c.StoreDir, JetStreamMaxStore: c.MaxStore,
		NoSigs: true, DontListen: c.Listen == "", Authorization: c.Token, DisableJetStreamBanner: true,
	}
	if c.MaxStore <= 0 {
		opts.JetStreamMaxStore = defaultMaxStore
	}
	if c.Listen == "" {
		return opts, nil
	}
	host, port, err := net.SplitHostPort(c.Listen)
	if err != nil {
		return nil, fmt.Errorf("listen on %q: %w", c.Listen, err)
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return nil, fmt.Errorf("listen on %q: %w", c.Listen, err)
	}
	opts.Host, opts.Port = host, int(n)
	if host == "" {
		opts.Host = server.DEFAULT_HOST
	}
	if n == 0 {
		opts.Port = server.RANDOM_PORT
	}
	return opts, nil
}

// URL is where clients connect, without the token; it means nothing where the server does not listen.
func (s *Server) URL() string { return s.srv.ClientURL() }

// Connect connects within the process.
func (s *Server) Connect(cfg ConnConfig) (*nats.Conn, error) {
	opts := append(cfg.options(), nats.InProcessServer(s.srv))
	if s.token != "" {
		opts = append(opts, nats.Token(s.token))
	}
	conn, err := nats.Connect(nats.DefaultURL, opts...)
	if err != nil {
		return nil, fmt.Errorf("connect to embedded NATS server: %w", err)
	}
	return conn, nil
}

// Shutdown stops the server and waits until its store is closed. Connections to it reconnect for ever: close them.
func (s *Server) Shutdown() {
	s.srv.Shutdown()
	s.srv.WaitForShutdown()
}
