package jobtest

import (
	"bytes"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/dice-engine/dice/internal/store"
	"github.com/dice-engine/dice/shard"
)

// gzipped compresses a text into one member.
func gzipped(t testing.TB, text []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write(text); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// zstandard compresses a text into one frame, with a checksum or without.
func zstandard(checksum bool) func(t testing.TB, text []byte) []byte {
	return func(t testing.TB, text []byte) []byte {
		t.Helper()
		w, err := zstd.NewWriter(nil, zstd.WithEncoderCRC(checksum))
		if err != nil {
			t.Fatal(err)
		}
		return w.EncodeAll(text, nil)
	}
}

// streams makes long streams of the lines of a scan, side tables included: each object becomes one.
func streams(t testing.TB, dir, ending string, compress func(testing.TB, []byte) []byte) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.jsonl"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err == nil {
			err = os.WriteFile(file+ending, compress(t, text), 0o600)
		}
		if err == nil {
			err = os.Remove(file)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// smallStreams is a scan of streams that are cut into many shards, and its command.
func smallStreams(t testing.TB, ending string, compress func(testing.TB, []byte) []byte) (dir string, command shard.Command) {
	t.Helper()
	dir, _ = small(t)
	streams(t, dir, ending, compress)
	command = scanCommand(dir)
	command.Certificates = []string{dir + "/certificates.jsonl" + ending}
	command.Options.ShardBytes, command.Options.PartitionRows = 4<<10, 1<<40
	return dir, command
}

// whole is the same command without any object cut.
func whole(command shard.Command) shard.Command {
	command.Options.ShardBytes = 1 << 30
	return command
}

// rowsOf are the files of a result without those that tell how the job was cut.
func rowsOf(files map[string][]byte) map[string][]byte {
	delete(files, shard.ManifestKey)
	return files
}

// TestStreams: an object that is compressed in one piece is unpacked once and read in many parts, with the same rows.
func TestStreams(t *testing.T) {
	for name, c := range map[string]struct {
		ending   string
		compress func(testing.TB, []byte) []byte
	}{
		"gzip":                      {".gz", gzipped},
		"zstandard":                 {".zst", zstandard(true)},
		"zstandard, not checksumed": {".zst", zstandard(false)},
	} {
		t.Run(name, func(t *testing.T) {
			_, command := smallStreams(t, c.ending, c.compress)
			want := rowsOf(result(t, Run(t, Options{Command: whole(command)}).Out))
			job := Run(t, Options{Command: command, Workers: 2, Slots: 2, Keep: true})
			sameFiles(t, want, rowsOf(result(t, job.Out)))
			key := shard.Job(job.Result.Job)
			plan := read[shard.Plan](t, job.Out, key.PlanKey())
			unpacked := readIndex(t, job.Out, key.IndexKey(shard.Unpack))
			if len(plan.Streams) < 8 || len(unpacked.Commits) != len(plan.Streams) {
				t.Fatalf("%d streams, %d unpacked", len(plan.Streams), len(unpacked.Commits))
			}
			for i, commit := range unpacked.Commits {
				if commit.Unpack.Text == nil {
					t.Errorf("%s was not unpacked", plan.Inputs[plan.Streams[i]].URL)
				}
			}
			busy := 0
			for _, commit := range readIndex(t, job.Out, key.IndexKey(shard.Map)).Commits {
				if commit.Map.Slices[0].Lines > 0 {
					busy++
				}
			}
			if busy != len(plan.Shards) {
				t.Errorf("%d of %d shards hold lines, want all", busy, len(plan.Shards))
			}
		})
	}
}

// TestDamagedStreams: what is damaged is read as it is, and rejected as if it had not been cut.
func TestDamagedStreams(t *testing.T) {
	for name, damage := range map[string]func([]byte) []byte{
		"cut off":           func(b []byte) []byte { return b[:len(b)*2/3] },
		"cut off at once":   func(b []byte) []byte { return b[:4<<10+8<<9] },
		"changed":           func(b []byte) []byte { b[len(b)/2] ^= 0x55; return b },
		"wrong checksum":    func(b []byte) []byte { b[len(b)-8] ^= 0x55; return b },
		"followed by other": func(b []byte) []byte { return append(b, "no member"...) },
	} {
		t.Run(name, func(t *testing.T) {
			dir, command := smallStreams(t, ".gz", gzipped)
			path := filepath.Join(dir, "zgrab2_mqtt.jsonl.gz")
			body, err := os.ReadFile(path)
			if err == nil {
				err = os.WriteFile(path, damage(body), 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
			calm := Run(t, Options{Command: whole(command)})
			if calm.Result.Manifest.Rejects == 0 {
				t.Fatal("nothing was rejected")
			}
			sameFiles(t, rowsOf(result(t, calm.Out)), rowsOf(result(t, Run(t, Options{Command: command, Slots: 2}).Out)))
		})
	}
}

// TestSeveralMembers: what can be read in parts as it is is not unpacked; what begins with a long member is, as a whole.
func TestSeveralMembers(t *testing.T) {
	lines := modbusLines(t)
	half := bytes.LastIndexByte(lines[:len(lines)/2], '\n') + 1
	long := append(gzipped(t, lines[:half]), gzipped(t, lines[half:])...)
	first := bytes.IndexByte(lines, '\n') + 1
	short := append(gzipped(t, lines[:first]), gzipped(t, lines[first:])...)
	for name, c := range map[string]struct {
		body   []byte
		unpack bool
	}{"a long one first": {long, true}, "a short one first": {short, false}} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, "zgrab2_modbus.jsonl.gz"), c.body, 0o600); err != nil {
				t.Fatal(err)
			}
			command := Command(dir + "/zgrab2_*")
			command.Options.ShardBytes, command.Options.PartitionRows, command.Options.Mode = 4<<10, 1<<40, shard.All
			want := rowsOf(result(t, Run(t, Options{Command: whole(command)}).Out))
			job := Run(t, Options{Command: command, Slots: 2, Keep: true})
			sameFiles(t, want, rowsOf(result(t, job.Out)))
			unpacked := readIndex(t, job.Out, shard.Job(job.Result.Job).IndexKey(shard.Unpack)).Commits[0].Unpack
			if got := unpacked.Text != nil; got != c.unpack {
				t.Errorf("unpacked: %v, want %v", got, c.unpack)
			}
		})
	}
}

