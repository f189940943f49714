package deploytest

import (
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"
)

const templateFile = "deploy/ec2/template.yaml"

// CloudFormation's resources as a JSON schema, from a Go module whose code is not compiled. It is of 2024, and the
// template needs nothing newer.
const (
	formationModule = "github.com/awslabs/goformation/v7@v7.14.9"
	formationSum    = "h1:sZjjpTqXrcBDz4Fi07JWTT7zKM68XsQkW/7iLAJbA/M="
)

// template is a CloudFormation template with its functions replaced by what they stand for.
type template struct {
	t          *testing.T
	parameters map[string]any // a value for each
	resources  map[string]any
	used       map[string]bool // parameters
}

// pseudo are the parameters that every template has.
func pseudo() map[string]any {
	return map[string]any{
		"AWS::AccountId": "111122223333", "AWS::Partition": "aws", "AWS::Region": "eu-west-1", "AWS::StackName": "dice",
	}
}

// loadTemplate reads the template and gives its parameters values.
func loadTemplate(t *testing.T) (*template, map[string]any) {
	t.Helper()
	var document struct {
		Parameters map[string]struct {
			Type           string `yaml:"Type"`
			Default        any    `yaml:"Default"`
			AllowedPattern string `yaml:"AllowedPattern"`
		} `yaml:"Parameters"`
		Resources map[string]yaml.Node `yaml:"Resources"`
	}
	text := []byte(read(t, templateFile))
	if err := yaml.Unmarshal(text, &document); err != nil {
		t.Fatal(err)
	}
	x := &template{t: t, parameters: pseudo(), resources: map[string]any{}, used: map[string]bool{}}
	examples := []string{
		"s3://scans/2026-11/zgrab2_*", "tools", strings.Repeat("0", 64), "i-1", "--mode all --certificates s3://scans/2026-11/certificates.jsonl",
	}
	for name, p := range document.Parameters {
		x.parameters[name] = fmt.Sprint(p.Default) // numbers are texts, too
		if p.Default == nil || p.Default == "" {
			fits := regexp.MustCompile("^(?:" + p.AllowedPattern + ")$")
			x.parameters[name] = examples[max(0, slices.IndexFunc(examples, func(e string) bool { return p.AllowedPattern == "" || fits.MatchString(e) }))]
		}
		if strings.HasPrefix(p.Type, "List<") {
			x.parameters[name] = []any{"subnet-1", "subnet-2"}
		}
	}
	for name := range document.Resources {
		x.resources[name] = nil
	}
	var all yaml.Node
	if err := yaml.Unmarshal(text, &all); err != nil {
		t.Fatal(err)
	}
	resolved := x.resolve(all.Content[0]).(map[string]any)
	x.resources = resolved["Resources"].(map[string]any)
	return x, resolved
}

// resolve turns YAML into values, and functions into what they stand for.
func (x *template) resolve(n *yaml.Node) any {
	switch n.Tag {
	case "!Ref":
		return x.ref(n.Value)
	case "!GetAtt":
		return x.attribute(n.Value)
	case "!Sub":
		return regexp.MustCompile(`\$\{[^}]*\}`).ReplaceAllStringFunc(n.Value, func(name string) string {
			return fmt.Sprint(x.ref(name[2 : len(name)-1]))
		})
	}
	switch n.Kind {
	case yaml.MappingNode:
		object := map[string]any{}
		for i := 0; i < len(n.Content); i += 2 {
			object[n.Content[i].Value] = x.resolve(n.Content[i+1])
		}
		if text, ok := object["Fn::Base64"]; ok && len(object) == 1 {
			return text
		}
		return object
	case yaml.SequenceNode:
		var list []any
		for _, below := range n.Content {
			list = append(list, x.resolve(below))
		}
		return list
	case yaml.AliasNode:
		x.t.Errorf("%s line %d: CloudFormation takes no aliases", templateFile, n.Line)
	}
	var value any
	if err := n.Decode(&value); err != nil || strings.HasPrefix(n.Tag, "!") && !strings.HasPrefix(n.Tag, "!!") {
		x.t.Errorf("%s line %d: %s %v", templateFile, n.Line, n.Tag, err)
	}
	return value
}

func (x *template) ref(name string) any {
	if value, ok := x.parameters[name]; ok {
		x.used[name] = true
		return value
	}
	if strings.Contains(name, ".") {
		return x.attribute(name)
	}
	if _, ok := x.resources[name]; !ok {
		x.t.Errorf("%s: there is no %s", templateFile, name)
	}
	return "id-of-" + name
}

func (x *template) attribute(name string) any {
	resource, attribute, _ := strings.Cut(name, ".")
	if _, ok := x.resources[resource]; !ok || !slices.Contains([]string{"Arn", "GroupId", "LatestVersionNumber", "PrivateIp"}, attribute) {
		x.t.Errorf("%s: there is no %s", templateFile, name)
	}
	return "attribute-" + attribute
}

