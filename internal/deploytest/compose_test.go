package deploytest

import (
	"flag"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/nats-io/nats-server/v2/server"

	"github.com/dice-engine/dice/internal/servertest"
)

const composeFile = "deploy/compose/compose.yaml"

// settings are what .env.example asks for, each with a value that can be told from the others.
func settings(t *testing.T) (env []string) {
	t.Helper()
	for _, name := range submatches(`(?m)^([A-Z_]+)=$`, read(t, "deploy/compose/.env.example")) {
		env = append(env, name+"=p"+strings.ToLower(name))
	}
	return env
}

// compose loads the file as docker compose does: substituted, merged and held to compose's schema.
func compose(t *testing.T, env []string) (*types.Project, error) {
	t.Helper()
	options, err := cli.NewProjectOptions([]string{filepath.Join(root, composeFile)}, cli.WithEnv(env))
	if err != nil {
		t.Fatal(err)
	}
	return options.LoadProject(t.Context())
}

// commandOf is what a service of DICE runs.
func commandOf(s types.ServiceConfig) command {
	c := command{where: composeFile + ": " + s.Name, args: s.Command, env: map[string]string{}, memory: int64(s.MemLimit)}
	for name, value := range s.Environment {
		if value != nil {
			c.env[name] = *value
		}
	}
	if s.StopGracePeriod != nil {
		c.stop = time.Duration(*s.StopGracePeriod)
	}
	return c
}

// TestCompose: the file is valid, needs what .env.example asks for and nothing else, and DICE understands it.
func TestCompose(t *testing.T) {
	env := settings(t)
	project, err := compose(t, env)
	if err != nil {
		t.Fatal(err)
	}
	for i, setting := range env {
		if _, err := compose(t, slices.Delete(slices.Clone(env), i, i+1)); err == nil {
			t.Errorf("the file does without %s", setting)
		}
	}
	commands := 0
	for _, s := range project.Services {
		for _, v := range s.Volumes {
			if _, err := os.Stat(v.Source); v.Type == types.VolumeTypeBind && err != nil {
				t.Errorf("%s mounts what is not there: %v", s.Name, err)
			}
		}
		switch {
		case s.Build != nil:
			commands++
			commandOf(s).check(t)
			if s.MemLimit == 0 || s.Build.Dockerfile != "deploy/docker/Dockerfile" || !s.ReadOnly {
				t.Errorf("%s: memory %d, image from %s, read-only %v", s.Name, s.MemLimit, s.Build.Dockerfile, s.ReadOnly)
			}
		case !regexp.MustCompile(`:(RELEASE\.)?[0-9][0-9A-Za-z.-]+$`).MatchString(s.Image):
			t.Errorf("%s: image %s is not pinned", s.Name, s.Image)
		}
	}
	if commands != 2 {
		t.Errorf("%d services run DICE, want 2", commands)
	}
	worker, coordinator := project.Services["worker"], project.Services["coordinator"]
	if *worker.Deploy.Replicas != 3 || worker.Restart != "unless-stopped" || !strings.HasPrefix(coordinator.Restart, "on-failure") {
		t.Errorf("%d workers, restarted %s, and the coordinator %s", *worker.Deploy.Replicas, worker.Restart, coordinator.Restart)
	}
	if !slices.Contains(coordinator.Command, "--tolerate-rejects") {
		t.Error("a job with rejects would begin again")
	}
}

// TestComposeQueue: NATS understands its arguments, and is asked for its health where it listens.
func TestComposeQueue(t *testing.T) {
	project, err := compose(t, settings(t))
	if err != nil {
		t.Fatal(err)
	}
	nats := project.Services["nats"]
	for name, value := range commandOf(nats).env {
		t.Setenv(name, value)
	}
	args := slices.Clone([]string(nats.Command))
	for i, arg := range args {
		for _, v := range nats.Volumes {
			if v.Type == types.VolumeTypeBind && v.Target == arg {
				args[i] = v.Source
			}
		}
	}
	none := func() {}
	options, err := server.ConfigureOptions(flag.NewFlagSet("nats-server", flag.ContinueOnError), args, none, none, none)
	if err != nil {
		t.Fatal(err)
	}
	stored := slices.ContainsFunc(nats.Volumes, func(v types.ServiceVolumeConfig) bool { return v.Target == options.StoreDir })
	health := "http://127.0.0.1:" + strconv.Itoa(options.HTTPPort) + "/healthz"
	if !options.JetStream || options.Port != 4222 || !stored || !slices.Contains(nats.HealthCheck.Test, health) {
		t.Errorf("NATS: JetStream %v in %s (a volume: %v), port %d, health by %q", options.JetStream, options.StoreDir, stored,
			options.Port, nats.HealthCheck.Test)
	}
}

