package store_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/dice-engine/dice/internal/servertest/faultproxy"
	"github.com/dice-engine/dice/internal/store"
	"github.com/dice-engine/dice/internal/store/storetest"
)

var late = regexp.MustCompile("no answer in time|timeout awaiting response headers")

// TestSilence asks a store that takes every request and never answers: from the first failure on, a call takes its
// budget and one more request at the most.
func TestSilence(t *testing.T) {
	const budget = 100 * time.Millisecond
	l := newLab(t)
	for i, op := range operations() {
		if op.name == "upload part" {
			continue // may take as long as 8 MiB take at the slowest rate
		}
		timeout := 50 * time.Millisecond
		if strings.HasSuffix(op.name, "upload") {
			timeout = time.Second // as parts must arrive within it
		}
		t.Run(op.name, func(t *testing.T) {
			prefix := fmt.Sprint(i)
			b := l.bucket(t, prefix, store.Policy{Timeout: timeout, Budget: budget, Base: time.Millisecond, Max: 10 * time.Millisecond})
			l.Set(faultproxy.Rule{Fault: faultproxy.Delay, Rate: 1, Wait: time.Hour, Method: op.method, Match: op.match})
			start := time.Now()
			err := op.run(t, b)
			took := time.Since(start)
			where := fmt.Sprintf(op.says, strings.TrimPrefix(l.url, "s3://")+"/"+prefix)
			if err == nil || !strings.Contains(err.Error(), where) || !late.MatchString(err.Error()) {
				t.Errorf("got %v, want an error that says %q and that there was no answer", err, where)
			}
			if most := timeout + budget + timeout + 10*time.Second; took > most { // ten seconds for a busy machine
				t.Errorf("took %v, want at most %v", took, most)
			}
		})
	}
}

// TestSlowBody: an answer that begins and then trickles is given up when its time is over, however large it might be.
func TestSlowBody(t *testing.T) {
	l := newLab(t)
	for _, op := range operations() {
		if op.name != "get" && op.name != "read" {
			continue // the time of others is that of their largest answer
		}
		t.Run(op.name, func(t *testing.T) {
			b := l.bucket(t, op.name, store.Policy{Timeout: 3 * time.Second, Base: time.Millisecond})
			l.Set(faultproxy.Rule{Fault: faultproxy.Trickle, Rate: 1, Times: 1, Wait: 400 * time.Millisecond, Match: op.match})
			start := time.Now()
			check(t, op.run(t, b))
			if took := time.Since(start); took > 20*time.Second || !slices.Equal(l.retries, []string{op.name}) {
				t.Errorf("took %v, retried %q", took, l.retries)
			}
		})
	}
}

// TestSlowButSure: what is late, but within its time, is no failure.
func TestSlowButSure(t *testing.T) {
	l := newLab(t)
	for i, op := range operations() {
		b := l.bucket(t, fmt.Sprint(i), store.Policy{})
		l.Set(faultproxy.Evenly(0.5, 20*time.Millisecond, faultproxy.Delay, faultproxy.SlowStart)...)
		if err := op.run(t, b); err != nil || len(l.retries) > 0 {
			t.Errorf("%s: got %v after retries %q", op.name, err, l.retries)
		}
	}
	if n := l.Counts(); n[faultproxy.Delay] == 0 || n[faultproxy.SlowStart] == 0 {
		t.Errorf("faults: %v", n)
	}
}

// TestContractUnderFaults: the whole contract holds while every third request fails. Answers of writes are not lost, as
// the contract is strict about ErrExists.
func TestContractUnderFaults(t *testing.T) {
	l := newLab(t)
	n := 0
	storetest.Run(t, func(t *testing.T) store.Bucket {
		n++
		b := dial(t, fmt.Sprintf("%s/%d", l.url, n), store.Config{Policy: store.Policy{Base: time.Millisecond, Max: 20 * time.Millisecond}})
		l.Set(disorder(0.08, "GET")...)
		return b
	})
	if l.Counts().Total() < 500 {
		t.Errorf("only %v", l.Counts())
	}
}

