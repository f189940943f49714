package deploytest

import (
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/tidwall/gjson"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/dice-engine/dice/internal/queue"
)

// KEDA as a Go module, for its schemas: its code is not compiled.
const (
	kedaModule = "github.com/kedacore/keda/v2@v2.20.2"
	kedaSum    = "h1:SR60v8uIcelbveS8n/1jcl8tLdBBIbHMxmdOHw8tKqA="
)

// scaledObject is what DICE uses of KEDA's type. The whole is checked by KEDA's schema.
type scaledObject struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata"`

	Spec struct {
		ScaleTargetRef struct {
			Name string `json:"name"`
		} `json:"scaleTargetRef"`
		MinReplicaCount int       `json:"minReplicaCount"`
		MaxReplicaCount int       `json:"maxReplicaCount"`
		PollingInterval int       `json:"pollingInterval"`
		CooldownPeriod  int       `json:"cooldownPeriod"`
		Triggers        []trigger `json:"triggers"`
	} `json:"spec"`

	text string
}

type trigger struct {
	Type     string            `json:"type"`
	Metadata map[string]string `json:"metadata"`
}

// module returns the folder of a Go module that is used for its data alone.
func module(t *testing.T, name, sum string) string {
	t.Helper()
	cmd := exec.Command("go", "mod", "download", "-json", name)
	cmd.Dir, cmd.Env = t.TempDir(), append(os.Environ(), "GOFLAGS=", "GOWORK=off")
	out, err := cmd.Output()
	var got struct{ Dir, Sum, Error string }
	if jsonErr := json.Unmarshal(out, &got); err != nil || jsonErr != nil || got.Sum != sum {
		t.Fatalf("download %s: %v %v: sum %s, want %s: %s", name, err, jsonErr, got.Sum, sum, got.Error)
	}
	return got.Dir
}

// checkSchema holds a value to a JSON schema, or to a part of one.
func checkSchema(t *testing.T, where string, schema any, part string, value any) {
	t.Helper()
	compiler := jsonschema.NewCompiler()
	compiler.DefaultDraft(jsonschema.Draft4)
	if err := compiler.AddResource("mem:///schema", schema); err != nil {
		t.Fatal(err)
	}
	compiled, err := compiler.Compile("mem:///schema" + part)
	if err != nil {
		t.Fatal(err)
	}
	if err := compiled.Validate(value); err != nil {
		t.Errorf("%s: %v", where, err)
	}
}

// asJSON makes YAML what schemas are about.
func asJSON(t *testing.T, text []byte) any {
	t.Helper()
	body, err := yaml.YAMLToJSON(text)
	if err != nil {
		t.Fatal(err)
	}
	value, err := jsonschema.UnmarshalJSON(strings.NewReader(string(body)))
	if err != nil {
		t.Fatal(err)
	}
	return value
}

// closed makes a schema of a custom resource refuse fields that it does not know, as an API server in strict mode does.
func closed(schema any) any {
	object, ok := schema.(map[string]any)
	if !ok {
		return schema
	}
	properties, ok := object["properties"].(map[string]any)
	if _, open := object["x-kubernetes-preserve-unknown-fields"]; ok && !open && object["additionalProperties"] == nil {
		object["additionalProperties"] = false
	}
	for name, p := range properties {
		properties[name] = closed(p)
	}
	for _, name := range []string{"items", "additionalProperties"} {
		object[name] = closed(object[name])
		if object[name] == nil {
			delete(object, name)
		}
	}
	return object
}