// TestComposeCluster runs what the file runs, as processes: MinIO, NATS with its configuration, the workers and the
// coordinator with their arguments and environments. The coordinator finds what one process finds, and the workers leave
// when they are told to.
func TestComposeCluster(t *testing.T) {
	project, err := compose(t, settings(t))
	if err != nil {
		t.Fatal(err)
	}
	nats := commandOf(project.Services["nats"])
	minio := servertest.StartMinIO(t)
	fill(t, minio, project)
	queue := servertest.StartNATSWith(t, root+"/deploy/nats/dice.conf", "DICE_COORDINATOR_PASSWORD="+nats.env["DICE_COORDINATOR_PASSWORD"],
		"DICE_WORKER_PASSWORD="+nats.env["DICE_WORKER_PASSWORD"])
	_, store := minio.Bucket(t)
	run := func(name string) *process {
		c := commandOf(project.Services[name])
		for i, arg := range c.args {
			c.args[i] = strings.ReplaceAll(arg, "nats://nats:4222", "nats://"+queue.Addr)
		}
		env := append(c.environ(t, "DICE_SCRATCH="+t.TempDir()), store...)
		return start(t, c.args, env)
	}
	var workers []*process
	for range *project.Services["worker"].Deploy.Replicas {
		workers = append(workers, run("worker"))
	}
	coordinator := run("coordinator")
	if code := coordinator.wait(t); code != 0 {
		t.Errorf("coordinator: exit %d: %s", code, coordinator.said())
	}
	for _, w := range workers {
		if code := w.end(t); code != 0 || !strings.Contains(w.said(), "left") {
			t.Errorf("worker: exit %d: %s", code, w.said())
		}
	}
	folder := root + "/testdata/scan/"
	alone := start(t, []string{
		"classify", "-f", folder + "zgrab2_*", "--certificates", folder + "certificates.jsonl", "-o", t.TempDir() + "/out",
	}, command{}.environ(t))
	if code := alone.wait(t); code != 0 {
		t.Fatalf("alone: exit %d: %s", code, alone.said())
	}
	if got, want := figures(coordinator), figures(alone); len(want) < 5 || !slices.Equal(got, want) {
		t.Errorf("found\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// fill does what the services buckets and sample do: makes the buckets and uploads what is mounted.
func fill(t *testing.T, minio *servertest.Server, project *types.Project) {
	t.Helper()
	client := servertest.Client("http://" + minio.Addr)
	for _, arg := range project.Services["buckets"].Command {
		if bucket, ok := strings.CutPrefix(arg, "store/"); ok {
			if _, err := client.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: &bucket}); err != nil {
				t.Fatal(err)
			}
		}
	}
	sample := project.Services["sample"]
	bucket, prefix, _ := strings.Cut(strings.TrimPrefix(sample.Command[2], "store/"), "/")
	files, err := filepath.Glob(sample.Volumes[0].Source + "/*")
	if err != nil || len(files) == 0 || sample.Command[1] != sample.Volumes[0].Target {
		t.Fatalf("sample mirrors %s, and mounts %q", sample.Command[1], files)
	}
	for _, name := range files {
		file, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		key := prefix + "/" + filepath.Base(name)
		if _, err := client.PutObject(t.Context(), &s3.PutObjectInput{Bucket: &bucket, Key: &key, Body: file}); err != nil {
			t.Fatal(err)
		}
		file.Close()
	}
}

// figures are the lines of a summary: what does not come from the log.
func figures(p *process) (lines []string) {
	seen := map[string]bool{}
	for line := range strings.Lines(p.said()) {
		if !strings.HasPrefix(line, "time=") {
			seen[line] = true
		}
	}
	return slices.Sorted(maps.Keys(seen))
}
