package worker

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/dice-engine/dice/internal/store"
	"github.com/dice-engine/dice/shard"
)

// TestNothingOfAJob is what every worker meets after a job was cancelled, and one that looks elsewhere at all times.
func TestNothingOfAJob(t *testing.T) {
	out, err := store.Dial(t.Context(), store.Location{Scheme: store.SchemeFile, Path: t.TempDir()}, store.Config{})
	if err != nil {
		t.Fatal(err)
	}
	err = missing(t.Context(), out, "job")
	if !errors.Is(err, errBlind) || !strings.Contains(err.Error(), "the job was cancelled, or this worker does not see the output") {
		t.Errorf("got %v", err)
	}
}

// slowBucket answers Get once it may, or when the context ends, and counts how often it was asked.
type slowBucket struct {
	store.Bucket
	asked chan struct{}
	may   chan struct{}
	gets  atomic.Int32
	body  []byte
}

func (b *slowBucket) Get(ctx context.Context, _ string, _ int64) ([]byte, error) {
	if b.gets.Add(1) == 1 {
		close(b.asked)
	}
	select {
	case <-b.may:
		return b.body, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// TestTasksShareAnIndex: it is fetched once for all that wait for it, also when the first of them leaves, and each of them can
// leave at any time.
func TestTasksShareAnIndex(t *testing.T) {
	body, err := shard.NewIndexWriter().End(shard.IndexEnd{})
	if err != nil {
		t.Fatal(err)
	}
	out := &slowBucket{asked: make(chan struct{}), may: make(chan struct{}), body: body}
	j := &job{key: "job", out: out}
	ask := func(ctx context.Context) <-chan error {
		answer := make(chan error, 1)
		go func() {
			_, err := j.index(ctx, shard.Map)
			answer <- err
		}()
		return answer
	}
	left := errors.New("left")
	ctx, leave := context.WithCancelCause(t.Context())
	first := ask(ctx)
	<-out.asked
	second, third := ask(ctx), ask(t.Context())
	leave(left)
	for name, answer := range map[string]<-chan error{"first": first, "second": second} {
		select {
		case err := <-answer:
			if !errors.Is(err, left) {
				t.Errorf("%s: got %v", name, err)
			}
		case <-time.After(20 * time.Second):
			t.Errorf("%s cannot leave", name)
		}
	}
	close(out.may)
	if err := <-third; err != nil || out.gets.Load() != 1 {
		t.Errorf("third: %v after %d fetches, want 1", err, out.gets.Load())
	}
}