// disorder is about every fault at some rate, with answers lost for requests of one method, or of any.
func disorder(rate float64, lost string) []faultproxy.Rule {
	rules := faultproxy.Evenly(rate, 0, faultproxy.Unavailable, faultproxy.InternalError, faultproxy.ResetBefore, faultproxy.ShortUpload)
	for _, fault := range []faultproxy.Fault{faultproxy.ResetAfter, faultproxy.ResetBody, faultproxy.Truncate} {
		rules = append(rules, faultproxy.Rule{Fault: fault, Rate: rate, Method: lost})
	}
	return append(rules, faultproxy.Rule{Fault: faultproxy.CorruptUpload, Rate: rate, Method: "PUT"},
		faultproxy.Rule{Fault: faultproxy.Corrupt, Rate: rate, Checksummed: true},
		faultproxy.Rule{Fault: faultproxy.LateError, Rate: rate},
		faultproxy.Rule{Fault: faultproxy.Delay, Rate: rate, Wait: 5 * time.Millisecond},
		faultproxy.Rule{Fault: faultproxy.SlowStart, Rate: rate, Wait: 5 * time.Millisecond})
}

// TestEverythingAtOnce: many callers, half of all requests failing, answers of writes lost: every object is there once,
// with its content, and who is told that it exists finds one's own.
func TestEverythingAtOnce(t *testing.T) {
	l := newLab(t)
	var mu sync.Mutex
	retries := 0
	b := dial(t, l.url, store.Config{Policy: store.Policy{
		Base: time.Millisecond, Max: 20 * time.Millisecond, Concurrency: 8,
		Logger: store.Listener(func(string, error) {
			mu.Lock()
			defer mu.Unlock()
			retries++
		}).Logger(),
	}})
	l.Set(disorder(0.06, "")...)
	var wg sync.WaitGroup
	for i := range 12 {
		wg.Go(func() { live(t, b, i) })
	}
	wg.Wait()
	if retries < 100 {
		t.Errorf("%d retries", retries)
	}
	var left []string
	check(t, b.List(t.Context(), "", func(info store.Info) error {
		left = append(left, info.Key)
		return nil
	}))
	if len(left) != 12 {
		t.Errorf("left: %q", left)
	}
}

// live makes, reads and removes objects under names that nobody else uses, and leaves one.
func live(t *testing.T, b store.Bucket, id int) {
	r := rand.New(rand.NewPCG(uint64(id), 1))
	var keys []string
	for i := range 12 {
		key, body := fmt.Sprintf("%d/%d", id, i), bytes.Repeat([]byte{byte(r.Uint32())}, 1+r.IntN(3000))
		if i == 11 && id < 3 {
			body = large
		}
		keys = append(keys, key)
		var err error
		if i%2 == 0 {
			err = b.Create(t.Context(), key, body)
		} else {
			var w store.Writer
			if w, err = b.NewWriter(t.Context(), key); err == nil {
				if _, err = w.Write(body); err == nil {
					_, err = w.Commit()
				}
			}
		}
		if err != nil && !errors.Is(err, store.ErrExists) {
			t.Errorf("write %s: %v", key, err)
			return
		}
		info, err := b.Stat(t.Context(), key)
		if err != nil || info.Size != int64(len(body)) {
			t.Errorf("stat %s: %v, %v; want %d octets", key, info, err, len(body))
		}
		got, err := b.Get(t.Context(), key, 1<<30)
		if err != nil || !bytes.Equal(got, body) {
			t.Errorf("get %s: %d octets, %v", key, len(got), err)
		}
		p := make([]byte, len(body)/2)
		if err := b.ReadAt(t.Context(), key, info.ETag, p, int64(len(body)/3)); err != nil || !bytes.Equal(p, body[len(body)/3:][:len(p)]) {
			t.Errorf("read %s: %v", key, err)
		}
	}
	if err := b.Remove(t.Context(), keys[1:]...); err != nil {
		t.Errorf("remove: %v", err)
	}
}
