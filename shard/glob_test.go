package shard

import "testing"

func TestSplitPattern(t *testing.T) {
	for _, c := range []struct{ pattern, base, rest string }{
		{"scan/zgrab2_*", "scan", "zgrab2_*"},
		{"scan/**", "scan", "**"},
		{"./scan/*.jsonl", "scan", "*.jsonl"},
		{"*.jsonl", "", "*.jsonl"},
		{"./*.jsonl", "", "*.jsonl"},
		{"/data/a/b.parquet", "/data/a", "b.parquet"},
		{"/*", "/", "*"},
		{"../x/*", "../x", "*"},
	} {
		base, rest := SplitPattern(c.pattern)
		if base != c.base || rest != c.rest {
			t.Errorf("%s: got %q and %q, want %q and %q", c.pattern, base, rest, c.base, c.rest)
		}
	}
}

func TestMatch(t *testing.T) {
	for _, c := range []struct {
		rest, key string
		want      bool
	}{
		{"zgrab2_*", "zgrab2_mqtt.jsonl", true},
		{"zgrab2_*", "zgrab2_a/protocol=mqtt/mqtt.parquet", true},
		{"zgrab2_*", "zgrab2_a/_dice/claim", false},
		{"zgrab2_*", "other/zgrab2_a", false},
		{"**", "a/b/c", true},
		{"**", "a/.hidden/c", false},
		{"**/*.parquet", "a/b.parquet", true},
		{"**/*.parquet", "_tmp/b.parquet", false},
		{"*.parquet", "_b.parquet", false},
		{"_b.parquet", "_b.parquet", true},
		{"{a,b}.jsonl", "b.jsonl", true},
	} {
		got, err := Match(c.rest, c.key)
		if err != nil || got != c.want {
			t.Errorf("%s against %s: got %v, %v", c.rest, c.key, got, err)
		}
	}
	if _, err := Match("[", "a"); err == nil {
		t.Error("a malformed pattern gave no error")
	}
}
