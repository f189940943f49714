package shard

import (
	"fmt"
	"strconv"
	"strings"
)

// WorkPrefix is the folder of everything in an output that is not result.
const WorkPrefix = "_dice/"

// ProbePrefix is the folder of what the store is probed with before a job begins.
const ProbePrefix = WorkPrefix + "probe/"

// The keys of an output that stand once.
const (
	ClaimKey    = WorkPrefix + "claim"
	ManifestKey = "manifest.json"
	SummaryKey  = "summary.json"
)

// Stage is a step of a job. Every stage but the first needs the one before it complete.
type Stage string

// The stages in their order. Jobs without streams have no Unpack.
const (
	Unpack   Stage = "unpack"
	Map      Stage = "map"
	Identity Stage = "identity"
	Reuse    Stage = "reuse"
	Write    Stage = "write"
)

// Stages lists them in order.
var Stages = []Stage{Unpack, Map, Identity, Reuse, Write}

// Job makes the keys of a job's work files.
type Job string

// Prefix is the folder of the job's work files.
func (j Job) Prefix() string { return WorkPrefix + string(j) + "/" }

// PlanKey is where the plan stands.
func (j Job) PlanKey() string { return j.Prefix() + "plan.json" }

// CommitPrefix is the folder of a stage's commit records.
func (j Job) CommitPrefix(s Stage) string { return fmt.Sprintf("%scommit/%s/", j.Prefix(), s) }

// CommitKey is where a task's commit record stands.
func (j Job) CommitKey(s Stage, task int) string {
	return fmt.Sprintf("%s%08d.json", j.CommitPrefix(s), task)
}

// failurePrefix is the folder of a stage's failure records.
func (j Job) failurePrefix(s Stage) string { return fmt.Sprintf("%sfailed/%s/", j.Prefix(), s) }

// FailureKey is where an attempt's failure record stands. It names the input at fault, or NoInput.
func (j Job) FailureKey(s Stage, task, input int, attempt string) string {
	return fmt.Sprintf("%s%08d-%08d-%s.json", j.failurePrefix(s), task, input+1, attempt)
}

// TaskFailurePrefix begins the keys of a task's failure records.
func (j Job) TaskFailurePrefix(s Stage, task int) string {
	return fmt.Sprintf("%s%08d-", j.failurePrefix(s), task)
}

// ParseFailureKey returns the input of a failure record: NoInput where none is at fault.
func ParseFailureKey(key string) (input int, ok bool) {
	parts := strings.Split(key[strings.LastIndexByte(key, '/')+1:], "-")
	if len(parts) != 3 {
		return 0, false
	}
	_, err := strconv.ParseUint(parts[0], 10, 31)
	i, err2 := strconv.ParseUint(parts[1], 10, 31)
	return int(i) - 1, err == nil && err2 == nil
}

// DataKey is where an attempt leaves a piece of data: segment, sightings or verdicts.
func (j Job) DataKey(s Stage, task int, attempt, piece string) string {
	return fmt.Sprintf("%sdata/%s/%08d-%s.%s", j.Prefix(), s, task, attempt, piece)
}

// IndexKey is where a stage's index stands.
func (j Job) IndexKey(s Stage) string { return fmt.Sprintf("%sindex/%s.json.gz", j.Prefix(), s) }

// ParseCommitKey returns the task whose commit record stands at key, a key below CommitPrefix.
func ParseCommitKey(key string) (task int, ok bool) {
	digits, ok := strings.CutSuffix(key[strings.LastIndexByte(key, '/')+1:], ".json")
	n, err := strconv.ParseUint(digits, 10, 31)
	return int(n), ok && err == nil && fmt.Sprintf("%08d", n) == digits
}

// PartKey is where part n of a table of the result stands: protocol=<name>, reuse or rejects.
func PartKey(table string, n int) string { return fmt.Sprintf("%s/part-%05d.parquet", table, n) }

// ProtocolTable names the table of a protocol's records.
func ProtocolTable(protocol string) string { return "protocol=" + protocol }

// IsResultKey says whether a key is one that a job gives to a file of its result, the manifest aside.
func IsResultKey(key string) bool {
	table, part, _ := strings.Cut(key, "/")
	number, ok := strings.CutPrefix(part, "part-")
	number, parquet := strings.CutSuffix(number, ".parquet")
	n, err := strconv.ParseUint(number, 10, 31)
	isPart := ok && parquet && err == nil && PartKey(table, int(n)) == key
	name, isProtocol := strings.CutPrefix(table, ProtocolTable(""))
	return key == SummaryKey || isPart && (table == ReuseTable || table == RejectsTable || isProtocol && name != "")
}

// The tables beside the protocols' own.
const (
	ReuseTable   = "reuse"
	RejectsTable = "rejects"
)
