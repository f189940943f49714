package store_test

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/dice-engine/dice/internal/servertest"
	"github.com/dice-engine/dice/internal/store"
)

func writeFile(t *testing.T, path, text string) {
	t.Helper()
	check(t, os.WriteFile(path, []byte(text), 0o600))
}

// answer is what a scripted S3 says to one request.
type answer struct {
	to     string // beginning of "METHOD /bucket/key?query" that is expected
	status int
	header map[string]string
	body   string
	cut    bool // drop the connection after the body
}

func s3Error(to string, status int, code string) answer {
	return answer{to: to, status: status, body: "<Error><Code>" + code + "</Code><Message>says the fake</Message></Error>"}
}

// script serves answers in turn and returns a bucket at it.
func script(t *testing.T, answers ...answer) store.Bucket {
	t.Helper()
	var mu sync.Mutex
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		_, _ = io.Copy(io.Discard, r.Body)
		got := r.Method + " " + r.URL.RequestURI()
		if len(answers) == 0 || !strings.HasPrefix(got, answers[0].to) {
			t.Errorf("request %s, expected %+v", got, answers)
			w.WriteHeader(http.StatusTeapot)
			return
		}
		a := answers[0]
		answers = answers[1:]
		for k, v := range a.header {
			w.Header().Set(k, v)
		}
		w.WriteHeader(a.status)
		_, _ = io.WriteString(w, a.body)
		if a.cut {
			panic(http.ErrAbortHandler)
		}
	}))
	t.Cleanup(func() {
		srv.Close()
		if len(answers) > 0 {
			t.Errorf("never asked: %+v", answers)
		}
	})
	servertest.SetEnv(t, []string{"AWS_ACCESS_KEY_ID=a", "AWS_SECRET_ACCESS_KEY=b", "AWS_REGION=us-east-1"})
	return dial(t, "s3://b?endpoint="+srv.URL, store.Config{Policy: store.Policy{Base: time.Millisecond, Budget: 5 * time.Second}})
}

func ranged(from, to int, etag, body string) answer {
	return answer{to: "GET /b/k", status: 206, body: body, header: map[string]string{
		"Content-Range": fmt.Sprintf("bytes %d-%d/100", from, to), "ETag": etag,
		"Content-Length": fmt.Sprint(to - from + 1),
	}}
}

func TestS3Conflicts(t *testing.T) {
	b := script(t,
		s3Error("PUT /b/k", 409, "ConditionalRequestConflict"), s3Error("PUT /b/k", 503, "SlowDown"),
		s3Error("PUT /b/k", 500, "InternalError"), s3Error("PUT /b/k", 412, "PreconditionFailed"))
	if err := b.Create(t.Context(), "k", nil); !errors.Is(err, store.ErrExists) {
		t.Errorf("got %v, want ErrExists: a conflict is no answer", err)
	}
	b = script(t, s3Error("PUT /b/k", 409, "ConditionalRequestConflict"), answer{to: "PUT /b/k", status: 200})
	check(t, b.Create(t.Context(), "k", nil))
}

// TestS3UploadsAtRoot are left alone: nothing of a result is uploaded there, so that they are somebody else's.
func TestS3UploadsAtRoot(t *testing.T) {
	b := script(t) // which takes no request
	if n, err := store.AbortStaleAtRoot(t.Context(), b, time.Now()); n != 0 || err != nil {
		t.Errorf("got %d, %v", n, err)
	}
}

func TestS3BodyCutShort(t *testing.T) {
	cut := ranged(5, 14, `"e"`, "0123")
	cut.cut = true
	b := script(t, cut, cut, ranged(5, 14, `"e"`, "0123456789"))
	p := make([]byte, 10)
	check(t, b.ReadAt(t.Context(), "k", `"e"`, p, 5))
	if string(p) != "0123456789" {
		t.Errorf("got %q", p)
	}
}

func TestS3AnswersThatMislead(t *testing.T) {
	whole := answer{to: "GET /b/k", status: 200, body: "0123456789", header: map[string]string{"ETag": `"e"`}}
	p := make([]byte, 10)
	if err := script(t, whole).ReadAt(t.Context(), "k", `"e"`, p, 0); err == nil {
		t.Error("Range ignored: got no error")
	}
	err := script(t, ranged(0, 9, `"other"`, "0123456789")).ReadAt(t.Context(), "k", `"e"`, p, 0)
	if !errors.Is(err, store.ErrChanged) {
		t.Errorf("If-Match ignored: got %v, want ErrChanged", err)
	}
	err = script(t, s3Error("GET /b/k", 416, "InvalidRange")).ReadAt(t.Context(), "k", `"e"`, p, 0)
	if !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("range beyond the end: got %v, want io.ErrUnexpectedEOF", err)
	}
	for _, a := range []answer{
		s3Error("GET /b/k", 501, "NotImplemented"), s3Error("GET /b/k", 301, "PermanentRedirect"),
		s3Error("GET /b/k", 400, "InvalidArgument"), s3Error("GET /b/k", 403, "InvalidObjectState"),
	} {
		if err := script(t, a).ReadAt(t.Context(), "k", "", p, 0); err == nil || !strings.Contains(err.Error(), "s3://b/k") {
			t.Errorf("%+v: got %v, want an error at once that names the object", a, err)
		}
	}
}

