// Command install builds the servers that tests need into the cache, so that a first test run does not wait for them.
//
//	go run ./internal/servertest/install
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"

	"github.com/dice-engine/dice/internal/servertest"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "install:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	for _, p := range servertest.Programs() {
		path, err := p.Install(ctx)
		if err != nil {
			return err
		}
		fmt.Println(path)
	}
	return nil
}
