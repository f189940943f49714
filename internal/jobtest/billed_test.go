package jobtest

import (
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/dice-engine/dice/internal/estimate"
	"github.com/dice-engine/dice/internal/servertest"
	"github.com/dice-engine/dice/internal/synth"
)

// meter passes requests on to an S3 service and counts them as they are billed.
type meter struct {
	proxy httputil.ReverseProxy
	mu    sync.Mutex
	count map[bool]*estimate.Requests // by whether they are to the output
}

func newMeter(t testing.TB, endpoint string) *meter {
	t.Helper()
	target, err := url.Parse(endpoint)
	if err != nil {
		t.Fatal(err)
	}
	m := &meter{count: map[bool]*estimate.Requests{true: {}, false: {}}}
	m.proxy.Rewrite = func(r *httputil.ProxyRequest) {
		r.SetURL(target)
		r.Out.Host = r.In.Host // it is signed
	}
	return m
}

func (m *meter) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	_, key, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	n := m.count[strings.HasPrefix(key+query.Get("prefix"), "out") || query.Has("delete")]
	m.mu.Lock()
	switch {
	case r.Method == http.MethodGet && (query.Has("list-type") || query.Has("uploads")):
		n.List++
	case r.Method == http.MethodGet:
		n.Get++
	case r.Method == http.MethodHead:
		n.Head++
	case r.Method == http.MethodDelete || query.Has("delete"):
		n.Delete++
	default:
		n.Put++
	}
	m.mu.Unlock()
	m.proxy.ServeHTTP(w, r)
}

// TestEstimateOfWhatIsBilled counts the requests that reach an S3 service, uploads in parts included.
func TestEstimateOfWhatIsBilled(t *testing.T) {
	place, env := servertest.Bucket(t)
	servertest.SetEnv(t, env)
	endpoint, _, _ := servertest.MinIO(t)
	m := newMeter(t, endpoint)
	service := httptest.NewServer(m)
	defer service.Close()
	rows := int64(450_000)
	if testing.Short() {
		rows = 30_000
	}
	dir, _ := scan(t, synth.Config{Rows: rows, Seed: 5, Layout: "parquet", Protocols: []string{"mqtt"}, Files: 2})
	upload(t, dir, place+"/scan")
	at := "?endpoint=" + service.URL
	command := Command(place + "/scan/protocol=*" + at)
	command.Options.ShardBytes = 32 << 20
	output := place + "/out" + at
	_, w := foresee(t, command, output)
	if w.Segments < 9<<20 && !testing.Short() {
		t.Fatalf("segments of %.0f octets are uploaded at once: the scan is too small", w.Segments)
	}
	for _, n := range m.count {
		*n = estimate.Requests{}
	}
	const poll = time.Minute
	Run(t, Options{Command: command, Output: output, Poll: poll})
	sameRequests(t, "input", *m.count[false], w.InputRequests())
	sameRequests(t, "output", *m.count[true], w.OutputRequests(estimate.Run{Workers: 1, Processes: 1, Speed: 1, Poll: poll.Seconds()}))
}
