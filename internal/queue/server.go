package queue

import (
	"crypto/rand"
	"crypto/subtle"
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
	Pool     string       // the pool whose workers may connect; default: DefaultPool
	Token    string       // what workers must present, as nats://TOKEN@host:port; empty: nothing
	Cert     string       // PEM file of the server's certificate; empty: connections are not encrypted
	Key      string       // PEM file of its key
	ClientCA string       // PEM file of the authorities that must vouch for a client's certificate; empty: none is asked for
	Logger   *slog.Logger // hears the server's warnings, and its notices at level Debug; nil: nobody
}

// Server is a NATS server in this process. Whoever connects over the network has the rights of a worker and no more.
type Server struct {
	srv    *server.Server
	log    *serverLog
	pool   string
	secret string // proves that a client is in this process
}

const (
	readyTimeout = 30 * time.Second // a server with many stored tasks needs some 0.1 s
	maxStore     = 4 << 30          // octets that tasks may take on disk
	tlsTimeout   = 10               // seconds for a handshake
)

// Start starts an embedded server and returns when it accepts connections.
func Start(cfg ServerConfig) (*Server, error) {
	if cfg.Pool == "" {
		cfg.Pool = DefaultPool
	}
	s := &Server{pool: cfg.Pool, secret: rand.Text()}
	opts, err := cfg.options(s.secret)
	if err != nil {
		return nil, fmt.Errorf("start NATS server: %w", err)
	}
	if s.srv, err = server.NewServer(opts); err != nil {
		return nil, fmt.Errorf("start NATS server: %w", err)
	}
	s.log = &serverLog{logger: cfg.Logger}
	if cfg.Logger == nil {
		s.log.logger = slog.New(slog.DiscardHandler)
	}
	s.srv.SetLogger(s.log, false, false)
	s.srv.Start()
	if !ready(s.srv, s.log) {
		s.srv.Shutdown()
		return nil, fmt.Errorf("start NATS server with %s on %q: is the address free and the folder writable? %w",
			cfg.StoreDir, cfg.Listen, s.log.last())
	}
	return s, nil
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

func (c ServerConfig) options(secret string) (*server.Options, error) {
	if c.StoreDir == "" {
		return nil, errors.New("no folder for its store is given")
	}
	opts := &server.Options{
		ServerName: "dice", JetStream: true, StoreDir: c.StoreDir, JetStreamMaxStore: maxStore,
		NoSigs: true, DontListen: c.Listen == "", DisableJetStreamBanner: true,
		CustomClientAuthentication: doorkeeper{secret: secret, token: c.Token, worker: WorkerPermissions(c.Pool)},
	}
	if c.Listen == "" {
		return opts, nil
	}
	if err := c.encrypt(opts); err != nil {
		return nil, err
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

// encrypt makes the server ask for TLS, where there is a certificate.
func (c ServerConfig) encrypt(opts *server.Options) (err error) {
	if c.Cert == "" {
		return nil
	}
	opts.TLS, opts.TLSTimeout, opts.TLSVerify = true, tlsTimeout, c.ClientCA != ""
	opts.TLSConfig, err = server.GenTLSConfig(&server.TLSConfigOpts{
		CertFile: c.Cert, KeyFile: c.Key, CaFile: c.ClientCA, Verify: c.ClientCA != "",
	})
	return err
}

// doorkeeper lets this process do everything, and others what workers do if they bring the token.
type doorkeeper struct {
	secret string
	token  string
	worker Permissions
}

// Check implements server.Authentication.
func (d doorkeeper) Check(c server.ClientAuthentication) bool {
	given := []byte(c.GetOpts().Token)
	if subtle.ConstantTimeCompare(given, []byte(d.secret)) == 1 {
		c.RegisterUser(&server.User{Username: "coordinator"})
		return true
	}
	if d.token != "" && subtle.ConstantTimeCompare(given, []byte(d.token)) != 1 {
		return false
	}
	c.RegisterUser(&server.User{Username: "worker", Permissions: &server.Permissions{
		Publish:   &server.SubjectPermission{Allow: d.worker.Publish},
		Subscribe: &server.SubjectPermission{Allow: d.worker.Subscribe},
	}})
	return true
}

// URL is where clients connect, without the token; it means nothing where the server does not listen.
func (s *Server) URL() string { return s.srv.ClientURL() }

// Connect connects within the process, to the server's pool and with all rights.
func (s *Server) Connect(cfg ConnConfig) (*Conn, error) {
	cfg.Pool, cfg.Credentials = s.pool, Credentials{Token: s.secret}
	cfg = cfg.withDefaults()
	conn, err := nats.Connect(nats.DefaultURL, append(cfg.options(), nats.InProcessServer(s.srv))...)
	if err != nil {
		return nil, fmt.Errorf("connect to embedded NATS server: %w", err)
	}
	return &Conn{conn, s.pool, s.log}, nil
}

// Shutdown stops the server and waits until its store is closed. Connections to it reconnect for ever: close them.
func (s *Server) Shutdown() {
	s.srv.Shutdown()
	s.srv.WaitForShutdown()
}
