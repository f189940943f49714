package deploytest

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"
)

// restricted checks a pod by the strictest of the Pod Security Standards, which the namespace enforces.
func restricted(t *testing.T, where string, pod *corev1.PodTemplateSpec) {
	t.Helper()
	evaluator, err := policy.NewEvaluator(policy.DefaultChecks(), nil)
	if err != nil {
		t.Fatal(err)
	}
	level := api.LevelVersion{Level: api.LevelRestricted, Version: api.LatestVersion()}
	for _, result := range evaluator.EvaluatePod(level, &pod.ObjectMeta, &pod.Spec) {
		if !result.Allowed {
			t.Errorf("%s: %s: %s", where, result.ForbiddenReason, result.ForbiddenDetail)
		}
	}
}

// checkPod checks a pod of DICE and returns what it runs.
func (m *manifests) checkPod(t *testing.T, pod *corev1.PodTemplateSpec) command {
	t.Helper()
	restricted(t, m.folder, pod)
	spec := pod.Spec
	if len(spec.Containers) != 1 {
		t.Fatalf("%s: %d containers", m.folder, len(spec.Containers))
	}
	c := spec.Containers[0]
	if strings.HasPrefix(m.folder, "example/") && !strings.Contains(c.Image, ":") {
		t.Errorf("%s: image %s has no version", m.folder, c.Image)
	}
	if spec.AutomountServiceAccountToken == nil || *spec.AutomountServiceAccountToken || !*c.SecurityContext.ReadOnlyRootFilesystem {
		t.Errorf("%s: the pod has a token, or can write to its image", m.folder)
	}
	checkVolumes(t, m.folder, spec)
	for name, limit := range c.Resources.Limits {
		if request, ok := c.Resources.Requests[name]; ok && request.Cmp(limit) > 0 {
			t.Errorf("%s: %s: %s is requested, and limited to %s", m.folder, name, request.String(), limit.String())
		}
	}
	env := m.environment(t, c)
	if ca := env["DICE_NATS_CA"]; ca != "" && !holds(spec, ca) {
		t.Errorf("%s: %s is not there", m.folder, ca)
	}
	return command{
		where: m.folder, args: c.Args, env: env, memory: c.Resources.Limits.Memory().Value(),
		stop: time.Duration(*spec.TerminationGracePeriodSeconds) * time.Second,
	}
}

// checkVolumes: what is mounted is there, what is there is mounted, and DICE has its scratch folder, within limits.
func checkVolumes(t *testing.T, where string, spec corev1.PodSpec) {
	t.Helper()
	c := spec.Containers[0]
	mounts := map[string]string{}
	for _, m := range c.VolumeMounts {
		mounts[m.Name] = m.MountPath
	}
	for _, v := range spec.Volumes {
		if mounts[v.Name] == "" {
			t.Errorf("%s: volume %s is mounted nowhere", where, v.Name)
		}
		if v.Name == "scratch" {
			limit := c.Resources.Limits.StorageEphemeral()
			if mounts[v.Name] != "/scratch" || v.EmptyDir.SizeLimit.IsZero() || !limit.IsZero() && limit.Cmp(*v.EmptyDir.SizeLimit) < 0 {
				t.Errorf("%s: scratch: %v at %s, all storage is limited to %s", where, v.EmptyDir, mounts[v.Name], limit)
			}
		}
		delete(mounts, v.Name)
	}
	if len(mounts) > 0 {
		t.Errorf("%s: these are mounted, and not there: %v", where, mounts)
	}
}

// environment puts together what a container finds in its environment.
func (m *manifests) environment(t *testing.T, c corev1.Container) map[string]string {
	t.Helper()
	env := map[string]string{}
	for _, from := range c.EnvFrom {
		name := ""
		switch {
		case from.ConfigMapRef != nil:
			name = "ConfigMap/" + from.ConfigMapRef.Name
		case from.SecretRef != nil:
			name = "Secret/" + from.SecretRef.Name
		}
		if m.configs[name] == nil {
			t.Errorf("%s: %s is not there", m.folder, name)
		}
		maps.Copy(env, m.configs[name])
	}
	for _, v := range c.Env {
		env[v.Name] = v.Value
		if v.ValueFrom != nil {
			ref := v.ValueFrom.SecretKeyRef
			if env[v.Name] = m.configs["Secret/"+ref.Name][ref.Key]; env[v.Name] == "" {
				t.Errorf("%s: secret %s has no %s", m.folder, ref.Name, ref.Key)
			}
		}
	}
	if !slices.Contains(slices.Collect(maps.Keys(env)), "DICE_NATS_PASSWORD") {
		t.Errorf("%s: there is no password for the queue: %v", m.folder, env)
	}
	if ca := env["DICE_NATS_CA"]; strings.HasPrefix(env["DICE_NATS"], "tls://") != (ca != "") {
		t.Errorf("%s: queue %s with authority %q", m.folder, env["DICE_NATS"], ca)
	}
	return env
}

// holds says whether a container finds a file in one of its secrets.
func holds(spec corev1.PodSpec, file string) bool {
	for _, mount := range spec.Containers[0].VolumeMounts {
		for _, v := range spec.Volumes {
			if v.Name == mount.Name && v.Secret != nil &&
				slices.ContainsFunc(v.Secret.Items, func(i corev1.KeyToPath) bool { return mount.MountPath+"/"+i.Path == file }) {
				return true
			}
		}
	}
	return false
}
