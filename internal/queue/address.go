package queue

import (
	"errors"
	"net/url"
	"strings"

	"github.com/nats-io/nats.go"
)

// errAddress stands for every fault of an address, as an error that quotes it would quote its token or password.
var errAddress = errors.New("the URL cannot be read: special characters in a token, a user or a password are to be percent-encoded, " +
	"and of several servers each has its scheme")

// checkAddress refuses an address, one or several URLs with commas, whose token or password would be taken for a host,
// which is looked up, and so told to others. That happens to one with a '/', '?', '#' or ',' in it.
func checkAddress(address string) error {
	schemes := false
	for part := range strings.SplitSeq(address, ",") {
		_, rest, scheme := strings.Cut(part, "://")
		if !scheme {
			rest = part
		}
		at := strings.LastIndex(rest, "@")
		if end := strings.IndexAny(rest, "/?#"); end >= 0 && end < at || at >= 0 && schemes && !scheme {
			return errAddress
		}
		schemes = schemes || scheme
	}
	return nil
}

// publicAddress is an address that checkAddress has passed, as it may be shown: without users, tokens and passwords.
func publicAddress(address string) string {
	parts := strings.Split(address, ",")
	for i, part := range parts {
		scheme, rest, ok := strings.Cut(strings.TrimSpace(part), "://")
		if !ok {
			scheme, rest = "nats", scheme
		}
		parts[i] = scheme + "://" + rest[strings.LastIndex(rest, "@")+1:]
	}
	return strings.Join(parts, ",")
}

// connectedTo is where a connection leads to, as it may be shown. NATS's own ConnectedUrlRedacted hides passwords, and no
// tokens, which are the URL's user.
func connectedTo(nc *nats.Conn) string {
	u, err := url.Parse(nc.ConnectedUrl())
	if err != nil {
		return ""
	}
	u.User = nil
	return u.String()
}

// Server is the URL of the server that the connection leads to, without user, token and password. It is empty while there
// is none.
func (c *Conn) Server() string { return connectedTo(c.Conn) }
