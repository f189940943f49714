package servertest

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"testing"
)

const (
	minioAccessKey = "dice-test"
	minioSecretKey = "dice-test-secret"
)

// sharedMinIO is the one MinIO of this test binary. It ends with the process.
var sharedMinIO = sync.OnceValues(func() (*Server, error) { return runMinIO() })

// MinIO returns the address and the keys of a MinIO that all tests of this binary share. Use Bucket for a place of
// one's own in it.
func MinIO(t testing.TB) (endpoint, accessKey, secretKey string) {
	t.Helper()
	s, err := sharedMinIO()
	if err != nil {
		t.Fatalf("MinIO is needed: %v", err)
	}
	return "http://" + s.Addr, minioAccessKey, minioSecretKey
}

// StartMinIO starts a MinIO for this test alone, to be stopped, killed and started again. It ends with the test.
func StartMinIO(t testing.TB) *Server {
	t.Helper()
	s, err := runMinIO()
	if err != nil {
		t.Fatalf("MinIO is needed: %v", err)
	}
	t.Cleanup(s.Kill)
	return s
}

func runMinIO() (*Server, error) {
	dir, err := scratch("minio")
	if err != nil {
		return nil, err
	}
	addr, err := freeAddr()
	if err != nil {
		return nil, err
	}
	s := &Server{
		Addr: addr, Dir: dir, program: minioProgram(), ready: minioReady,
		args: []string{"server", "--quiet", "--address", addr, dir},
		env: append(baseEnv(), "MINIO_ROOT_USER="+minioAccessKey, "MINIO_ROOT_PASSWORD="+minioSecretKey,
			"MINIO_BROWSER=off", "MINIO_UPDATE=off", "MINIO_CALLHOME_ENABLE=off"),
	}
	return s, s.Start()
}

func minioReady(ctx context.Context, addr string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr+"/minio/health/ready", nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("health check answered %s", resp.Status)
	}
	return nil
}
