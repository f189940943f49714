package faultproxy_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/dice-engine/dice/internal/servertest"
	"github.com/dice-engine/dice/internal/servertest/faultproxy"
)

// bench is a proxy before a bucket, and raw ways to both.
type bench struct {
	*faultproxy.Proxy
	t      *testing.T
	bucket string
	direct *s3.Client // past the proxy
	signer *s3.PresignClient
}

func newBench(t *testing.T) *bench {
	t.Helper()
	url, _, p := servertest.FaultyBucket(t)
	endpoint, _, _ := servertest.MinIO(t)
	return &bench{
		Proxy: p, t: t, bucket: strings.TrimPrefix(url, "s3://"), direct: servertest.Client(endpoint),
		signer: s3.NewPresignClient(servertest.Client("http://" + p.Addr)),
	}
}

// seen is what a raw client sees of an answer.
type seen struct {
	status  int
	body    string
	err     error // of the request or of the body
	inBody  bool  // the error was the body's
	elapsed time.Duration
}

// send sends a request through the proxy on a connection of its own, so that nothing is repeated behind our back.
func (b *bench) send(method, url, body string) (s seen) {
	b.t.Helper()
	transport := &http.Transport{DisableKeepAlives: true}
	ctx, cancel := context.WithTimeout(b.t.Context(), 10*time.Second)
	defer cancel()
	start := time.Now()
	defer func() { s.elapsed = time.Since(start) }()
	req, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	if err != nil {
		b.t.Fatal(err)
	}
	resp, err := transport.RoundTrip(req)
	if err != nil {
		return seen{err: err}
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	return seen{status: resp.StatusCode, body: string(got), err: err, inBody: err != nil}
}

func (b *bench) put(key, body string) seen {
	b.t.Helper()
	signed, err := b.signer.PresignPutObject(b.t.Context(), &s3.PutObjectInput{Bucket: &b.bucket, Key: &key})
	if err != nil {
		b.t.Fatal(err)
	}
	return b.send(signed.Method, signed.URL, body)
}

func (b *bench) get(key string) seen {
	b.t.Helper()
	signed, err := b.signer.PresignGetObject(b.t.Context(), &s3.GetObjectInput{Bucket: &b.bucket, Key: &key})
	if err != nil {
		b.t.Fatal(err)
	}
	return b.send(signed.Method, signed.URL, "")
}

// holds returns an object's content as the backend has it.
func (b *bench) holds(key string) (body string, there bool) {
	b.t.Helper()
	out, err := b.direct.GetObject(b.t.Context(), &s3.GetObjectInput{Bucket: &b.bucket, Key: &key})
	if err != nil {
		return "", false
	}
	defer out.Body.Close()
	got, err := io.ReadAll(out.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return string(got), true
}

const text = "the content of a small object, long enough to be cut somewhere in its middle"

// isReset tells whether the connection was reset, which one in the midst of writing may see as a broken pipe.
func isReset(err error) bool {
	return errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

func TestFaultsAreSeen(t *testing.T) {
	const hold = 300 * time.Millisecond
	for _, c := range []struct {
		fault faultproxy.Fault
		put   bool // of a new object, else get of one that is there
		made  bool // the new object is there afterwards
		want  func(seen) bool
	}{
		{faultproxy.Delay, true, true, func(s seen) bool { return s.status == 200 && s.elapsed >= hold }},
		{faultproxy.SlowStart, true, true, func(s seen) bool { return s.status == 200 && s.elapsed >= hold }},
		{faultproxy.Unavailable, true, false, func(s seen) bool {
			return s.status == 503 && strings.Contains(s.body, "<Error><Code>SlowDown</Code>")
		}},
		{faultproxy.InternalError, true, false, func(s seen) bool {
			return s.status == 500 && strings.Contains(s.body, "<Error><Code>InternalError</Code>")
		}},
		{faultproxy.ResetBefore, true, false, func(s seen) bool { return isReset(s.err) && !s.inBody }},
		{faultproxy.ShortUpload, true, false, func(s seen) bool { return isReset(s.err) && !s.inBody }},
		{faultproxy.ResetAfter, true, true, func(s seen) bool { return isReset(s.err) && !s.inBody }},
		{faultproxy.ResetBody, false, true, func(s seen) bool { return isReset(s.err) && len(s.body) < len(text) }},
		{faultproxy.Truncate, false, true, func(s seen) bool {
			return s.status == 200 && s.inBody && errors.Is(s.err, io.ErrUnexpectedEOF) && strings.HasPrefix(text, s.body)
		}},
		{faultproxy.Corrupt, false, true, func(s seen) bool { return s.status == 200 && s.err == nil && oneBit(s.body, text) }},
	} {
		t.Run(string(c.fault), func(t *testing.T) {
			b := newBench(t)
			send := func() seen { return b.put("k", text) }
			if !c.put {
				send = func() seen { return b.get("k") }
				if s := b.put("k", text); s.status != 200 {
					t.Fatalf("put without faults: %+v", s)
				}
			}
			b.Set(faultproxy.Rule{Fault: c.fault, Rate: 1, Times: 1, Wait: hold})
			if s := send(); !c.want(s) {
				t.Errorf("got %+v", s)
			}
			if body, there := b.holds("k"); there != c.made || there && body != text {
				t.Errorf("afterwards: %q, there: %v", body, there)
			}
			if n := b.Counts()[c.fault]; n != 1 || b.Counts().Total() != 1 {
				t.Errorf("counted %v", b.Counts())
			}
			if s := send(); s.status != 200 || s.err != nil {
				t.Errorf("after the fault: %+v", s)
			}
		})
	}
}

// oneBit tells whether two texts differ in one bit.
func oneBit(a, b string) bool {
	n := 0
	for i := range len(b) {
		for x := a[i] ^ b[i]; x != 0; x &= x - 1 {
			n++
		}
	}
	return len(a) == len(b) && n == 1
}

func TestTrickle(t *testing.T) {
	b := newBench(t)
	b.put("k", "0123456789")
	b.Set(faultproxy.Rule{Fault: faultproxy.Trickle, Rate: 1, Wait: 20 * time.Millisecond})
	if s := b.get("k"); s.body != "0123456789" || s.elapsed < 10*20*time.Millisecond {
		t.Errorf("got %+v", s)
	}
}

// TestCorruptUpload: MinIO sees that the content is not what was signed, and keeps nothing.
func TestCorruptUpload(t *testing.T) {
	b := newBench(t)
	b.Set(faultproxy.Rule{Fault: faultproxy.CorruptUpload, Rate: 1})
	_, err := servertest.Client("http://"+b.Addr).PutObject(t.Context(), &s3.PutObjectInput{
		Bucket: &b.bucket, Key: aws.String("k"), Body: strings.NewReader(text),
	})
	if err == nil || !strings.Contains(err.Error(), "400") {
		t.Errorf("got %v, want a refusal", err)
	}
	if body, there := b.holds("k"); there {
		t.Errorf("the backend holds %q", body)
	}
	b.put("unsigned", text) // a presigned URL leaves the content unsigned
	if body, _ := b.holds("unsigned"); !oneBit(body, text) {
		t.Errorf("the backend holds %q", body)
	}
}

// TestLateError: the client of S3 finds an error in an answer of status 200.
func TestLateError(t *testing.T) {
	b := newBench(t)
	b.Set(faultproxy.Rule{Fault: faultproxy.LateError, Rate: 1})
	b.put("k", text) // meets no fault
	s := b.send(http.MethodPost, "http://"+b.Addr+"/"+b.bucket+"/k?uploadId=u", "<x/>")
	if s.status != 200 || !strings.Contains(s.body, "InternalError") || b.Counts().Total() != 1 {
		t.Errorf("got %+v, %v", s, b.Counts())
	}
}

func TestLaggingListing(t *testing.T) {
	b := newBench(t)
	const lag = 4 * time.Second // both listings must be over before
	odd := "old & <odd> +%.txt"
	b.put(odd, text)
	time.Sleep(lag)
	b.put("new & odd", text)
	b.Set(faultproxy.Rule{Fault: faultproxy.Lag, Rate: 1, Wait: lag})
	through := servertest.Client("http://" + b.Addr)
	for _, encoding := range []string{"", "url"} {
		in := &s3.ListObjectsV2Input{Bucket: &b.bucket}
		want := odd
		if encoding != "" {
			in.EncodingType = "url"
			want = "old+%26+%3Codd%3E+%2B%25.txt"
		}
		out, err := through.ListObjectsV2(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		if len(out.Contents) != 1 || *out.Contents[0].Key != want || *out.KeyCount != 1 {
			t.Errorf("encoding %q: %d objects, count %d", encoding, len(out.Contents), *out.KeyCount)
		}
	}
	time.Sleep(lag)
	out, err := through.ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{Bucket: &b.bucket})
	if err != nil || len(out.Contents) != 2 || *out.KeyCount != 2 {
		t.Errorf("later: got %+v, %v", out, err)
	}
	if n := b.Counts()[faultproxy.Lag]; n != 2 {
		t.Errorf("counted %d, want 2", n)
	}
}

// TestCorruptOnlyWhatCarriesAChecksum: one bit of exactly those answers is flipped.
func TestCorruptOnlyWhatCarriesAChecksum(t *testing.T) {
	b := newBench(t)
	b.put("without", text)
	_, err := b.direct.PutObject(t.Context(), &s3.PutObjectInput{
		Bucket: &b.bucket, Key: aws.String("with"), Body: strings.NewReader(text), ChecksumAlgorithm: "CRC32",
	})
	if err != nil {
		t.Fatal(err)
	}
	b.Set(faultproxy.Rule{Fault: faultproxy.Corrupt, Rate: 1, Checksummed: true})
	for key, corrupt := range map[string]bool{"with": true, "without": false} {
		out, err := servertest.Client("http://"+b.Addr).GetObject(t.Context(), &s3.GetObjectInput{
			Bucket: &b.bucket, Key: &key, ChecksumMode: "ENABLED",
		})
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(out.Body)
		out.Body.Close()
		if oneBit(string(got), text) != corrupt || (err != nil) != corrupt {
			t.Errorf("%s: got %q, %v", key, got, err)
		}
	}
}

func TestCutAndHeal(t *testing.T) {
	b := newBench(t)
	b.put("k", text)
	b.Set(faultproxy.Rule{Fault: faultproxy.Delay, Rate: 1, Wait: time.Minute, Times: 1})
	held := make(chan seen)
	go func() { held <- b.get("k") }()
	for b.Counts()[faultproxy.Delay] == 0 {
		time.Sleep(time.Millisecond)
	}
	b.Cut()
	b.Cut()
	if s := <-held; s.err == nil || s.elapsed > 5*time.Second {
		t.Errorf("under way at the cut: %+v", s)
	}
	if s := b.get("k"); !errors.Is(s.err, syscall.ECONNREFUSED) {
		t.Errorf("during the cut: %+v", s)
	}
	addr := b.Addr
	for range 2 {
		if err := b.Heal(); err != nil {
			t.Fatal(err)
		}
	}
	if s := b.get("k"); s.body != text || b.Addr != addr {
		t.Errorf("after the cut: %+v", s)
	}
}

// TestBackendGone: what the proxy cannot pass on ends in a reset, and is counted.
func TestBackendGone(t *testing.T) {
	p, err := faultproxy.Start("127.0.0.1:1", 1)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	b := &bench{Proxy: p, t: t}
	if s := b.send("GET", "http://"+p.Addr, ""); !isReset(s.err) || p.Counts()[faultproxy.Unreachable] != 1 {
		t.Errorf("got %+v, %v", s, p.Counts())
	}
}

// TestSameSeedSameFaults: whatever the order of requests, the same ones are hit, and about as many as were asked for.
func TestSameSeedSameFaults(t *testing.T) {
	hits := func(seed uint64, backwards bool) (hit []string) {
		p, err := faultproxy.Start("127.0.0.1:1", seed)
		if err != nil {
			t.Fatal(err)
		}
		defer p.Close()
		p.Set(faultproxy.Rule{Fault: faultproxy.Unavailable, Rate: 0.3, Method: "GET"})
		b := &bench{Proxy: p, t: t}
		urls := make([]string, 200)
		for i := range urls {
			urls[i] = fmt.Sprintf("http://%s/bucket-%d/key-%d", p.Addr, seed, i%50)
		}
		if backwards {
			slices.Reverse(urls)
		}
		for _, url := range urls {
			if b.send("GET", url, "").status == 503 {
				hit = append(hit, url[strings.Index(url, "key"):])
			}
		}
		slices.Sort(hit)
		return hit
	}
	one, again, other := hits(1, false), hits(1, true), hits(2, false)
	if !slices.Equal(one, again) || slices.Equal(one, other) || len(one) < 40 || len(one) > 80 {
		t.Errorf("%d hits, %d in another order, %d with another seed", len(one), len(again), len(other))
	}
}

func TestRules(t *testing.T) {
	b := newBench(t)
	rules := append(faultproxy.Evenly(0, 0, faultproxy.Faults()...),
		faultproxy.Rule{Fault: faultproxy.Unavailable, Rate: 1, Method: "PUT", Match: "/a", Times: 2},
		faultproxy.Rule{Fault: faultproxy.InternalError, Rate: 1, Match: "/a"})
	b.Set(rules...)
	var got bytes.Buffer
	for _, key := range []string{"b", "a", "a", "a"} {
		fmt.Fprint(&got, b.put(key, text).status, " ")
	}
	fmt.Fprint(&got, b.get("b").status, b.get("a").status)
	if want := "200 503 503 500 200 500"; got.String() != want {
		t.Errorf("got %s, want %s", &got, want)
	}
	if got, want := b.Counts().String(), "500 2, 503 2"; got != want {
		t.Errorf("Counts: got %q, want %q", got, want)
	}
}
