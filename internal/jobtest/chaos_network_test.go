package jobtest

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
)

// island is a network namespace with one cable to this machine, which can be pulled: what is sent then is lost without
// a word, as on a network that is cut.
type island struct {
	name, cable string
	host        string // this machine's address at the cable
	mu          sync.Mutex
	forwards    []net.Listener
}

// newIsland makes a namespace, or says why this machine does not allow it.
func newIsland(t *testing.T) (*island, error) {
	t.Helper()
	id := os.Getpid() % 10000
	i := &island{name: fmt.Sprintf("dice-%d", id), cable: fmt.Sprintf("dice%da", id), host: fmt.Sprintf("10.213.%d.1", id%250)}
	peer := fmt.Sprintf("dice%db", id)
	t.Cleanup(i.remove)
	for _, words := range []string{
		"netns add " + i.name,
		"link add " + i.cable + " type veth peer name " + peer,
		"link set " + peer + " netns " + i.name,
		"addr add " + i.host + "/24 dev " + i.cable,
		"link set " + i.cable + " up",
		"-n " + i.name + " addr add " + strings.TrimSuffix(i.host, "1") + "2/24 dev " + peer,
		"-n " + i.name + " link set " + peer + " up",
		"-n " + i.name + " link set lo up",
	} {
		if err := ip(words); err != nil {
			return nil, err
		}
	}
	return i, nil
}

func ip(words string) error {
	if out, err := exec.Command("ip", strings.Fields(words)...).CombinedOutput(); err != nil {
		return fmt.Errorf("ip %s: %w: %s", words, err, out)
	}
	return nil
}

func (i *island) remove() {
	for _, l := range i.forwards {
		l.Close()
	}
	_ = ip("netns del " + i.name) // the cable goes with it; it may never have come about
	_ = ip("link del " + i.cable)
}

// pull pulls the cable, or plugs it in again.
func (i *island) pull(out bool) error {
	state := "up"
	if out {
		state = "down"
	}
	return ip("link set " + i.cable + " " + state)
}

// command is how a program is run on the island.
func (i *island) command(name string, args ...string) *exec.Cmd {
	return exec.Command("ip", append([]string{"netns", "exec", i.name, name}, args...)...)
}

// forward makes a loopback address of this machine reachable from the island, and returns where.
func (i *island) forward(to func() string) (string, error) {
	l, err := net.Listen("tcp", net.JoinHostPort(i.host, "0"))
	if err != nil {
		return "", err
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.forwards = append(i.forwards, l)
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return // closed
			}
			go pipe(conn, to())
		}
	}()
	return l.Addr().String(), nil
}

// pipe carries one connection until either side ends it.
func pipe(conn net.Conn, to string) {
	defer conn.Close()
	other, err := net.Dial("tcp", to)
	if err != nil {
		return
	}
	defer other.Close()
	done := make(chan struct{}, 2)
	for _, way := range [][2]net.Conn{{conn, other}, {other, conn}} {
		go func() {
			if _, err := io.Copy(way[0], way[1]); err != nil && !errors.Is(err, net.ErrClosed) {
				way[0].Close()
			}
			done <- struct{}{}
		}()
	}
	<-done
}
