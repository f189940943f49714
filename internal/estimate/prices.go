package estimate

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"
)

// Prices is a price table: what machines and requests cost at some place and day.
type Prices struct {
	Date      string        `json:"date"`     // YYYY-MM-DD
	Region    string        `json:"region"`   //
	Currency  string        `json:"currency"` // three letters
	Source    string        `json:"source"`   // where the figures are from, and how sure they are
	Instances []Instance    `json:"instances"`
	Requests  RequestPrices `json:"requests_per_million"`
}

// Instance is a type of machine. Prices are for an hour.
type Instance struct {
	Name     string  `json:"name"`
	VCPU     int     `json:"vcpu"`
	Memory   float64 `json:"memory_gib"`
	Speed    float64 `json:"speed"` // of a vCPU, against a core of the machine that DICE was measured on
	Spot     float64 `json:"spot"`
	OnDemand float64 `json:"on_demand"`
}

// RequestPrices are for a million requests of a kind.
type RequestPrices struct {
	List   float64 `json:"list"`
	Get    float64 `json:"get"`
	Head   float64 `json:"head"`
	Put    float64 `json:"put"`
	Delete float64 `json:"delete"`
}

//go:embed prices.json
var typicalPrices []byte

// TypicalPrices returns the price table that DICE comes with.
func TypicalPrices() (*Prices, error) { return ReadPrices(bytes.NewReader(typicalPrices)) }

// MaxTable is the size from which on a price table is refused.
const MaxTable = 1 << 20

// ReadPrices reads a price table. What it does not know, or cannot believe, is an error that names all faults.
func ReadPrices(r io.Reader) (*Prices, error) {
	body, err := io.ReadAll(io.LimitReader(r, MaxTable+1))
	if err != nil {
		return nil, fmt.Errorf("read price table: %w", err)
	}
	if len(body) > MaxTable {
		return nil, fmt.Errorf("read price table: it is over %d octets", MaxTable)
	}
	p := &Prices{}
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(p); err != nil {
		return nil, fmt.Errorf("read price table: %w", err)
	}
	if _, err := decoder.Token(); err != io.EOF {
		return nil, errors.New("read price table: something follows the table")
	}
	if err := p.Validate(); err != nil {
		return nil, fmt.Errorf("read price table: %w", err)
	}
	return p, nil
}

// What a price table may hold at the most. The bounds keep arithmetic finite and typing errors out.
const (
	maxInstances   = 1000
	maxHourly      = 10_000
	maxPerMillion  = 1_000_000
	maxVCPU        = 10_000
	maxMemory      = 1 << 20
	maxSpeed       = 100
	leastSpeed     = 0.01
	maxDescription = 500
)

// Validate joins all faults of the table.
func (p *Prices) Validate() error {
	var faults []error
	fault := func(wrong bool, format string, args ...any) {
		if wrong {
			faults = append(faults, fmt.Errorf(format, args...))
		}
	}
	_, err := time.Parse(time.DateOnly, p.Date)
	fault(err != nil, "date %.20q: want YYYY-MM-DD", p.Date)
	fault(len(p.Currency) != 3, "currency %.20q: want three letters, like USD", p.Currency)
	fault(len(p.Region) > maxDescription || len(p.Source) > maxDescription, "region and source are %d octets long at the most", maxDescription)
	fault(len(p.Instances) == 0, "instances: there must be one at least")
	fault(len(p.Instances) > maxInstances, "instances: %d, at most %d", len(p.Instances), maxInstances)
	seen := map[string]bool{}
	for _, i := range p.Instances[:min(len(p.Instances), maxInstances)] {
		fault(i.Name == "" || len(i.Name) > maxDescription, "instance %.20q: want a name of 1 to %d octets", i.Name, maxDescription)
		fault(seen[i.Name], "instance %.20q: it is there twice", i.Name)
		seen[i.Name] = true
		fault(i.VCPU < 1 || i.VCPU > maxVCPU, "instance %.20q: vcpu %d, want 1 to %d", i.Name, i.VCPU, maxVCPU)
		fault(!within(i.Memory, 0, maxMemory) || i.Memory == 0, "instance %.20q: memory_gib %v, want over 0, to %d", i.Name, i.Memory, maxMemory)
		fault(!within(i.Speed, leastSpeed, maxSpeed), "instance %.20q: speed %v, want %v to %d", i.Name, i.Speed, leastSpeed, maxSpeed)
		fault(!within(i.Spot, 0, maxHourly), "instance %.20q: spot %v, want 0 to %d an hour", i.Name, i.Spot, maxHourly)
		fault(!within(i.OnDemand, 0, maxHourly), "instance %.20q: on_demand %v, want 0 to %d an hour", i.Name, i.OnDemand, maxHourly)
	}
	for _, r := range []struct {
		name  string
		price float64
	}{
		{"list", p.Requests.List}, {"get", p.Requests.Get}, {"head", p.Requests.Head}, {"put", p.Requests.Put},
		{"delete", p.Requests.Delete},
	} {
		fault(!within(r.price, 0, maxPerMillion), "requests_per_million: %s %v, want 0 to %d", r.name, r.price, maxPerMillion)
	}
	return errors.Join(faults...)
}

// within says whether a number lies in the bounds. NaN lies in none.
func within(x, low, high float64) bool { return low <= x && x <= high }
