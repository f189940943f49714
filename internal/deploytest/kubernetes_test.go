package deploytest

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	kjson "sigs.k8s.io/json"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/yaml"
)

// manifests are what a folder of deploy/kubernetes makes, by kind. Kubernetes would take all of it.
type manifests struct {
	folder     string
	deployment *appsv1.Deployment
	job        *batchv1.Job
	disruption *policyv1.PodDisruptionBudget
	account    *corev1.ServiceAccount
	scaled     *scaledObject
	policies   []*networkingv1.NetworkPolicy
	configs    map[string]map[string]string // of config maps and secrets, by kind and name
}

// folders are built as they stand, and those that people copy also with what they are to uncomment.
func folders() []string {
	return []string{"base/fleet", "base/job", "example/fleet", "example/job", "example/fleet+tls", "example/job+tls", "secrets"}
}

// disk copies deploy/kubernetes into memory, with secrets made of the examples.
func disk(t *testing.T, tls bool) filesys.FileSystem {
	t.Helper()
	memory := filesys.MakeFsInMemory()
	top := root + "/deploy/kubernetes"
	err := filepath.WalkDir(top, func(path string, d fs.DirEntry, err error) error {
		name, _ := filepath.Rel(top, path)
		if err != nil || d.IsDir() || strings.HasSuffix(name, ".env") {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if tls {
			text = []byte(strings.ReplaceAll(string(text), "# components:", "components:"))
		}
		if example, ok := strings.CutSuffix(name, ".example"); ok {
			name, text = example, []byte(strings.ReplaceAll(string(text), "=\n", "=x1\n"))
		}
		return memory.WriteFile("/"+name, text)
	})
	if err != nil {
		t.Fatal(err)
	}
	return memory
}

// kustomize builds a folder and decodes what comes out.
func kustomize(t *testing.T, folder string) *manifests {
	t.Helper()
	name, tls := strings.CutSuffix(folder, "+tls")
	list, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(disk(t, tls), "/"+name)
	if err != nil {
		t.Fatalf("%s: %v", folder, err)
	}
	m := &manifests{folder: folder, configs: map[string]map[string]string{}}
	for _, r := range list.Resources() {
		m.add(t, r.GetKind(), r.MustYaml())
	}
	return m
}

// strict decodes YAML without unknown fields, repeated ones, and other than exact names.
func strict(t *testing.T, text string, into any) {
	t.Helper()
	body, err := yaml.YAMLToJSONStrict([]byte(text))
	if err == nil {
		var faults []error
		if faults, err = kjson.UnmarshalStrict(body, into); len(faults) > 0 {
			t.Errorf("%T: %v\n%s", into, faults, text)
		}
	}
	if err != nil {
		t.Fatalf("%T: %v\n%s", into, err, text)
	}
}

func (m *manifests) add(t *testing.T, kind, text string) {
	t.Helper()
	where := m.folder + ": " + kind
	if kind != "ScaledObject" { // KEDA's, see checkScaling
		admit(t, where, text)
	}
	object := m.place(kind, text)
	if object == nil {
		t.Fatalf("%s: a test for this kind is missing", where)
	}
	strict(t, text, object)
	switch o := object.(type) {
	case *corev1.Namespace:
		return
	case *corev1.ConfigMap:
		m.configs["ConfigMap/"+o.Name] = o.Data
	case *corev1.Secret:
		m.configs["Secret/"+o.Name] = map[string]string{}
		for key, value := range o.Data {
			m.configs["Secret/"+o.Name][key] = string(value)
		}
	}
	if object.GetNamespace() != "dice" {
		t.Errorf("%s %q is in namespace %q", where, object.GetName(), object.GetNamespace())
	}
}

// place returns where an object of a kind goes.
func (m *manifests) place(kind, text string) metav1.Object {
	switch kind {
	case "Deployment":
		m.deployment = &appsv1.Deployment{}
		return m.deployment
	case "Job":
		m.job = &batchv1.Job{}
		return m.job
	case "PodDisruptionBudget":
		m.disruption = &policyv1.PodDisruptionBudget{}
		return m.disruption
	case "ServiceAccount":
		m.account = &corev1.ServiceAccount{}
		return m.account
	case "ScaledObject":
		m.scaled = &scaledObject{text: text}
		return m.scaled
	case "NetworkPolicy":
		m.policies = append(m.policies, &networkingv1.NetworkPolicy{})
		return m.policies[len(m.policies)-1]
	case "Namespace":
		return &corev1.Namespace{}
	case "ConfigMap":
		return &corev1.ConfigMap{}
	case "Secret":
		return &corev1.Secret{}
	}
	return nil
}

// TestManifests builds everything and checks what the API server would, what Pod Security would, and what DICE would.
func TestManifests(t *testing.T) {
	secrets, fleet := kustomize(t, "secrets"), kustomize(t, "base/fleet")
	for _, folder := range folders() {
		t.Run(folder, func(t *testing.T) {
			m := kustomize(t, folder)
			for _, other := range []*manifests{secrets, fleet} { // what the others bring
				for name, data := range other.configs {
					if m.configs[name] == nil {
						m.configs[name] = data
					}
				}
			}
			if m.deployment != nil {
				m.checkWorkers(t)
			}
			if m.job != nil {
				m.checkJob(t)
			}
			for _, p := range m.policies {
				m.checkPolicy(t, p)
			}
		})
	}
}

func (m *manifests) checkWorkers(t *testing.T) {
	t.Helper()
	pod := &m.deployment.Spec.Template
	for what, s := range map[string]*metav1.LabelSelector{"deployment": m.deployment.Spec.Selector, "disruption budget": m.disruption.Spec.Selector} {
		if !selects(t, s, pod.Labels) {
			t.Errorf("%s selects %v, which its pods are not: %v", what, s, pod.Labels)
		}
	}
	for _, spread := range pod.Spec.TopologySpreadConstraints {
		if !selects(t, spread.LabelSelector, pod.Labels) {
			t.Errorf("spread over %s selects %v", spread.TopologyKey, spread.LabelSelector)
		}
	}
	if m.account.Name != pod.Spec.ServiceAccountName {
		t.Errorf("workers run as %s, and %s is there", pod.Spec.ServiceAccountName, m.account.Name)
	}
	if m.deployment.Spec.Replicas != nil {
		t.Error("the number of workers is KEDA's, and the deployment has one, too")
	}
	c := m.checkPod(t, pod)
	c.check(t)
	m.checkScaling(t, c)
}

func (m *manifests) checkJob(t *testing.T) {
	t.Helper()
	pod := &m.job.Spec.Template
	c := m.checkPod(t, pod)
	c.check(t)
	var ends []int32
	for _, rule := range m.job.Spec.PodFailurePolicy.Rules {
		if exits := rule.OnExitCodes; exits != nil && rule.Action == batchv1.PodFailurePolicyActionFailJob {
			ends = append(ends, exits.Values...)
			if *exits.ContainerName != pod.Spec.Containers[0].Name || !slices.IsSorted(exits.Values) {
				t.Errorf("rule for exit codes: %v", exits)
			}
		}
	}
	if !slices.Equal(ends, []int32{2, 3, 4}) || !slices.Contains(c.args, "--tolerate-rejects") {
		t.Errorf("exit codes %v end the job, want 2, 3 and 4; arguments %q", ends, c.args)
	}
}

// checkPolicy checks that a policy for DICE's own pods meets them.
func (m *manifests) checkPolicy(t *testing.T, p *networkingv1.NetworkPolicy) {
	t.Helper()
	if p.Name == "dice" && !selects(t, &p.Spec.PodSelector, m.deployment.Spec.Template.Labels) {
		t.Errorf("policy %s selects %v", p.Name, p.Spec.PodSelector)
	}
	for _, rule := range p.Spec.Ingress {
		for _, port := range rule.Ports {
			if port.Port.IntValue() == 4222 && !selects(t, rule.From[0].PodSelector, m.deployment.Spec.Template.Labels) {
				t.Errorf("workers cannot reach the queue: %v", rule.From)
			}
		}
	}
}

func selectorOf(pod map[string]string) *metav1.LabelSelector {
	return &metav1.LabelSelector{MatchLabels: pod}
}

func selects(t *testing.T, s *metav1.LabelSelector, pod map[string]string) bool {
	t.Helper()
	selector, err := metav1.LabelSelectorAsSelector(s)
	if err != nil {
		t.Fatal(err)
	}
	return selector.Matches(labels.Set(pod))
}
