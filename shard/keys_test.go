package shard

import "testing"

func TestCommitKeysRoundTrip(t *testing.T) {
	job := Job("20261122t120000-00ff")
	for _, task := range []int{0, 7, 12345678, 123456789} {
		key := job.CommitKey(Map, task)
		if got, ok := ParseCommitKey(key); !ok || got != task {
			t.Errorf("%s: got %d, %v", key, got, ok)
		}
	}
	for _, key := range []string{"", "x/y.json", "x/1.json", "x/00000001.json.tmp", "x/-0000001.json"} {
		if task, ok := ParseCommitKey(key); ok {
			t.Errorf("%q was read as task %d", key, task)
		}
	}
}

// FuzzParseCommitKey: no foreign key is taken for a commit record.
func FuzzParseCommitKey(f *testing.F) {
	f.Add("commit/map/00000001.json")
	f.Fuzz(func(t *testing.T, key string) {
		task, ok := ParseCommitKey(key)
		if ok && ParseBack(task) != key[len(key)-len(ParseBack(task)):] {
			t.Errorf("%q was read as task %d", key, task)
		}
	})
}

// ParseBack is the name of a task's commit record.
func ParseBack(task int) string {
	key := Job("").CommitKey(Map, task)
	return key[len(Job("").CommitPrefix(Map)):]
}

func TestResultKeys(t *testing.T) {
	for key, is := range map[string]bool{
		"protocol=mqtt/part-00000.parquet": true, "reuse/part-00012.parquet": true, "rejects/part-00000.parquet": true, "summary.json": true,
		"manifest.json": false, "protocol=mqtt/part-0.parquet": false, "protocol=/part-00000.parquet": false, "other/part-00000.parquet": false,
		"protocol=mqtt/x/part-00000.parquet": false, "part-00000.parquet": false, "_dice/claim": false, "reuse/part-00000.json": false,
	} {
		if IsResultKey(key) != is {
			t.Errorf("%s: got %v", key, !is)
		}
	}
}
