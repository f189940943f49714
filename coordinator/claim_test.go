package coordinator

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"github.com/dice-engine/dice/internal/store"
	"github.com/dice-engine/dice/shard"
)

// TestJobOfAnotherFolderIsTold: the same command goes on with it, and reads other inputs than it seems to.
func TestJobOfAnotherFolderIsTold(t *testing.T) {
	command := shard.Command{Files: []string{"scan/*"}, Certificates: []string{"s3://scans/side"}}
	id, err := digest(command)
	if err != nil {
		t.Fatal(err)
	}
	here, err := placesOf(command)
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		places []string
		told   bool
	}{
		{nil, false}, // the claim of an older version
		{here, false},
		{[]string{"/elsewhere/scan", here[1]}, true},
	} {
		out, err := store.Dial(t.Context(), store.Location{Scheme: store.SchemeFile, Path: t.TempDir()}, store.Config{})
		if err != nil {
			t.Fatal(err)
		}
		for key, v := range map[string]any{
			shard.ClaimKey: shard.Claim{Job: "job", Digest: id, Places: test.places}, shard.Job("job").PlanKey(): shard.Plan{},
		} {
			if err := createJSON(t.Context(), out, key, v); err != nil {
				t.Fatal(err)
			}
		}
		var said bytes.Buffer
		c := &Coordinator{cfg: Config{Command: command}, deps: Deps{Out: out, Log: slog.New(slog.NewTextHandler(&said, nil))}}
		inputs, err := c.planInputs(t.Context(), id)
		if inputs != nil || err != nil {
			t.Errorf("places %q: inputs %v, %v", test.places, inputs, err)
		}
		if told := strings.Contains(said.String(), "begun in another folder"); told != test.told {
			t.Errorf("places %q: it said %q", test.places, said.String())
		}
	}
}
