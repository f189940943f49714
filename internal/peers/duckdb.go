package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"syscall"
	"time"

	_ "github.com/duckdb/duckdb-go/v2" // the driver
)

// duckDB is the first argument of the process that runs DuckDB.
const duckDB = "duckdb"

// serve runs statements and prints how much processor time they took.
func serve(args []string) error {
	threads, err := strconv.Atoi(args[0])
	if err != nil {
		return err
	}
	db, err := sql.Open("duckdb", "")
	if err != nil {
		return err
	}
	defer db.Close()
	ctx := context.Background()
	if _, err := db.ExecContext(ctx, fmt.Sprintf("SET threads = %d", threads)); err != nil {
		return err
	}
	before, err := processorTime()
	if err != nil {
		return err
	}
	for _, statement := range args[1:] {
		if _, err := db.ExecContext(ctx, statement); err != nil {
			return fmt.Errorf("%s: %w", statement, err)
		}
	}
	after, err := processorTime()
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(measured{CPU: after - before})
}

// processorTime is what this process took so far.
func processorTime() (time.Duration, error) {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0, err
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()), nil
}
