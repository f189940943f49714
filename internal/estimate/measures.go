package estimate

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
)

// Measures are ratios that were measured on made-up scans. The test of whole jobs in internal/jobtest that makes the file
// also holds it to a fresh measurement.
type Measures struct {
	Date    string `json:"date"`
	Method  string `json:"method"`
	Machine string `json:"machine"`

	Latency        float64            `json:"latency_seconds"`         // assumed: of a request to a distant store
	OtherMicros    map[string]float64 `json:"other_micros"`            // of a record of a protocol that nobody asked for, by form
	IdentityMicros float64            `json:"identity_micros"`         // of a sighting in the stage identity
	ReuseMicros    float64            `json:"reuse_micros"`            // of a sighting in the stage reuse
	Certificates   Measure            `json:"certificates"`            // a row of a side table
	Records        map[string]Measure `json:"records"`                 // by protocol
	Attached       map[string]Measure `json:"records_with_side_table"` // of those that may be given a certificate, by protocol
}

// Measure is what becomes of the records of a protocol. Where it does not say otherwise, figures are per record that
// passed the filter, and octets are as stored.
type Measure struct {
	Kept             float64            `json:"kept"` // records past the filter, per record
	Identity         Flow               `json:"identity"`
	Reuse            Flow               `json:"reuse"`
	Attached         Flow               `json:"attached"` // sightings that the stage identity makes
	IdentityVerdicts Flow               `json:"identity_verdicts"`
	ReuseVerdicts    Flow               `json:"reuse_verdicts"`
	Shared           Flow               `json:"shared"` // rows of the reuse table
	All              Outcome            `json:"all"`
	Labelled         Outcome            `json:"labelled"`
	MapMicros        map[string]float64 `json:"map_micros"` // of reading and classifying a record, kept or not, by form
}

// Outcome is what differs between the modes.
type Outcome struct {
	Carried     float64 `json:"carried"`      // records in the segment
	Segment     float64 `json:"segment"`      // octets of it
	Rows        float64 `json:"rows"`         // of the result
	Output      float64 `json:"output"`       // octets of it
	WriteMicros float64 `json:"write_micros"` // of a carried record in the stage write
}

//go:embed measures.json
var measured []byte

// Measured returns the ratios that DICE comes with.
func Measured() (*Measures, error) {
	m := &Measures{}
	if err := json.Unmarshal(measured, m); err != nil {
		return nil, fmt.Errorf("read measures: %w", err)
	}
	return m, nil
}

// of returns the ratios of a signature. One that was not measured is like the others on average.
func (m *Measures) of(s Signature, job Job) Measure {
	known, ok := m.Records[s.Name]
	if !ok {
		known = m.average()
	}
	with, attached := m.Attached[s.Name]
	attached = attached && job.SideTable && s.Attach
	if !job.Dedupe {
		without := known
		known.Identity, known.IdentityVerdicts = Flow{}, Flow{}
		with.Identity = with.Identity.plus(without.Identity.times(-1)) // only those that ask for a certificate are left
	}
	if attached {
		return with
	}
	return known
}

func (m *Measures) average() Measure {
	sum := Measure{MapMicros: map[string]float64{}}
	share := 1 / float64(max(len(m.Records), 1))
	for _, name := range slices.Sorted(maps.Keys(m.Records)) {
		one := m.Records[name]
		sum.Kept += one.Kept * share
		sum.Identity = sum.Identity.plus(one.Identity.times(share))
		sum.Reuse = sum.Reuse.plus(one.Reuse.times(share))
		sum.IdentityVerdicts = sum.IdentityVerdicts.plus(one.IdentityVerdicts.times(share))
		sum.ReuseVerdicts = sum.ReuseVerdicts.plus(one.ReuseVerdicts.times(share))
		sum.Shared = sum.Shared.plus(one.Shared.times(share))
		sum.All.add(one.All, share)
		sum.Labelled.add(one.Labelled, share)
		for form, micros := range one.MapMicros {
			sum.MapMicros[form] += micros * share
		}
	}
	return sum
}

func (o *Outcome) add(p Outcome, share float64) {
	o.Carried += p.Carried * share
	o.Segment += p.Segment * share
	o.Rows += p.Rows * share
	o.Output += p.Output * share
	o.WriteMicros += p.WriteMicros * share
}

func (m *Measure) outcome(labelled bool) Outcome {
	if labelled {
		return m.Labelled
	}
	return m.All
}

func (m *Measure) micros(form string) float64 { return lookUp(m.MapMicros, form) }

// lookUp returns the figure of a form; that of the dearest one where the form is unknown.
func lookUp(by map[string]float64, form string) float64 {
	if micros, ok := by[form]; ok {
		return micros
	}
	most := 0.0
	for _, micros := range by {
		most = max(most, micros)
	}
	return most
}
