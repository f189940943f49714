// Command run puts a proxy with faults before an S3 server, for trying things out by hand:
//
//	go run ./internal/servertest/faultproxy/run -backend 127.0.0.1:9000 -seed 7 -wait 50ms 503=0.1 reset-after=0.05
//
// It prints its address, and at the interrupt how often each fault happened.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/dice-engine/dice/internal/servertest/faultproxy"
)

func main() {
	backend := flag.String("backend", "", "host:port of the server")
	seed := flag.Uint64("seed", 1, "what faults are drawn from")
	wait := flag.Duration("wait", time.Second, "how long a delay is, or a listing's lag")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *backend, *seed, *wait, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "run:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, backend string, seed uint64, wait time.Duration, args []string) error {
	if backend == "" {
		return errors.New("-backend is missing")
	}
	var rules []faultproxy.Rule
	for _, arg := range args {
		name, rate, _ := strings.Cut(arg, "=")
		probability, err := strconv.ParseFloat(rate, 64)
		fault := faultproxy.Fault(name)
		if err != nil || !slices.Contains(faultproxy.Faults(), fault) {
			return fmt.Errorf("read %q: want fault=probability with one of %q", arg, faultproxy.Faults())
		}
		rules = append(rules, faultproxy.Rule{Fault: fault, Rate: probability, Wait: wait})
	}
	p, err := faultproxy.Start(backend, seed)
	if err != nil {
		return err
	}
	defer p.Close()
	p.Set(rules...)
	fmt.Println(p.Addr)
	<-ctx.Done()
	fmt.Println(p.Counts())
	return nil
}
