package worker

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/dice-engine/dice/internal/store"
)

// TestSlowPlaceKeepsNobody: while one place is opened, those who ask for others are served, and who waits for it can leave.
func TestSlowPlaceKeepsNobody(t *testing.T) {
	opening, hold := make(chan struct{}), make(chan struct{})
	defer close(hold)
	places := NewPlaces(func(ctx context.Context, place string) (store.Bucket, error) {
		if place == "slow" {
			close(opening)
			<-hold
		}
		return store.Dial(ctx, store.Location{Scheme: store.SchemeFile, Path: place}, store.Config{})
	})
	left := make(chan error)
	waiting, leave := context.WithCancel(t.Context())
	go func() {
		_, err := places.Bucket(waiting, "slow")
		left <- err
	}()
	<-opening
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for range 2 {
		if b, err := places.Bucket(ctx, "good"); err != nil || b.URL() != "good" {
			t.Errorf("got %v, %v", b, err)
		}
	}
	leave()
	if err := <-left; !errors.Is(err, context.Canceled) {
		t.Errorf("who left: %v", err)
	}
}
