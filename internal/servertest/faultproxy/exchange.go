package faultproxy

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"time"
)

// exchange is one request and what becomes of it.
type exchange struct {
	p    *Proxy
	w    http.ResponseWriter
	r    *http.Request
	rule Rule // what goes wrong; its zero value: nothing
	rng  *rand.Rand
}

// carry takes the request to the backend, if it gets there.
func (x *exchange) carry() {
	body := io.Reader(x.r.Body)
	switch x.rule.Fault {
	case Delay:
		if x.hit(); !x.wait() {
			x.reset()
			return
		}
	case Unavailable:
		x.refuse(http.StatusServiceUnavailable, "SlowDown", "Please reduce your request rate.")
		return
	case InternalError:
		x.refuse(http.StatusInternalServerError, "InternalError", "We encountered an internal error. Please try again.")
		return
	case LateError:
		x.refuse(http.StatusOK, "InternalError", "We encountered an internal error. Please try again.")
		return
	case ResetBefore:
		x.hit()
		x.reset()
		return
	case ShortUpload:
		x.hit()
		body = io.LimitReader(body, x.rng.Int64N(x.r.ContentLength))
	case CorruptUpload:
		x.hit()
		body = x.flip(body, x.r.ContentLength)
	}
	resp, err := x.forward(body)
	if err != nil {
		if x.rule.Fault != ShortUpload && x.r.Context().Err() == nil {
			x.p.count(Unreachable)
		}
		x.reset()
		return
	}
	defer resp.Body.Close()
	x.p.remember(x.r, resp.StatusCode)
	x.answer(resp)
}

// forward sends the request to the backend as it came: path, query, headers and, above all, the Host that was signed.
func (x *exchange) forward(body io.Reader) (*http.Response, error) {
	out := x.r.Clone(x.r.Context())
	out.URL.Scheme, out.URL.Host, out.RequestURI = "http", x.p.backend, ""
	out.Header.Del("Connection")
	if out.Body = io.NopCloser(body); x.r.ContentLength == 0 {
		out.Body = http.NoBody
	}
	return x.p.transport.RoundTrip(out)
}

// answer takes the answer to the client, if it gets there.
func (x *exchange) answer(resp *http.Response) {
	body := io.Reader(resp.Body)
	switch x.rule.Fault {
	case ResetAfter:
		_, _ = io.Copy(io.Discard, body) // whatever it was, the backend is through with it
		x.hit()
		x.reset()
		return
	case SlowStart:
		if x.hit(); !x.wait() {
			x.reset()
			return
		}
	case Trickle, ResetBody, Truncate, Corrupt, Lag:
		x.spoil(resp)
		return
	}
	x.head(resp)
	_, _ = io.Copy(x.w, body) // one of the two has gone
}

// spoil does to the answer's body what the rule says. A body of unknown length, always a short one, is read first.
func (x *exchange) spoil(resp *http.Response) {
	if resp.ContentLength < 0 || x.rule.Fault == Lag {
		whole, err := io.ReadAll(resp.Body)
		if err != nil {
			x.reset()
			return
		}
		if x.rule.Fault == Lag {
			whole = x.p.hide(whole, x.r, x.rule.Wait, x.hit)
		}
		resp.Body, resp.ContentLength = io.NopCloser(bytes.NewReader(whole)), int64(len(whole))
		resp.Header.Set("Content-Length", strconv.Itoa(len(whole)))
	}
	body, n := io.Reader(resp.Body), resp.ContentLength
	if n == 0 || x.rule.Fault == Corrupt && (resp.StatusCode >= 300 || x.rule.Checksummed && !checksummed(resp)) {
		x.rule = Rule{} // there is nothing to spoil
	}
	x.head(resp)
	switch x.rule.Fault {
	case Trickle:
		x.hit()
		x.trickle(body)
		return
	case ResetBody, Truncate:
		x.hit()
		_, _ = io.CopyN(x.w, body, x.rng.Int64N(n))
		_ = http.NewResponseController(x.w).Flush()
		x.drop(x.rule.Fault == ResetBody)
		return
	case Corrupt:
		x.hit()
		body = x.flip(body, n)
	}
	_, _ = io.Copy(x.w, body)
}

// head sends status and headers.
func (x *exchange) head(resp *http.Response) {
	for name, values := range resp.Header {
		x.w.Header()[name] = values
	}
	x.w.WriteHeader(resp.StatusCode)
}

func (x *exchange) hit() { x.p.count(x.rule.Fault) }

// wait holds the exchange. It tells whether the client is still there.
func (x *exchange) wait() bool {
	timer := time.NewTimer(x.rule.Wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-x.r.Context().Done():
		return false
	}
}

// refuse answers as S3 does when it cannot, once it has the whole request.
func (x *exchange) refuse(status int, code, message string) {
	x.hit()
	_, _ = io.Copy(io.Discard, x.r.Body)
	x.w.Header().Set("Content-Type", "application/xml")
	x.w.WriteHeader(status)
	fmt.Fprintf(x.w, `<?xml version="1.0" encoding="UTF-8"?>`+"\n"+
		`<Error><Code>%s</Code><Message>%s</Message><RequestId>0</RequestId></Error>`, code, message)
}

// reset drops the client's connection so that the client notices at once.
func (x *exchange) reset() { x.drop(true) }

// drop drops the client's connection: by a reset, or as if all had been said.
func (x *exchange) drop(reset bool) {
	conn, _, err := http.NewResponseController(x.w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	if tcp, ok := conn.(*net.TCPConn); ok && reset {
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
}

// trickle passes a body octet by octet.
func (x *exchange) trickle(body io.Reader) {
	for x.wait() {
		if _, err := io.CopyN(x.w, body, 1); err != nil {
			return
		}
		_ = http.NewResponseController(x.w).Flush()
	}
}

// flip returns a body of n octets with one bit changed.
func (x *exchange) flip(body io.Reader, n int64) io.Reader {
	at := x.rng.Int64N(n)
	changed := io.LimitReader(body, 1)
	return io.MultiReader(io.LimitReader(body, at), &flipper{changed, 1 << x.rng.IntN(8)}, body)
}

// flipper changes bits of all that is read through it.
type flipper struct {
	io.Reader
	bits byte
}

func (f *flipper) Read(p []byte) (int, error) {
	n, err := f.Reader.Read(p)
	for i := range p[:n] {
		p[i] ^= f.bits
	}
	return n, err
}
