package deploytest

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats-server/v2/server"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"

	"github.com/dice-engine/dice/internal/queue"
)

// chartKeys are the values of NATS's chart 2.14.2 that DICE sets, as its values.yaml names them. Below those that end in
// a star the chart takes whatever Kubernetes, or NATS, takes.
func chartKeys() []string {
	return []string{
		"config.cluster.enabled", "config.cluster.replicas", "config.jetstream.enabled", "config.jetstream.fileStore.pvc.size",
		"config.merge.*", "config.nats.tls.enabled", "config.nats.tls.secretName", "container.env.*", "container.merge.*",
		"natsBox.enabled", "podTemplate.merge.*", "podTemplate.topologySpreadConstraints.*", "reloader.merge.*",
		"service.ports.monitor.enabled",
	}
}

// values reads a file of values, and holds its keys to the chart's.
func values(t *testing.T, name string) map[string]any {
	t.Helper()
	var v map[string]any
	strict(t, read(t, "deploy/kubernetes/"+name), &v)
	var walk func(path string, value any)
	walk = func(path string, value any) {
		known := slices.ContainsFunc(chartKeys(), func(key string) bool {
			free, ok := strings.CutSuffix(key, "*")
			return path == key || ok && strings.HasPrefix(path, free)
		})
		object, ok := value.(map[string]any)
		if !known && !ok {
			t.Errorf("%s: NATS's chart has no value %s", name, path)
		}
		for key, below := range object {
			walk(strings.TrimPrefix(path+"."+key, "."), below)
		}
	}
	walk("", v)
	return v
}

// part returns a part of the values as YAML.
func part(t *testing.T, v map[string]any, path ...string) string {
	t.Helper()
	var at any = v
	for _, key := range path {
		at = at.(map[string]any)[key]
	}
	text, err := yaml.Marshal(at)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestQueueValues: what the chart makes of the values is what DICE needs: the users and rights of dice.conf, pods that the
// namespace admits, with the passwords that the secrets hold.
func TestQueueValues(t *testing.T) {
	v := values(t, "nats-values.yaml")
	values(t, "nats-tls-values.yaml")
	var pod corev1.PodTemplateSpec
	strict(t, part(t, v, "podTemplate", "merge"), &pod)
	pod.Spec.Containers = make([]corev1.Container, 2)
	strict(t, part(t, v, "container", "merge"), &pod.Spec.Containers[0])
	strict(t, part(t, v, "reloader", "merge"), &pod.Spec.Containers[1])
	restricted(t, "NATS", &pod)
	spread := map[string]corev1.TopologySpreadConstraint{}
	strict(t, part(t, v, "podTemplate", "topologySpreadConstraints"), &spread)
	env := map[string]corev1.EnvVar{}
	strict(t, part(t, v, "container", "env"), &env)
	secrets := kustomize(t, "secrets").configs
	for name, v := range env {
		ref := v.ValueFrom.SecretKeyRef
		t.Setenv(name, secrets["Secret/"+ref.Name][ref.Key])
	}
	want := map[string]queue.Permissions{
		"coordinator": queue.CoordinatorPermissions(queue.DefaultPool), "worker": queue.WorkerPermissions(queue.DefaultPool),
	}
	if diff := cmp.Diff(want, rights(t, part(t, v, "config", "merge"))); diff != "" {
		t.Errorf("rights: want - got +\n%s", diff)
	}
	job := command{args: kustomize(t, "base/job").job.Spec.Template.Spec.Containers[0].Args}
	if got := strings.TrimSpace(part(t, v, "config", "cluster", "replicas")); got != job.flag("nats-replicas") {
		t.Errorf("the queue has %s servers, and the job keeps it on %s", got, job.flag("nats-replicas"))
	}
}

// rights lets NATS read a configuration that is written as the chart writes it: as JSON, with what stands between << and
// >> taken out of its quotes.
func rights(t *testing.T, merge string) map[string]queue.Permissions {
	t.Helper()
	var config map[string]any
	strict(t, merge, &config)
	text, err := json.Marshal(config)
	if err != nil {
		t.Fatal(err)
	}
	body := strings.NewReplacer(`\u003c`, "<", `\u003e`, ">").Replace(string(text))
	body = regexp.MustCompile(`"<<\s*(.*?)\s*>>"`).ReplaceAllString(body, "$1")
	file := filepath.Join(t.TempDir(), "nats.conf")
	if err := os.WriteFile(file, []byte(strings.TrimSuffix(strings.TrimPrefix(body, "{"), "}")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	options, err := server.ProcessConfigFile(file)
	if err != nil {
		t.Fatalf("%v\n%s", err, body)
	}
	got := map[string]queue.Permissions{}
	for _, user := range options.Users {
		if user.Password == "" || user.Account.Name != "DICE" {
			t.Errorf("user %s of account %s has the password %q", user.Username, user.Account.Name, user.Password)
		}
		got[user.Username] = queue.Permissions{Publish: user.Permissions.Publish.Allow, Subscribe: user.Permissions.Subscribe.Allow}
	}
	return got
}