// TestStreamsDamagedOnTheirWay: what is damaged while it is unpacked is read again, whether it has a checksum or not.
func TestStreamsDamagedOnTheirWay(t *testing.T) {
	for _, checksum := range []bool{true, false} {
		dir := t.TempDir()
		body := zstandard(checksum)(t, modbusLines(t))
		if err := os.WriteFile(filepath.Join(dir, "zgrab2_modbus.jsonl.zst"), body, 0o600); err != nil {
			t.Fatal(err)
		}
		command := uploaded(t, dir, int64(len(body)/4))
		calm := Run(t, Options{Command: command})
		want := result(t, calm.Out)
		if calm.Result.Manifest.Records.Output < 100 || calm.Result.Manifest.Rejects > 0 {
			t.Fatalf("%+v", calm.Result.Manifest.Records)
		}
		for _, at := range []int{0, 1, len(body) / 3, len(body) / 2, len(body) - 1} {
			damagedAt(t, command, at, want)
		}
	}
}

// damagedAt changes the octet at an offset when it is read for the first time, and wants the calm result.
func damagedAt(t *testing.T, command shard.Command, at int, want map[string][]byte) {
	t.Helper()
	var readings, hits atomic.Int32
	var within atomic.Int64
	job := Run(t, Options{Command: command, Slots: 2, Door: func(i int, b store.Bucket) store.Bucket {
		if i < 0 {
			return b
		}
		return damaging{b, &readings, func(_ int32, off int64, p []byte) bool {
			place := int64(at) - off
			hit := place >= 0 && place < int64(len(p)) && hits.Add(1) == 1
			if hit {
				within.Store(place)
			}
			return hit
		}, func(_ int32, p []byte) { p[within.Load()] ^= 0x10 }}
	}})
	if hits.Load() == 0 {
		t.Errorf("octet %d was never read", at)
	}
	sameFiles(t, want, result(t, job.Out))
}
