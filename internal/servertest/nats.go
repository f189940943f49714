package servertest

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
)

// sharedNATS is the one separate nats-server of this test binary. It ends with the process.
var sharedNATS = sync.OnceValues(func() (*Server, error) { return runNATS() })

// NATS returns the URL of a separate nats-server with JetStream that all tests of this binary share.
func NATS(t testing.TB) (url string) {
	t.Helper()
	s, err := sharedNATS()
	if err != nil {
		t.Fatalf("nats-server is needed: %v", err)
	}
	return "nats://" + s.Addr
}

// StartNATS starts a nats-server for this test alone, to be stopped, killed and started again with its JetStream
// data. Its URL is "nats://" + Addr. It ends with the test.
func StartNATS(t testing.TB) *Server {
	t.Helper()
	s, err := runNATS()
	if err != nil {
		t.Fatalf("nats-server is needed: %v", err)
	}
	t.Cleanup(s.Kill)
	return s
}

// StartNATSWith starts a nats-server for this test alone, with a configuration file and an environment for it. Address
// and folder are chosen here all the same.
func StartNATSWith(t testing.TB, config string, env ...string) *Server {
	t.Helper()
	s, err := newNATS()
	if err != nil {
		t.Fatalf("nats-server is needed: %v", err)
	}
	s.args, s.env = append(s.args, "--config", config), append(s.env, env...)
	if err := s.Start(); err != nil {
		t.Fatalf("nats-server is needed: %v", err)
	}
	t.Cleanup(s.Kill)
	return s
}

func runNATS() (*Server, error) {
	s, err := newNATS()
	if err != nil {
		return nil, err
	}
	return s, s.Start()
}

func newNATS() (*Server, error) {
	dir, err := scratch("nats")
	if err != nil {
		return nil, err
	}
	addr, err := freeAddr()
	if err != nil {
		return nil, err
	}
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, fmt.Errorf("split %s: %w", addr, err)
	}
	return &Server{
		Addr: addr, Dir: dir, program: natsProgram(), env: baseEnv(), ready: natsReady,
		args: []string{"--jetstream", "--addr", host, "--port", port, "--store_dir", dir},
	}, nil
}

// natsReady reads the greeting, which the server sends once it accepts clients.
func natsReady(ctx context.Context, addr string) error {
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", addr)
	if err != nil {
		return err
	}
	defer conn.Close()
	line, err := bufio.NewReaderSize(conn, 1<<16).ReadString('\n')
	if err != nil {
		return err
	}
	if !strings.Contains(line, `"jetstream":true`) {
		return fmt.Errorf("greeting without JetStream: %s", tail(line, 200))
	}
	return nil
}