// checkScaling checks the object that decides on the number of workers.
func (m *manifests) checkScaling(t *testing.T, worker command) {
	t.Helper()
	keda := module(t, kedaModule, kedaSum)
	text, err := os.ReadFile(filepath.Join(keda, "config/crd/bases/keda.sh_scaledobjects.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	versions := asJSON(t, text).(map[string]any)["spec"].(map[string]any)["versions"].([]any)
	schema := closed(versions[0].(map[string]any)["schema"].(map[string]any)["openAPIV3Schema"]).(map[string]any)
	schema["properties"].(map[string]any)["metadata"] = map[string]any{} // checked elsewhere
	checkSchema(t, m.folder, schema, "", asJSON(t, []byte(m.scaled.text)))

	s := m.scaled.Spec
	if s.ScaleTargetRef.Name != m.deployment.Name || s.MinReplicaCount != 0 || s.MaxReplicaCount < 1 || len(s.Triggers) != 1 {
		t.Errorf("%s: scale %+v", m.folder, s)
	}
	metadata := s.Triggers[0].Metadata
	checkTrigger(t, keda, s.Triggers[0])
	if u, err := url.Parse(metadata["url"]); err != nil || u.Host != "nats."+m.deployment.Namespace+".svc:8222" || u.Path != server.JszPath {
		t.Errorf("%s: the length of the queue is read at %s", m.folder, metadata["url"])
	}
	if metadata["targetValue"] != worker.flag("workers") {
		t.Errorf("%s: a worker for %s tasks, and each does %s", m.folder, metadata["targetValue"], worker.flag("workers"))
	}
}

// checkTrigger holds a trigger to the parameters of KEDA's scalers.
func checkTrigger(t *testing.T, keda string, trigger trigger) {
	t.Helper()
	var all struct {
		Scalers []struct {
			Type       string
			Parameters []struct {
				Name     string
				Optional bool
				Default  any
				Allowed  []string `json:"allowedValue"`
			}
		}
	}
	text, err := os.ReadFile(filepath.Join(keda, "schema/generated/scalers-schema.json"))
	if err == nil {
		err = json.Unmarshal(text, &all)
	}
	if err != nil {
		t.Fatal(err)
	}
	given := map[string]bool{}
	for name := range trigger.Metadata {
		given[name] = true
	}
	for _, s := range all.Scalers {
		if s.Type != trigger.Type {
			continue
		}
		for _, p := range s.Parameters {
			value, ok := trigger.Metadata[p.Name]
			if !ok && !p.Optional && p.Default == nil || ok && len(p.Allowed) > 0 && !slices.Contains(p.Allowed, value) {
				t.Errorf("trigger %s: %s is %q", s.Type, p.Name, value)
			}
			delete(given, p.Name)
		}
		if len(given) > 0 {
			t.Errorf("trigger %s: KEDA does not know %v", s.Type, given)
		}
		return
	}
	t.Errorf("KEDA has no scaler %s", trigger.Type)
}

// TestOtherTrigger: KEDA understands the trigger that docs/fleet.md has for a shared queue.
func TestOtherTrigger(t *testing.T) {
	_, block, ok := strings.Cut(read(t, "docs/fleet.md"), "    triggers:\n")
	block, _, end := strings.Cut(block, "\n\n")
	var spec struct {
		Triggers []trigger `json:"triggers"`
	}
	strict(t, "triggers:\n"+strings.ReplaceAll(block, "\n    ", "\n")[4:]+"\n", &spec)
	if !ok || !end || len(spec.Triggers) != 1 || spec.Triggers[0].Type != "prometheus" {
		t.Fatalf("triggers: %+v", spec.Triggers)
	}
	checkTrigger(t, module(t, kedaModule, kedaSum), spec.Triggers[0])
	worker := kustomize(t, "base/fleet").deployment.Spec.Template.Spec.Containers[0]
	if want := (command{args: worker.Args}).flag("workers"); spec.Triggers[0].Metadata["threshold"] != want {
		t.Errorf("a worker for %s tasks, and each does %s", spec.Triggers[0].Metadata["threshold"], want)
	}
}

// freePorts returns addresses that nobody listens at.
func freePorts(t *testing.T, n int) (addresses []*net.TCPAddr) {
	t.Helper()
	for range n {
		l, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close() // when each has one of its own
		addresses = append(addresses, l.Addr().(*net.TCPAddr))
	}
	return addresses
}

// serve starts a cluster of NATS servers that tell their figures.
func serve(t *testing.T, n int) (servers []*server.Server) {
	t.Helper()
	addresses := freePorts(t, n)
	var routes []*url.URL
	for _, a := range addresses {
		routes = append(routes, &url.URL{Scheme: "nats", Host: a.String()})
	}
	for i, a := range addresses {
		srv, err := server.NewServer(&server.Options{
			ServerName: "nats-" + strconv.Itoa(i), Host: "127.0.0.1", Port: server.RANDOM_PORT,
			HTTPHost: "127.0.0.1", HTTPPort: server.RANDOM_PORT, JetStream: true, StoreDir: t.TempDir(), NoSigs: true,
			Cluster: server.ClusterOpts{Name: "dice", Host: "127.0.0.1", Port: a.Port}, Routes: routes,
		})
		if err != nil {
			t.Fatal(err)
		}
		srv.Start()
		t.Cleanup(func() {
			srv.Shutdown()
			srv.WaitForShutdown()
		})
		servers = append(servers, srv)
	}
	for i, srv := range servers {
		if !srv.ReadyForConnections(20 * time.Second) {
			t.Fatalf("server %d does not start", i)
		}
	}
	return servers
}

// backlog reads a number as KEDA's scaler does.
func backlog(t *testing.T, srv *server.Server, metadata map[string]string) float64 {
	t.Helper()
	where, err := url.Parse(metadata["url"])
	if err != nil {
		t.Fatal(err)
	}
	where.Host = srv.MonitorAddr().String()
	response, err := http.Get(where.String())
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	got := gjson.GetBytes(body, metadata["valueLocation"])
	if got.Type != gjson.Number {
		t.Fatalf("%s of %s is no number: %s", metadata["valueLocation"], where, body)
	}
	return got.Num
}

// TestBacklog asks NATS as KEDA does, while jobs come and go: each server of a cluster that keeps the queue as often as the
// Job says knows how many tasks wait or are at work.
func TestBacklog(t *testing.T) {
	metadata := kustomize(t, "base/fleet").scaled.Spec.Triggers[0].Metadata
	replicas, err := strconv.Atoi(command{args: kustomize(t, "base/job").job.Spec.Template.Spec.Containers[0].Args}.flag("nats-replicas"))
	if err != nil {
		t.Fatal(err)
	}
	servers := serve(t, replicas)
	want := func(n float64) {
		t.Helper()
		for i, srv := range servers {
			got := backlog(t, srv, metadata)
			for deadline := time.Now().Add(20 * time.Second); got != n && time.Now().Before(deadline); got = backlog(t, srv, metadata) {
				time.Sleep(20 * time.Millisecond) // followers follow
			}
			if got != n {
				t.Errorf("backlog of server %d: got %v, want %v", i, got, n)
			}
		}
	}
	conn, err := queue.Dial(t.Context(), servers[0].ClientURL(), queue.ConnConfig{})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	want(0)
	first, second := publish(t, conn, "first", replicas, 5), publish(t, conn, "second", replicas, 2)
	want(7)
	taker := queue.NewTaker(conn, queue.TakerConfig{})
	defer taker.Close()
	leases, err := taker.Take(t.Context(), 2)
	if err != nil || len(leases) == 0 {
		t.Fatalf("took %d tasks: %v", len(leases), err)
	}
	want(7) // those at work count
	if err := leases[0].Done(t.Context()); err != nil {
		t.Fatal(err)
	}
	want(6)
	for _, q := range []*queue.Queue{first, second} {
		if err := q.Delete(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	want(0)
}

// publish opens a job's queue, once the servers have found each other, and hands out tasks.
func publish(t *testing.T, conn *queue.Conn, job string, replicas, n int) *queue.Queue {
	t.Helper()
	q, err := queue.Open(t.Context(), conn, job, queue.Config{Replicas: replicas})
	for deadline := time.Now().Add(30 * time.Second); err != nil && time.Now().Before(deadline); {
		time.Sleep(100 * time.Millisecond)
		q, err = queue.Open(t.Context(), conn, job, queue.Config{Replicas: replicas})
	}
	if err != nil {
		t.Fatal(err)
	}
	tasks := make([]queue.Task, n)
	for i := range tasks {
		tasks[i] = queue.Task{Job: job, Stage: "map", ID: i}
	}
	if err := q.Publish(t.Context(), tasks); err != nil {
		t.Fatal(err)
	}
	return q
}
