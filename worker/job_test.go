package worker

import (
	"errors"
	"strings"
	"testing"

	"github.com/dice-engine/dice/internal/store"
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
