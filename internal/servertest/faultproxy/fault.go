package faultproxy

import (
	"cmp"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
)

// Fault is one thing that goes wrong with a request.
type Fault string

// The faults. A request meets one at most.
const (
	Delay         Fault = "delay"          // the request is held for Wait before the backend sees it
	Unavailable   Fault = "503"            // SlowDown, as S3 says it; the backend sees nothing
	InternalError Fault = "500"            // InternalError; the backend sees nothing
	LateError     Fault = "late-error"     // InternalError below status 200, as S3 may answer a completion
	ResetBefore   Fault = "reset-before"   // the connection is reset; the backend sees nothing
	ShortUpload   Fault = "short-upload"   // the backend sees a part of the request's body, then both connections are reset
	CorruptUpload Fault = "corrupt-upload" // the backend sees a body with one bit flipped
	ResetAfter    Fault = "reset-after"    // the backend has done it, but its answer is lost
	SlowStart     Fault = "slow-start"     // the backend has done it; its answer is held for Wait
	Trickle       Fault = "trickle"        // the answer's body passes octet by octet, Wait before each
	ResetBody     Fault = "reset-body"     // the connection is reset in the answer's body
	Truncate      Fault = "truncate"       // the connection is closed before the answer's body is complete
	Corrupt       Fault = "corrupt"        // one bit of an object's content is flipped on its way to the reader
	Lag           Fault = "lag"            // a listing lacks the objects that were made less than Wait ago
	Unreachable   Fault = "unreachable"    // none of the proxy's making: the backend did not answer
)

// Faults lists the faults that a rule can ask for.
func Faults() []Fault {
	return []Fault{
		Delay, Unavailable, InternalError, LateError, ResetBefore, ShortUpload, CorruptUpload, ResetAfter, SlowStart,
		Trickle, ResetBody, Truncate, Corrupt, Lag,
	}
}

// Rule says how often a fault befalls which requests. It befalls only those that it can befall: Lag listings, Corrupt
// reads of objects, and so on.
type Rule struct {
	Fault       Fault
	Rate        float64       // probability, from 0 to 1
	Method      string        // of the requests; empty: any
	Match       string        // what path and query contain, as they are sent; empty: anything
	Wait        time.Duration // see the faults
	Times       int64         // how often at most; 0: no limit
	Checksummed bool          // for Corrupt: only answers that carry a checksum of their body
}

// Evenly returns a rule of one rate for each of some faults.
func Evenly(rate float64, wait time.Duration, faults ...Fault) []Rule {
	rules := make([]Rule, len(faults))
	for i, f := range faults {
		rules[i] = Rule{Fault: f, Rate: rate, Wait: wait}
	}
	return rules
}

// fits tells whether the fault can befall a request that the rule is about.
func (r Rule) fits(q *http.Request) bool {
	if r.Method != "" && r.Method != q.Method || !strings.Contains(q.URL.RequestURI(), r.Match) {
		return false
	}
	query := q.URL.Query()
	switch r.Fault {
	case ShortUpload, CorruptUpload:
		return q.ContentLength > 0
	case LateError:
		return q.Method == http.MethodPost && query.Has("uploadId")
	case Trickle, ResetBody, Truncate:
		return q.Method != http.MethodHead
	case Corrupt:
		return q.Method == http.MethodGet && key(q) != ""
	case Lag:
		return isListing(q)
	}
	return true
}

// key is the part of a request's path below the bucket.
func key(q *http.Request) string {
	_, key, _ := strings.Cut(strings.TrimPrefix(q.URL.Path, "/"), "/")
	return key
}

func isListing(q *http.Request) bool {
	return q.Method == http.MethodGet && key(q) == "" && q.URL.Query().Get("list-type") == "2"
}

// Counts says how often each fault happened.
type Counts map[Fault]int64

// String lists the faults by name.
func (c Counts) String() string {
	names := slices.SortedFunc(maps.Keys(c), cmp.Compare[Fault])
	words := make([]string, len(names))
	for i, f := range names {
		words[i] = fmt.Sprintf("%s %d", f, c[f])
	}
	return strings.Join(words, ", ")
}

// Total is how many faults there were.
func (c Counts) Total() (n int64) {
	for _, m := range c {
		n += m
	}
	return n
}
