package coordinator

import (
	"context"

	"github.com/dice-engine/dice/internal/store"
	"github.com/dice-engine/dice/shard"
)

// Survey lists the inputs of a command and cuts them as a new job would, and leaves nothing anywhere. The plan is
// nobody's: it names no job. The output may be empty; what lies in it is no input. Open dials the places of inputs.
func Survey(ctx context.Context, command shard.Command, output string,
	open func(ctx context.Context, place string) (store.Bucket, error)) (*shard.Plan, error) {
	c := &Coordinator{cfg: Config{Command: command, Output: output}, deps: Deps{Open: open}}
	digest, err := digest(command)
	if err != nil {
		return nil, err
	}
	chosen, err := c.listAll(ctx)
	if err != nil {
		return nil, err
	}
	return c.makePlan(digest, chosen)
}