// TestS3DamageOnTheWay repeats what the store blames on the request, but was done to it by whoever stands between.
func TestS3DamageOnTheWay(t *testing.T) {
	for _, a := range []answer{
		s3Error("PUT /b/k", 400, "IncompleteBody"), s3Error("PUT /b/k", 400, "BadDigest"), s3Error("PUT /b/k", 400, "RequestTimeout"),
		s3Error("PUT /b/k", 400, "XAmzContentSHA256Mismatch"), s3Error("PUT /b/k", 400, "XAmzContentChecksumMismatch"),
		s3Error("PUT /b/k", 400, "MalformedXML"), s3Error("PUT /b/k", 400, "InvalidPart"),
		{to: "PUT /b/k", status: 408}, {to: "PUT /b/k", status: 502}, {to: "PUT /b/k", status: 504},
	} {
		if err := script(t, a, answer{to: "PUT /b/k", status: 200}).Create(t.Context(), "k", []byte("x")); err != nil {
			t.Errorf("%+v: %v", a, err)
		}
	}
}

// TestS3RangeWithChecksum: S3 sends one with some ranges, MinIO with none.
func TestS3RangeWithChecksum(t *testing.T) {
	const body = "0123456789"
	sum := binary.BigEndian.AppendUint32(nil, crc32.ChecksumIEEE([]byte(body)))
	var answers []answer
	for _, sent := range []string{"0123456788", body} {
		a := ranged(5, 14, `"e"`, sent)
		a.header["x-amz-checksum-crc32"] = base64.StdEncoding.EncodeToString(sum)
		answers = append(answers, a)
	}
	p := make([]byte, len(body))
	check(t, script(t, answers...).ReadAt(t.Context(), "k", `"e"`, p, 5))
	if string(p) != body {
		t.Errorf("got %q, want %q", p, body)
	}
}

func TestS3LengthUnknown(t *testing.T) {
	chunked := answer{to: "GET /b/k", status: 200, body: "0123456789", header: map[string]string{"Transfer-Encoding": "chunked"}}
	got, err := script(t, chunked).Get(t.Context(), "k", 100)
	if err == nil || !strings.Contains(err.Error(), "how many") {
		t.Errorf("got %q, %v, want an error", got, err)
	}
}

func listing(more bool, keys ...string) answer {
	var s strings.Builder
	s.WriteString("<ListBucketResult>")
	for _, k := range keys {
		fmt.Fprintf(&s, "<Contents><Key>%s</Key><Size>1</Size><ETag>e</ETag></Contents>", k)
	}
	if more {
		s.WriteString("<IsTruncated>true</IsTruncated><NextContinuationToken>t</NextContinuationToken>")
	}
	return answer{to: "GET /b?", status: 200, body: s.String() + "</ListBucketResult>"}
}

func TestS3ListBreaks(t *testing.T) {
	resumed := listing(false, "c", "d")
	resumed.to = "GET /b?encoding-type=url&list-type=2&prefix=&start-after=b"
	b := script(t, listing(true, "a", "b"), s3Error("GET /b?", 500, "InternalError"), resumed)
	if got := names(t, b, ""); strings.Join(got, "") != "abcd" {
		t.Errorf("got %q, want a, b, c, d", got)
	}
	err := script(t, listing(false, "b", "a")).List(t.Context(), "", func(store.Info) error { return nil })
	if err == nil || !strings.Contains(err.Error(), "out of order") {
		t.Errorf("unsorted: got %v", err)
	}
}

// TestS3NoListing: a web page, as other services have at their address, is no empty listing.
func TestS3NoListing(t *testing.T) {
	for _, page := range []string{"<html><body>Welcome</body></html>", "<!DOCTYPE html>\n<html><head><title>x</title></head></html>"} {
		a := answer{to: "GET /b?", status: 200, body: page}
		for name, err := range map[string]error{
			"List":   script(t, a).List(t.Context(), "", func(store.Info) error { return nil }),
			"Exists": store.Exists(t.Context(), script(t, a)),
		} {
			if err == nil || !strings.Contains(err.Error(), "endpoint") {
				t.Errorf("%s of %s: got %v, want an error that names the endpoint", name, page, err)
			}
		}
	}
	empty := answer{to: "GET /b?", status: 200, body: "<ListBucketResult><Name>b</Name></ListBucketResult>"}
	check(t, store.Exists(t.Context(), script(t, empty)))
	if got := names(t, script(t, empty), ""); len(got) != 0 {
		t.Errorf("empty listing: got %q", got)
	}
}

// TestS3LostCompletion loses the answer to a completion that succeeded.
func TestS3LostCompletion(t *testing.T) {
	begin := answer{to: "POST /b/k?uploads", status: 200,
		body: "<InitiateMultipartUploadResult><UploadId>u</UploadId></InitiateMultipartUploadResult>"}
	part := answer{to: "PUT /b/k?partNumber=", status: 200, header: map[string]string{"ETag": `"p"`}}
	complete := "POST /b/k?uploadId=u"
	lost := answer{to: complete, status: 200, body: "<CompleteMultipart", cut: true}
	tests := []struct {
		name   string
		after  []answer
		exists bool
	}{
		{"412", []answer{s3Error(complete, 412, "PreconditionFailed"), {to: "DELETE /b/k?uploadId=u", status: 404}}, true},
		{"upload gone, object there", []answer{s3Error(complete, 404, "NoSuchUpload"), {to: "HEAD /b/k", status: 200},
			{to: "DELETE /b/k?uploadId=u", status: 404}}, true},
		{"upload gone, no object", []answer{s3Error(complete, 404, "NoSuchUpload"), {to: "HEAD /b/k", status: 404},
			{to: "DELETE /b/k?uploadId=u", status: 404}}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := script(t, append([]answer{begin, part, part, lost}, tt.after...)...)
			w, err := b.NewWriter(t.Context(), "k")
			check(t, err)
			_, err = w.Write(make([]byte, 9<<20))
			check(t, err)
			if _, err = w.Commit(); err == nil || errors.Is(err, store.ErrExists) != tt.exists {
				t.Errorf("got %v, want ErrExists: %v", err, tt.exists)
			}
		})
	}
}
