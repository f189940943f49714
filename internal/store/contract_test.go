package store_test

import (
	"path/filepath"
	"testing"

	"github.com/dice-engine/dice/internal/servertest"
	"github.com/dice-engine/dice/internal/store"
	"github.com/dice-engine/dice/internal/store/storetest"
)

func TestContractLocal(t *testing.T) { storetest.Run(t, openLocal) }

func TestContractS3(t *testing.T) { storetest.Run(t, openS3) }

func TestContractS3WithoutChecksums(t *testing.T) {
	storetest.Run(t, func(t *testing.T) store.Bucket {
		return openS3With(t, store.Config{Checksums: store.ChecksumsRequired})
	})
}

func TestContractRetry(t *testing.T) {
	storetest.Run(t, func(t *testing.T) store.Bucket { return store.WithRetry(openLocal(t), store.Policy{}) })
}

func TestContractStats(t *testing.T) {
	storetest.Run(t, func(t *testing.T) store.Bucket {
		b, _ := store.WithStats(openLocal(t))
		return b
	})
}

// openLocal returns a bucket in a folder that does not exist yet.
func openLocal(t *testing.T) store.Bucket {
	t.Helper()
	return dial(t, filepath.Join(t.TempDir(), "below", "folder"), store.Config{})
}

func openS3(t *testing.T) store.Bucket { return openS3With(t, store.Config{}) }

// openS3With returns a bucket below a prefix of a fresh bucket in MinIO.
func openS3With(t *testing.T, cfg store.Config) store.Bucket {
	t.Helper()
	url, env := servertest.Bucket(t)
	servertest.SetEnv(t, env)
	return dial(t, url+"/some prefix/+below", cfg)
}

func dial(t *testing.T, url string, cfg store.Config) store.Bucket {
	t.Helper()
	loc, err := store.Parse(url)
	if err != nil {
		t.Fatal(err)
	}
	b, err := store.Dial(t.Context(), loc, cfg)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
