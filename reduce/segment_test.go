package reduce

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// written is a record as a test wrote it, with its certificates' texts.
type written struct {
	Record
	texts []string
}

// writeSegment writes n random records to each of two lanes; distinct makes every fingerprint different. Texts that come
// again keep their places, whichever lane and epoch they come in.
func writeSegment(t testing.TB, r *rand.Rand, n int, distinct bool) (body []byte, lanes [2][]written) {
	t.Helper()
	var b bytes.Buffer
	places := map[string]*Place{}
	place := func(text []byte) *Place {
		if places[string(text)] == nil {
			places[string(text)] = &Place{}
		}
		return places[string(text)]
	}
	w := NewSegmentWriter(&b, 2)
	for i := range 2 * n {
		lane := r.IntN(2)
		rec := written{Record: Record{
			Slice: uint32(i / 100), Row: int64(i) + 1, Member: uint32(r.IntN(2)), Ordinal: uint32(len(lanes[lane]) * 2),
			IP: []byte(fmt.Sprintf("10.0.%d.%d", r.IntN(256), r.IntN(256))), Status: []byte(pick(r, "status", 2)), Port: int64(r.IntN(3) * 502),
			Fingerprint: []byte(pick(r, "fingerprint", 50)), Labels: []byte(pick(r, "label", 3)),
		}}
		if distinct {
			rec.Fingerprint = bytes.Repeat([]byte(fmt.Sprint(i)), 300)
		}
		if r.IntN(2) == 0 {
			rec.FingerprintAt, rec.LabelsAt = place(rec.Fingerprint), place(rec.Labels)
		}
		if r.IntN(4) == 0 {
			rec.IP, rec.Domain = []byte("2001:DB8::1"), []byte("example.org")
		}
		if r.IntN(2) == 0 {
			rec.Host, _ = ParseAddress(rec.IP)
		}
		if r.IntN(10) > 0 {
			rec.HasTime, rec.Time = true, 1_700_000_000_000_000+r.Int64N(1e12)
		}
		for range r.IntN(3) {
			text := pick(r, "certificate", 30)
			index, _ := w.AddCertificate(lane, []byte(text), []byte("tape of "+text), "labels")
			rec.Certificates = append(rec.Certificates, index)
			rec.texts = append(rec.texts, text)
		}
		given := rec.Record
		if err := w.Add(lane, &given); err != nil {
			t.Fatal(err)
		}
		lanes[lane] = append(lanes[lane], rec)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes(), lanes
}

func TestSegmentRoundTrip(t *testing.T) {
	for _, distinct := range []bool{false, true} {
		r := rand.New(rand.NewPCG(1, 2))
		body, lanes := writeSegment(t, r, 12_000, distinct)
		for lane, want := range lanes {
			compareLane(t, body, lane, want)
		}
	}
}

// TestPlaces: known places change no octet of a segment, wherever they are from.
func TestPlaces(t *testing.T) {
	write := func(place func(string) *Place) []byte {
		var b bytes.Buffer
		w := NewSegmentWriter(&b, 2)
		r := rand.New(rand.NewPCG(5, 6))
		for i := range 20_000 {
			fingerprint := pick(r, "fingerprint", 50)
			if r.IntN(4) == 0 {
				fingerprint = strings.Repeat(fmt.Sprint(i), 600) // epochs end
			}
			rec := Record{Row: int64(i), Fingerprint: []byte(fingerprint), Labels: []byte(pick(r, "label", 3))}
			rec.FingerprintAt, rec.LabelsAt = place(fingerprint), place(string(rec.Labels))
			if err := w.Add(r.IntN(2), &rec); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	want := write(func(string) *Place { return nil })
	places := map[string]*Place{}
	for range 2 { // the second time they are another segment's
		got := write(func(text string) *Place {
			if places[text] == nil {
				places[text] = &Place{}
			}
			return places[text]
		})
		if !bytes.Equal(got, want) {
			t.Fatal("another segment")
		}
	}
}

func compareLane(t *testing.T, body []byte, lane int, want []written) {
	t.Helper()
	s, err := OpenSegment(bytes.NewReader(body), int64(len(body)), lane)
	if err != nil {
		t.Fatal(err)
	}
	told := uint32(0)
	s.OnCertificate = func(c *SegmentCertificate) {
		if c.Index != told {
			t.Fatalf("certificate %d told after %d", c.Index, told)
		}
		told++
		c.CertHosts = c.Index + 1
	}
	for i, w := range want {
		got, err := s.Next()
		if err != nil {
			t.Fatalf("lane %d record %d: %v", lane, i, err)
		}
		for k, c := range got.Certificates {
			if string(c.Tape) != "tape of "+w.texts[k] || string(c.Labels) != "labels" || c.CertHosts != w.Record.Certificates[k]+1 {
				t.Fatalf("lane %d record %d: certificate %q, want %q", lane, i, c.Tape, w.texts[k])
			}
		}
		if len(got.Certificates) != len(w.texts) {
			t.Fatalf("lane %d record %d: %d certificates, want %d", lane, i, len(got.Certificates), len(w.texts))
		}
		w.Record.Certificates = nil
		if !sameRecord(w.Record, got.Record) {
			diff := cmp.Diff(w.Record, got.Record, cmpopts.EquateEmpty())
			t.Fatalf("lane %d record %d: want - got +\n%s", lane, i, diff)
		}
	}
	if _, err := s.Next(); err != io.EOF {
		t.Errorf("lane %d goes on: %v", lane, err)
	}
}

func sameRecord(a, b Record) bool {
	return a.Slice == b.Slice && a.Row == b.Row && a.Member == b.Member && a.Ordinal == b.Ordinal && a.Port == b.Port &&
		a.Time == b.Time && a.HasTime == b.HasTime && bytes.Equal(a.IP, b.IP) && bytes.Equal(a.Domain, b.Domain) &&
		bytes.Equal(a.Status, b.Status) && bytes.Equal(a.Fingerprint, b.Fingerprint) && bytes.Equal(a.Labels, b.Labels)
}

// readLane reads all of a lane, whatever it is.
func readLane(body []byte, lane int) (int, error) {
	s, err := OpenSegment(bytes.NewReader(body), int64(len(body)), lane)
	if err != nil {
		return 0, err
	}
	for n := 0; ; n++ {
		if _, err := s.Next(); err != nil {
			return n, err
		}
	}
}

// TestDamagedSegments: a flipped octet or a missing end is noticed, in the lane's own blocks or not at all.
func TestDamagedSegments(t *testing.T) {
	body, lanes := writeSegment(t, rand.New(rand.NewPCG(3, 4)), 300, false)
	for at := range body {
		damaged := slices.Clone(body)
		damaged[at] ^= 0x41
		n0, err0 := readLane(damaged, 0)
		n1, err1 := readLane(damaged, 1)
		if err0 == io.EOF && err1 == io.EOF || err0 == io.EOF && n0 != len(lanes[0]) || err1 == io.EOF && n1 != len(lanes[1]) {
			t.Fatalf("octet %d flipped: %d records, %v; %d records, %v", at, n0, err0, n1, err1)
		}
		if _, err := readLane(body[:at], 0); err == io.EOF {
			t.Fatalf("cut at %d: no error", at)
		}
	}
}

// FuzzSegment: no octets make the reader panic or take what is not there.
func FuzzSegment(f *testing.F) {
	body, _ := writeSegment(f, rand.New(rand.NewPCG(5, 6)), 30, false)
	f.Add(body)
	f.Fuzz(func(t *testing.T, body []byte) {
		for lane := range 3 {
			_, _ = readLane(body, lane)
		}
	})
}

func BenchmarkSegment(b *testing.B) {
	for _, distinct := range []bool{false, true} {
		name := "repeated"
		if distinct {
			name = "distinct"
		}
		_, lanes := writeSegment(b, rand.New(rand.NewPCG(1, 2)), 20_000, distinct)
		records := lanes[0]
		for i := range records { // about as long as those of real devices
			records[i].Fingerprint = records[i].Fingerprint[:min(len(records[i].Fingerprint), 160)]
		}
		var out bytes.Buffer
		b.Run(name+"/write", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				out.Reset()
				w := NewSegmentWriter(&out, 1)
				for i := range records {
					if err := w.Add(0, &Record{
						Row: records[i].Row, Ordinal: records[i].Ordinal, IP: records[i].IP, Status: records[i].Status,
						HasTime: true, Time: records[i].Time, Fingerprint: records[i].Fingerprint, Labels: records[i].Labels,
					}); err != nil {
						b.Fatal(err)
					}
				}
				if err := w.Close(); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(records)), "ns/record")
		})
		b.Run(name+"/read", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if n, err := readLane(out.Bytes(), 0); err != io.EOF || n != len(records) {
					b.Fatal(n, err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(records)), "ns/record")
		})
	}
}
