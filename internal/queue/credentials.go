package queue

import (
	"errors"

	"github.com/nats-io/nats.go"
)

// Credentials are how a client proves to a server who it is, and how it knows the server. The zero value connects
// without, or with what the URL holds (nats://TOKEN@host, nats://USER:PASSWORD@host).
type Credentials struct {
	Token    string
	User     string
	Password string
	File     string // .creds: a user's JWT and key, as NATS's own tools make it

	CA   string // PEM file of the authorities that may vouch for the server; empty: the system's
	Cert string // PEM file of a client certificate, for servers that ask for one
	Key  string // PEM file of its key
}

// Validate names what does not go together.
func (c Credentials) Validate() error {
	var faults []error
	ways := 0
	for _, given := range []bool{c.Token != "", c.User != "", c.File != ""} {
		if given {
			ways++
		}
	}
	if ways > 1 {
		faults = append(faults, errors.New("give one of a token, a user with password, and a credentials file"))
	}
	if (c.User == "") != (c.Password == "") {
		faults = append(faults, errors.New("a user needs a password, and a password a user"))
	}
	if (c.Cert == "") != (c.Key == "") {
		faults = append(faults, errors.New("a client certificate needs its key, and a key its certificate"))
	}
	return errors.Join(faults...)
}

func (c Credentials) options() []nats.Option {
	var opts []nats.Option
	switch {
	case c.Token != "":
		opts = append(opts, nats.Token(c.Token))
	case c.User != "":
		opts = append(opts, nats.UserInfo(c.User, c.Password))
	case c.File != "":
		opts = append(opts, nats.UserCredentials(c.File))
	}
	if c.CA != "" {
		opts = append(opts, nats.RootCAs(c.CA))
	}
	if c.Cert != "" {
		opts = append(opts, nats.ClientCert(c.Cert, c.Key))
	}
	return opts
}
