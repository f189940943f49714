package servertest

import (
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/dice-engine/dice/internal/servertest/faultproxy"
)

// SeedVariable names the environment variable from which tests with drawn faults take their seed; without it, it is 1.
const SeedVariable = "DICE_TEST_SEED"

// Seed returns the seed of this test run and prints it among the test's output.
func Seed(t testing.TB) uint64 {
	t.Helper()
	text := os.Getenv(SeedVariable)
	if text == "" {
		text = "1"
	}
	seed, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatalf("read %s: %v", SeedVariable, err)
	}
	t.Logf("%s=%d", SeedVariable, seed)
	return seed
}

// FaultyBucket is Bucket with a proxy of this test's own on the way, to which the environment leads. It lets
// everything pass until it is told otherwise, and says at the end what it did.
func FaultyBucket(t testing.TB) (url string, env []string, p *faultproxy.Proxy) {
	t.Helper()
	endpoint, _, _ := MinIO(t)
	p, err := faultproxy.Start(strings.TrimPrefix(endpoint, "http://"), Seed(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		t.Logf("faults: %v", p.Counts())
		p.Close()
	})
	return newBucket(t, endpoint), s3Env("http://" + p.Addr), p
}
