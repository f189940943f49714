package queue

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// ErrNoJetStream: nobody keeps tasks at this server. One that is starting answers so for a moment as well.
var ErrNoJetStream = errors.New("JetStream is not enabled at this server, or not for this user's account: " +
	"start it as nats-server -js, or enable it in its configuration")

// ErrUnanswered: the server is there and did not answer a question. That is how it treats users without the right to ask.
var ErrUnanswered = errors.New("the server did not answer: the user may lack the right " +
	"(see --nats-user and --pool, and docs/security.md for who may do what), or the server is overloaded")

// errOwnStore: the folder of the server in this process is full, or cannot be written. Who has given it must mend that.
var errOwnStore = errors.New("the queue in this process cannot keep tasks in the scratch folder (see --scratch)")

// ownStore says whether the server in this process has no place for tasks, which a server elsewhere may have again soon.
func (c *Conn) ownStore(err error) bool {
	var answer *jetstream.APIError
	return c.own != nil && errors.As(err, &answer) && strings.HasPrefix(answer.Description, "error creating store for ")
}

// explain adds to the error of a question to JetStream what it means, unless whoever asked has left meanwhile.
func (c *Conn) explain(ctx context.Context, err error) error {
	switch {
	case err == nil || ctx.Err() != nil:
		return err
	case c.ownStore(err):
		return fmt.Errorf("%w: %s", errOwnStore, c.own.complained())
	case errors.Is(err, nats.ErrNoResponders), errors.Is(err, jetstream.ErrJetStreamNotEnabled),
		errors.Is(err, jetstream.ErrJetStreamNotEnabledForAccount):
		return fmt.Errorf("%w: %w", ErrNoJetStream, err)
	case !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, nats.ErrTimeout):
		return err
	case !c.IsConnected():
		return fmt.Errorf("%w: %w", ErrDisconnected, err)
	}
	return fmt.Errorf("%w: %w", ErrUnanswered, err)
}
