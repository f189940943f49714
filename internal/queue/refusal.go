package queue

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strings"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// refused tells answers that no patience changes from the silence of a server that is not there yet.
func refused(err error) bool {
	return unauthorized(err) || uncertified(err) || untrusted(err) ||
		errors.Is(err, nats.ErrSecureConnRequired) || errors.Is(err, nats.ErrSecureConnWanted)
}

// unauthorized: the server does not take what this process shows.
func unauthorized(err error) bool {
	return errors.Is(err, nats.ErrAuthorization) || errors.Is(err, nats.ErrAuthExpired) || errors.Is(err, nats.ErrAuthRevoked) ||
		errors.Is(err, nats.ErrAccountAuthExpired)
}

// uncertified: the server ended the handshake, as it wants a certificate, or another one. Go gives an alert of the other side
// no type of its own.
func uncertified(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "remote error" && strings.Contains(op.Err.Error(), "certificate")
}

// untrusted: the server cannot prove who it is.
func untrusted(err error) bool {
	var cause *tls.CertificateVerificationError
	return errors.As(err, &cause)
}

// What servers answer that are fewer than the copies asked for: "replicas > 1 not supported in non-clustered mode", with 500
// as its other code, that of faults that pass, and in a cluster "no suitable peers for placement".
const (
	tooManyReplicas jetstream.ErrorCode = 10074
	tooFewPeers     jetstream.ErrorCode = 10005
)

// overReplicated: a queue is to have more copies than there are servers for it.
func overReplicated(err error) bool {
	var answer *jetstream.APIError
	return errors.As(err, &answer) && (answer.ErrorCode == tooManyReplicas || answer.ErrorCode == tooFewPeers)
}

// advise adds to a refusal where to look.
func advise(err error) error {
	var where string
	switch {
	case unauthorized(err):
		where = "look at the token, in --nats or --nats-token (DICE_NATS_TOKEN), at --nats-user with --nats-password, or at --nats-creds"
	case uncertified(err):
		where = "look at --nats-cert and --nats-key"
	case untrusted(err):
		where = "look at --nats-ca"
	case overReplicated(err):
		where = "look at --nats-replicas: not as many servers are there"
	default:
		return err
	}
	return fmt.Errorf("%w: %s", err, where)
}
