package main

import (
	"fmt"
	"os"
	"runtime/pprof"

	"github.com/urfave/cli/v2"
)

// startProfile begins the profile that was asked for.
func startProfile(c *cli.Context) error {
	name := c.String("cpu-profile")
	if name == "" {
		return nil
	}
	file, err := os.Create(name)
	if err == nil {
		err = pprof.StartCPUProfile(file)
	}
	if err != nil {
		return fmt.Errorf("begin profile: %w", err)
	}
	return nil
}

// stopProfile completes the profile, if there is one. Its file is closed with the process.
func stopProfile(*cli.Context) error {
	pprof.StopCPUProfile()
	return nil
}
