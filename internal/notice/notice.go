// Package notice learns that this machine is about to go away, so that a worker can leave in good order: from a file
// that somebody creates, or from EC2, which warns spot instances two minutes before it takes them back, and recommends
// to leave those that are likely to be next.
package notice

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/feature/ec2/imds"
)

// Config says where notices come from. Its zero value waits for none.
type Config struct {
	File  string        // leave when this file exists
	EC2   bool          // ask EC2's instance metadata service
	Every time.Duration // how often; default 5 s
	Log   *slog.Logger
}

// Leave is in the chain of the cause of a context that a notice ended; it says why.
type Leave struct{ Reason string }

func (l Leave) Error() string { return "told to leave: " + l.Reason }

// defaultEvery is what EC2 recommends.
const defaultEvery = 5 * time.Second

// Context returns a context that ends with ctx, or with the first notice. Its cause is then a Leave. stop ends the
// waiting for notices, and must be called.
func Context(ctx context.Context, cfg Config) (watched context.Context, stop func(), err error) {
	watched, cancel := context.WithCancelCause(ctx)
	var watching sync.WaitGroup
	stop = func() {
		cancel(nil)
		watching.Wait()
	}
	var sources []func(context.Context) (string, error)
	if cfg.File != "" {
		sources = append(sources, func(context.Context) (string, error) { return fileNotice(cfg.File) })
	}
	if cfg.EC2 {
		aws, err := config.LoadDefaultConfig(ctx)
		if err != nil {
			stop()
			return nil, nil, fmt.Errorf("read AWS configuration: %w", err)
		}
		client := imds.NewFromConfig(aws)
		for _, path := range []string{"spot/instance-action", "events/recommendations/rebalance"} {
			sources = append(sources, func(ctx context.Context) (string, error) { return ec2Notice(ctx, client, path) })
		}
	}
	if cfg.Every <= 0 {
		cfg.Every = defaultEvery
	}
	for _, source := range sources {
		watching.Go(func() { watch(watched, cfg, source, cancel) })
	}
	return watched, stop, nil
}

// watch asks a source until it has a notice. A source in trouble is logged once, and asked again.
func watch(ctx context.Context, cfg Config, source func(context.Context) (string, error), leave context.CancelCauseFunc) {
	ticker := time.NewTicker(cfg.Every)
	defer ticker.Stop()
	for said := false; ; {
		reason, err := source(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case reason != "":
			cfg.Log.Info("this machine is to be left", "reason", reason)
			leave(Leave{reason})
			return
		case err != nil && !said:
			cfg.Log.Warn("look for notices to leave", "error", err)
			said = true
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

func fileNotice(path string) (string, error) {
	_, err := os.Stat(path)
	if errors.Is(err, os.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	return "file " + path + " exists", nil
}

// maxNotice bounds the text of a notice.
const maxNotice = 1 << 10

// ec2Notice asks for one kind of notice. There is none as long as the answer is 404.
func ec2Notice(ctx context.Context, client *imds.Client, path string) (string, error) {
	out, err := client.GetMetadata(ctx, &imds.GetMetadataInput{Path: path})
	var answer *awshttp.ResponseError
	if errors.As(err, &answer) && answer.HTTPStatusCode() == http.StatusNotFound {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("ask EC2 for %s: %w", path, err)
	}
	defer out.Content.Close()
	text, err := io.ReadAll(io.LimitReader(out.Content, maxNotice))
	if err != nil {
		return "", fmt.Errorf("ask EC2 for %s: %w", path, err)
	}
	return "EC2 " + path + ": " + strings.TrimSpace(string(text)), nil
}
