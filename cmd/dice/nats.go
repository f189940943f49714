package main

import (
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/dice-engine/dice/internal/queue"
)

// natsFlags say where the queue is, and how to prove to it who this is.
func natsFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "nats", EnvVars: []string{"DICE_NATS"},
			Usage: "URL of the NATS server that is the queue, like nats://host:4222 or tls://host:4222; several with commas"},
		&cli.StringFlag{Name: "pool", Value: queue.DefaultPool, EnvVars: []string{"DICE_POOL"},
			Usage: "name under which jobs and workers find each other on a shared queue"},
		&cli.StringFlag{Name: "nats-token", EnvVars: []string{"DICE_NATS_TOKEN"},
			Usage: "token that the queue asks for"},
		&cli.StringFlag{Name: "nats-user", EnvVars: []string{"DICE_NATS_USER"},
			Usage: "user that the queue asks for"},
		&cli.StringFlag{Name: "nats-password", EnvVars: []string{"DICE_NATS_PASSWORD"},
			Usage: "the user's password; the environment variable keeps it out of the list of processes"},
		&cli.StringFlag{Name: "nats-creds", EnvVars: []string{"DICE_NATS_CREDS"},
			Usage: "credentials file (.creds) that the queue asks for"},
		&cli.StringFlag{Name: "nats-ca", EnvVars: []string{"DICE_NATS_CA"},
			Usage: "PEM file of the authorities that vouch for the queue (default: the system's)"},
		&cli.StringFlag{Name: "nats-cert", EnvVars: []string{"DICE_NATS_CERT"},
			Usage: "PEM file of a client certificate that the queue asks for"},
		&cli.StringFlag{Name: "nats-key", EnvVars: []string{"DICE_NATS_KEY"},
			Usage: "PEM file of its key"},
	}
}

// connConfig is how this process connects to the queue.
func connConfig(c *cli.Context, name string, log *slog.Logger) (queue.ConnConfig, error) {
	cfg := queue.ConnConfig{Name: name, Pool: c.String("pool"), Logger: log, Credentials: queue.Credentials{
		Token: c.String("nats-token"), User: c.String("nats-user"), Password: c.String("nats-password"),
		File: c.String("nats-creds"), CA: c.String("nats-ca"), Cert: c.String("nats-cert"), Key: c.String("nats-key"),
	}}
	if err := cfg.Validate(); err != nil {
		return cfg, fmt.Errorf("%w: --nats: %w", errUsage, err)
	}
	for address := range strings.SplitSeq(c.String("nats"), ",") {
		scheme, _, ok := strings.Cut(strings.TrimSpace(address), "://")
		if ok && !slices.Contains([]string{"nats", "tls", "ws", "wss"}, scheme) {
			return cfg, fmt.Errorf("%w: --nats with scheme %q: want nats, tls, ws or wss", errUsage, scheme)
		}
	}
	return cfg, nil
}

// listenFlags say how the embedded queue accepts workers of other machines.
func listenFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "listen", EnvVars: []string{"DICE_LISTEN"},
			Usage: "address on which the embedded queue accepts dice worker processes, like 0.0.0.0:4222"},
		&cli.StringFlag{Name: "token", EnvVars: []string{"DICE_TOKEN"},
			Usage: "what workers must present to --listen, by --nats-token or as nats://TOKEN@host:port"},
		&cli.StringFlag{Name: "listen-cert", EnvVars: []string{"DICE_LISTEN_CERT"},
			Usage: "PEM file of a certificate: connections to --listen are encrypted"},
		&cli.StringFlag{Name: "listen-key", EnvVars: []string{"DICE_LISTEN_KEY"},
			Usage: "PEM file of its key"},
		&cli.StringFlag{Name: "listen-ca", EnvVars: []string{"DICE_LISTEN_CA"},
			Usage: "PEM file of the authorities that must vouch for workers' certificates"},
		&cli.BoolFlag{Name: "insecure", EnvVars: []string{"DICE_INSECURE"},
			Usage: "listen to other machines without --token or --listen-ca"},
	}
}

// checkListen refuses to let strangers take part, unless the user insists.
func checkListen(c *cli.Context) error {
	listen := c.String("listen")
	for _, name := range []string{"token", "listen-cert", "listen-ca"} {
		if listen == "" && isTyped(c, name) {
			return fmt.Errorf("%w: --%s is for --listen, which is not given; what --nats wants is named --nats-…", errUsage, name)
		}
	}
	switch {
	case (c.String("listen-cert") == "") != (c.String("listen-key") == ""):
		return fmt.Errorf("%w: --listen-cert and --listen-key go together", errUsage)
	case c.String("listen-ca") != "" && c.String("listen-cert") == "":
		return fmt.Errorf("%w: --listen-ca needs --listen-cert", errUsage)
	case listen == "" && c.String("nats") == "" && c.Int("workers") == 0:
		return fmt.Errorf("%w: --workers 0 leaves the work to others, who need --listen or --nats to find it", errUsage)
	case listen == "":
		return nil
	case c.String("nats") != "":
		return fmt.Errorf("%w: --listen is for the embedded queue, and --nats names another one", errUsage)
	}
	host, port, err := net.SplitHostPort(listen)
	if err != nil {
		return fmt.Errorf("%w: --listen: %w", errUsage, err)
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return fmt.Errorf("%w: --listen %s: want a port from 0 to 65535", errUsage, listen)
	}
	addr, err := netip.ParseAddr(host)
	local := host == "localhost" || err == nil && addr.IsLoopback()
	if !local && c.String("token") == "" && c.String("listen-ca") == "" && !c.Bool("insecure") {
		return fmt.Errorf("%w: --listen %s lets every machine in reach take part: set --token, or insist with --insecure",
			errUsage, listen)
	}
	return nil
}
