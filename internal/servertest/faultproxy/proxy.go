// Package faultproxy stands between an S3 client and an S3 server and lets go wrong what goes wrong between the two.
//
// DICE promises the same result whatever its store does to it on the way: answers that get lost, errors, bodies that
// end early or arrive changed. A proxy before a real server shows all of it to the real client, byte for byte as a
// network would, and everything else unchanged: the Host header passes as the client signed it.
//
//	p, err := faultproxy.Start("127.0.0.1:9000", 1) // answers at p.Addr
//	p.Set(faultproxy.Rule{Fault: faultproxy.ResetAfter, Rate: 0.3, Method: "PUT"})
//	fmt.Println(p.Counts()) // reset-after 17
//	p.Close()
//
// Faults are drawn from the seed, the request and how often the request was seen, not from the order in which
// requests arrive: the third PUT of a key meets the same fate in every run with this seed.
package faultproxy

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"log"
	"maps"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

// Proxy is a proxy that runs. Its methods are safe for concurrent use.
type Proxy struct {
	Addr string // host:port, the same through Cut and Heal
	Seed uint64

	backend   string
	transport *http.Transport

	mu     sync.Mutex
	rules  []Rule
	left   []int64          // how often each rule may still strike; negative: without limit
	seen   map[string]int64 // how often a request was seen
	counts Counts
	made   map[string]time.Time // when an object, by path, became visible

	serving sync.Mutex // held by Cut, Heal and Close
	run     *run
}

// run is the time between two cuts.
type run struct {
	server *http.Server
	cancel context.CancelFunc // ends what requests wait for
	ended  chan struct{}
}

// Start starts a proxy on a free loopback port before a backend, given as host:port. It lets everything pass until Set.
func Start(backend string, seed uint64) (*Proxy, error) {
	p := &Proxy{
		Addr: "127.0.0.1:0", Seed: seed, backend: backend,
		transport: &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 64},
		seen:      map[string]int64{}, counts: Counts{}, made: map[string]time.Time{},
	}
	return p, p.Heal()
}

// Set replaces the rules. Of those that fit a request, the first that strikes is the one that counts.
func (p *Proxy) Set(rules ...Rule) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.rules, p.left = rules, make([]int64, len(rules))
	for i, r := range rules {
		if p.left[i] = r.Times; r.Times == 0 {
			p.left[i] = -1
		}
	}
}

// Counts returns how often each fault has happened so far.
func (p *Proxy) Counts() Counts {
	p.mu.Lock()
	defer p.mu.Unlock()
	return maps.Clone(p.counts)
}

// Cut drops all connections and refuses new ones, until Heal.
func (p *Proxy) Cut() {
	p.serving.Lock()
	defer p.serving.Unlock()
	if p.run == nil {
		return
	}
	_ = p.run.server.Close() // what it says of the listener does not matter
	p.run.cancel()
	<-p.run.ended
	p.run = nil
}

// Heal ends a Cut.
func (p *Proxy) Heal() error {
	p.serving.Lock()
	defer p.serving.Unlock()
	if p.run != nil {
		return nil
	}
	listener, err := net.Listen("tcp", p.Addr)
	if err != nil {
		return fmt.Errorf("start proxy: %w", err)
	}
	if p.Addr != listener.Addr().String() { // only the first time: others read it
		p.Addr = listener.Addr().String()
	}
	ctx, cancel := context.WithCancel(context.Background())
	r := &run{cancel: cancel, ended: make(chan struct{}), server: &http.Server{
		Handler: http.HandlerFunc(p.serve), ErrorLog: log.New(io.Discard, "", 0),
		BaseContext: func(net.Listener) context.Context { return ctx },
	}}
	go func() {
		defer close(r.ended)
		_ = r.server.Serve(listener) // ends by Cut or Close
	}()
	p.run = r
	return nil
}

// Close ends the proxy.
func (p *Proxy) Close() {
	p.Cut()
	p.transport.CloseIdleConnections()
}

// serve carries one request.
func (p *Proxy) serve(w http.ResponseWriter, r *http.Request) {
	x := &exchange{p: p, w: w, r: r}
	x.rule, x.rng = p.draw(r)
	x.carry()
}

// draw decides what happens to a request.
func (p *Proxy) draw(r *http.Request) (Rule, *rand.Rand) {
	p.mu.Lock()
	defer p.mu.Unlock()
	name := identity(r)
	n := p.seen[name]
	p.seen[name]++
	rng := rand.New(rand.NewChaCha8(sha256.Sum256(fmt.Appendf(nil, "%d %d %s", p.Seed, n, name))))
	for i, rule := range p.rules {
		if !rule.fits(r) {
			continue
		}
		if strikes := rng.Float64() < rule.Rate; strikes && p.left[i] != 0 {
			p.left[i]--
			return rule, rng
		}
	}
	return Rule{}, rng
}

// identity names a request by what is the same in every run: without the bucket, which is a test's own, and without
// the server's random tokens.
func identity(r *http.Request) string {
	query := r.URL.Query()
	query.Del("uploadId")
	query.Del("continuation-token")
	return strings.Join([]string{r.Method, key(r), query.Encode(), r.Header.Get("Range")}, " ")
}

func (p *Proxy) count(f Fault) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.counts[f]++
}