// dig returns what stands below some keys.
func dig(t *testing.T, value any, keys ...string) any {
	t.Helper()
	for _, key := range keys {
		below, ok := value.(map[string]any)[key]
		if !ok {
			t.Fatalf("%s has no %s of %q", templateFile, key, keys)
		}
		value = below
	}
	return value
}

// TestTemplate holds the template to CloudFormation's schema, and to what machines that come and go need.
func TestTemplate(t *testing.T) {
	x, resolved := loadTemplate(t)
	text, err := os.ReadFile(filepath.Join(module(t, formationModule, formationSum), "schema/cloudformation.schema.json"))
	if err != nil {
		t.Fatal(err)
	}
	schema, err := jsonschema.UnmarshalJSON(strings.NewReader(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	definitions := dig(t, schema, "definitions").(map[string]any)
	for name, resource := range x.resources {
		body, err := json.Marshal(resource)
		if err != nil {
			t.Fatal(err)
		}
		kind := dig(t, resource, "Type").(string)
		if definitions[kind] == nil {
			t.Errorf("%s: CloudFormation has no %s", name, kind)
			continue
		}
		needed := map[string]any{}
		gather(needed, definitions, kind)
		checkSchema(t, templateFile+": "+name, map[string]any{"definitions": needed}, "#/definitions/"+kind, asJSON(t, body))
	}
	for name := range dig(t, resolved, "Parameters").(map[string]any) {
		if !x.used[name] {
			t.Errorf("nothing uses the parameter %s", name)
		}
	}
	for _, name := range []string{"CoordinatorTemplate", "WorkerTemplate"} {
		metadata := dig(t, x.resources[name], "Properties", "LaunchTemplateData", "MetadataOptions").(map[string]any)
		if metadata["HttpTokens"] != "required" || metadata["HttpPutResponseHopLimit"] != 1 {
			t.Errorf("%s: metadata: %v", name, metadata)
		}
	}
	group := dig(t, x.resources["WorkersGroup"], "Properties")
	policy := dig(t, group, "MixedInstancesPolicy")
	if dig(t, group, "CapacityRebalance") != true || len(dig(t, policy, "LaunchTemplate", "Overrides").([]any)) < 4 ||
		dig(t, policy, "InstancesDistribution", "SpotAllocationStrategy") != "price-capacity-optimized" {
		t.Errorf("workers: %v", group)
	}
}

// gather copies a definition and those that it refers to: the whole schema would be checked for minutes.
func gather(into, definitions map[string]any, name string) {
	if into[name] != nil {
		return
	}
	into[name] = definitions[name]
	var walk func(value any)
	walk = func(value any) {
		switch v := value.(type) {
		case map[string]any:
			if ref, ok := v["$ref"].(string); ok {
				gather(into, definitions, strings.TrimPrefix(ref, "#/definitions/"))
			}
			for _, below := range v {
				walk(below)
			}
		case []any:
			for _, below := range v {
				walk(below)
			}
		}
	}
	walk(definitions[name])
}

// unitKeys are the settings of systemd that the units use.
func unitKeys() map[string][]string {
	return map[string][]string{
		"Unit": {"Description", "Wants", "After", "StartLimitIntervalSec", "SuccessAction"},
		"Service": {
			"User", "EnvironmentFile", "ExecStart", "ExecStopPost", "LimitNOFILE", "NoNewPrivileges", "PrivateTmp", "ProtectHome",
			"ProtectSystem", "ReadWritePaths", "Restart", "RestartPreventExitStatus", "RestartSec", "RuntimeDirectory",
			"StandardError", "StandardOutput", "StateDirectory", "SuccessExitStatus", "TimeoutStopSec",
		},
		"Install": {"WantedBy"},
	}
}

// unit reads the unit file that a script writes.
func unit(t *testing.T, where, script string) map[string]string {
	t.Helper()
	text := submatches(`(?s)\.service <<'END'\n(.*?)\nEND\n`, script)
	if len(text) != 1 {
		t.Fatalf("%s: %d unit files", where, len(text))
	}
	settings, section := map[string]string{}, ""
	for line := range strings.Lines(text[0]) {
		line = strings.TrimSpace(line)
		key, value, ok := strings.Cut(line, "=")
		switch {
		case line == "" || strings.HasPrefix(line, "#"):
		case strings.HasPrefix(line, "["):
			section = strings.Trim(line, "[]")
		case !ok || !slices.Contains(unitKeys()[section], key):
			t.Errorf("%s: unit: %s in section %s", where, line, section)
		default:
			settings[key] = value
		}
	}
	return settings
}

// isScript has a shell read a script, and the scripts that it writes, without running them.
func isScript(t *testing.T, where, script string) {
	t.Helper()
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Log("there is no bash to read scripts")
		return
	}
	for _, text := range append(submatches(`(?s)<<'END'\n(#!/bin/bash\n.*?)\nEND\n`, script), script) {
		cmd := exec.Command(bash, "-n")
		cmd.Stdin = strings.NewReader(text)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s: %v: %s", where, err, out)
		}
	}
}

