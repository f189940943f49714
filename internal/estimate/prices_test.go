package estimate

import (
	"bytes"
	"encoding/json"
	"math"
	"strings"
	"testing"
)

func TestTypicalPrices(t *testing.T) {
	p, err := TypicalPrices()
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range p.Instances {
		if i.Spot >= i.OnDemand || i.Spot <= 0 {
			t.Errorf("%+v", i)
		}
	}
	if !strings.Contains(p.Source, "check yours") {
		t.Errorf("source %q promises too much", p.Source)
	}
}

// TestPricesThatAreRefused: what cannot be a price is named, with its place.
func TestPricesThatAreRefused(t *testing.T) {
	const good = `{"date": "2026-01-02", "region": "here", "currency": "EUR", "source": "me",
		"instances": [{"name": "x", "vcpu": 2, "memory_gib": 4, "speed": 1, "spot": 0.1, "on_demand": 0.2}],
		"requests_per_million": {"list": 5, "get": 0.4, "head": 0.4, "put": 5, "delete": 0}}`
	if _, err := ReadPrices(strings.NewReader(good)); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ old, new, want string }{
		{`"spot": 0.1`, `"spot": -0.1`, `instance "x": spot -0.1, want 0 to 10000`},
		{`"spot": 0.1`, `"spot": NaN`, "invalid character 'N'"},
		{`"spot": 0.1`, `"spot": 1e999`, "1e999"},
		{`"spot": 0.1`, `"spot": 1e300`, `spot 1e+300`},
		{`"spot": 0.1`, `"spot": "cheap"`, "string"},
		{`"spot": 0.1`, `"spott": 0.1`, `unknown field "spott"`},
		{`"on_demand": 0.2`, `"on_demand": -1`, "on_demand -1"},
		{`"vcpu": 2`, `"vcpu": 0`, "vcpu 0"},
		{`"vcpu": 2`, `"vcpu": 1000000000`, "vcpu 1000000000"},
		{`"vcpu": 2`, `"vcpu": 2.5`, "2.5"},
		{`"memory_gib": 4`, `"memory_gib": 0`, "memory_gib 0"},
		{`"speed": 1`, `"speed": 0`, "speed 0"},
		{`"speed": 1,`, ``, "speed 0"},
		{`"name": "x"`, `"name": ""`, "want a name"},
		{`"2026-01-02"`, `"yesterday"`, `date "yesterday": want YYYY-MM-DD`},
		{`"EUR"`, `"euros"`, `currency "euros"`},
		{`"me"`, `"` + strings.Repeat("m", 501) + `"`, "500 octets"},
		{`"put": 5`, `"put": -5`, "requests_per_million: put -5"},
		{`"get": 0.4`, `"get": 1e7`, "requests_per_million: get 1e+07"},
		{`[{`, `[{"name": "x", "vcpu": 2, "memory_gib": 4, "speed": 1, "spot": 0.1, "on_demand": 0.2}, {`, "twice"},
		{`[{"name": "x", "vcpu": 2, "memory_gib": 4, "speed": 1, "spot": 0.1, "on_demand": 0.2}]`, `[]`, "one at least"},
		{`"requests_per_million"`, `"requests"`, "unknown field"},
		{good, good + good, "something follows"},
		{good, "", "EOF"},
		{good, "[]", "array"},
		{good, strings.Repeat(" ", MaxTable+1), "over 1048576 octets"},
	} {
		_, err := ReadPrices(strings.NewReader(strings.Replace(good, c.old, c.new, 1)))
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), "read price table: ") {
			t.Errorf("%.60s for %.30s: got %v, want %q", c.new, c.old, err, c.want)
		}
	}
	two := strings.NewReplacer(`"spot": 0.1`, `"spot": -0.1`, `"vcpu": 2`, `"vcpu": -2`).Replace(good)
	if _, err := ReadPrices(strings.NewReader(two)); err == nil || !strings.Contains(err.Error(), "spot") || !strings.Contains(err.Error(), "vcpu") {
		t.Errorf("not all faults are named: %v", err)
	}
	const requests = "list -1, want 0 to 1000000\nrequests_per_million: get -1, want 0 to 1000000\nrequests_per_million: head -1"
	for range 20 { // the order is always the same
		p := Prices{Requests: RequestPrices{List: -1, Get: -1, Head: -1}}
		if err := p.Validate(); err == nil || !strings.Contains(err.Error(), requests) {
			t.Fatalf("got %v, want %q", err, requests)
		}
	}
	if err := (&Prices{Instances: []Instance{{Name: "x", Spot: math.NaN()}}}).Validate(); err == nil || !strings.Contains(err.Error(), "spot NaN") {
		t.Errorf("got %v", err)
	}
}

// TestOffer works out a fleet by hand.
func TestOffer(t *testing.T) {
	p := &Prices{Requests: RequestPrices{List: 5, Get: 1, Head: 1, Put: 5, Delete: 100}}
	w := &Work{Stages: []Stage{{Name: "map", Tasks: 1000, CPU: 36_000, Longest: Span{CPU: 36}}}, inputGets: 2e6}
	i := Instance{Name: "x", VCPU: 4, Speed: 2, Spot: 0.1, OnDemand: 0.3}
	o := w.Offer(p, i, 3600, 1e6, true, false)
	// 18,000 seconds at double speed, in an hour: five workers would do, but for the last task. Two machines have eight.
	if o.Machines != 2 || o.Workers != 8 || !o.InTime {
		t.Fatalf("%+v", o)
	}
	about(t, "seconds", o.Seconds, 18_000.0/8+7.0/8*18)
	about(t, "spot", o.Spot, 2*o.Seconds/3600*0.1)
	about(t, "on demand", o.OnDemand, 2*o.Seconds/3600*0.3)
	about(t, "requests", o.Requests, 2)
	both := w.Offer(p, i, 3600, 1e6, true, true)
	about(t, "requests to both", both.Requests, 2+p.Requests.Cost(w.OutputRequests(Run{Workers: 8, Processes: 2, Speed: 2, Poll: 1e6})))
	if none := w.Offer(p, i, 3600, 1e6, false, false); none.Requests != 0 {
		t.Errorf("requests to folders cost %v", none.Requests)
	}
	short := &Work{Stages: []Stage{{Tasks: 1, CPU: 1, Longest: Span{CPU: 1}}}}
	about(t, "a minute at least", short.Offer(p, i, 3600, 5, false, false).Spot, 0.1/60)
	late := w.Offer(p, i, 1, 1e6, true, true)
	if late.InTime || late.Seconds > 1.1*(18+18) {
		t.Errorf("%+v", late)
	}
}

// FuzzPrices: a table that is accepted gives finite bills.
func FuzzPrices(f *testing.F) {
	typical, err := TypicalPrices()
	if err != nil {
		f.Fatal(err)
	}
	body, err := json.Marshal(typical)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(body)
	f.Add([]byte(`{"instances":[{"name":"x","spot":1e308}]}`))
	w := job(nil)
	f.Fuzz(func(t *testing.T, table []byte) {
		p, err := ReadPrices(bytes.NewReader(table))
		if err != nil {
			return
		}
		for _, i := range p.Instances {
			o := w.Offer(p, i, 60, 5, true, true)
			for _, x := range []float64{o.Seconds, o.Spot, o.OnDemand, o.Requests} {
				if x < 0 || math.IsNaN(x) || math.IsInf(x, 0) {
					t.Fatalf("%+v", o)
				}
			}
		}
	})
}