// TestMachines: what machines do when they start is a script that a shell can read, and it starts DICE as DICE wants it.
func TestMachines(t *testing.T) {
	x, _ := loadTemplate(t)
	for name, want := range map[string]map[string]string{
		"CoordinatorTemplate": {"Restart": "on-failure", "SuccessExitStatus": "3 4", "RestartPreventExitStatus": "2", "SuccessAction": "poweroff"},
		"WorkerTemplate":      {"Restart": "on-failure", "RestartPreventExitStatus": "2", "SuccessAction": "poweroff", "RuntimeDirectory": "dice"},
	} {
		script := dig(t, x.resources[name], "Properties", "LaunchTemplateData", "UserData").(string)
		if len(script) > 12<<10 {
			t.Errorf("%s: %d octets of user data", name, len(script))
		}
		isScript(t, name, script)
		u := unit(t, name, script)
		for key, value := range want {
			if u[key] != value {
				t.Errorf("%s: %s=%s, want %s", name, key, u[key], value)
			}
		}
		c := command{where: templateFile + ": " + name, args: strings.Fields(u["ExecStart"])[1:], env: map[string]string{}}
		for _, m := range regexp.MustCompile(`(?m)^\s*(?:echo ")?([A-Z_]+)=([^"\n]*)"?$`).FindAllStringSubmatch(script, -1) {
			c.env[m[1]] = strings.ReplaceAll(m[2], "$memory", "4000000000")
		}
		if seconds := u["TimeoutStopSec"]; seconds != "" {
			c.stop, _ = time.ParseDuration(seconds + "s")
		}
		c.check(t)
		needs := strings.Join([]string{u["ExecStart"], u["ExecStopPost"], u["EnvironmentFile"], c.env["DICE_NATS_CA"]}, " ")
		for _, file := range submatches(`((?:/etc/dice|/usr/local/bin)/\S+)`, needs) {
			if !regexp.MustCompile(`(> |install -m 0755 \S+ )` + regexp.QuoteMeta(file) + `[ )\n]`).MatchString(script) {
				t.Errorf("%s: nothing writes %s", name, file)
			}
		}
		if queue, err := url.Parse(c.env["DICE_NATS"]); err != nil || !strings.Contains(script, " "+queue.Hostname()+"' >> /etc/hosts") && queue.Host != "" {
			t.Errorf("%s: nothing says where %s is", name, queue)
		}
	}
}

// TestBucketRights: machines may do with buckets what DICE does, and no more.
func TestBucketRights(t *testing.T) {
	needs := map[string][]string{ // what a request of S3 needs; everything but ListObjectsV2 and HeadObject of scans is for results
		"AbortMultipartUpload": {"s3:AbortMultipartUpload"}, "CompleteMultipartUpload": {"s3:PutObject"},
		"CreateMultipartUpload": {"s3:PutObject"}, "DeleteObject": {"s3:DeleteObject"}, "DeleteObjects": {"s3:DeleteObject"},
		"GetObject": {"s3:GetObject"}, "HeadObject": {"s3:GetObject", "s3:ListBucket"}, "ListMultipartUploads": {"s3:ListBucketMultipartUploads"},
		"ListObjectsV2": {"s3:ListBucket"}, "PutObject": {"s3:PutObject"}, "UploadPart": {"s3:PutObject"},
	}
	var want []string
	files, err := filepath.Glob(root + "/internal/store/s3*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		for _, request := range submatches(`(?:client\.|s3\.New)([A-Z]\w+?)(?:Paginator)?\(`, read(t, strings.TrimPrefix(name, root+"/"))) {
			if request == "FromConfig" || request == "Options" { // which send nothing
				continue
			}
			if needs[request] == nil {
				t.Errorf("%s sends %s: which right does that need?", name, request)
			}
			want = append(want, needs[request]...)
		}
	}
	slices.Sort(want)
	got := map[string][]string{}
	x, _ := loadTemplate(t)
	for _, s := range dig(t, x.resources["Buckets"], "Properties", "PolicyDocument", "Statement").([]any) {
		actions, ok := dig(t, s, "Action").([]any)
		if !ok {
			actions = []any{dig(t, s, "Action")}
		}
		kind := regexp.MustCompile(`(Binary|Scans|Results)$`).FindString(dig(t, s, "Sid").(string))
		for _, action := range actions {
			got[kind] = append(got[kind], action.(string))
		}
	}
	for kind, want := range map[string][]string{
		"Binary": {"s3:GetObject"}, "Scans": {"s3:GetObject", "s3:ListBucket"}, "Results": slices.Compact(want),
	} {
		if slices.Sort(got[kind]); !slices.Equal(got[kind], want) {
			t.Errorf("%s: may %q, needs %q", kind, got[kind], want)
		}
	}
}
