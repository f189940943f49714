package estimate

import "math"

// Offer is a fleet of one type of machine that meets a deadline.
type Offer struct {
	Instance Instance
	Machines int
	Workers  int // cores of all machines
	InTime   bool
	Seconds  float64
	Spot     float64 // of the machines
	OnDemand float64
	Requests float64
}

// leastSeconds are billed for every machine.
const leastSeconds = 60

// Offer finds how many machines of a type finish in so many seconds, and what they cost. Requests to local folders cost
// nothing.
func (w *Work) Offer(p *Prices, i Instance, seconds, poll float64, input, output bool) Offer {
	workers, ok := w.Workers(seconds, i.Speed)
	machines := (workers + i.VCPU - 1) / i.VCPU
	run := Run{Workers: machines * i.VCPU, Processes: machines, Speed: i.Speed, Poll: poll}
	o := Offer{Instance: i, Machines: machines, Workers: run.Workers, InTime: ok, Seconds: w.Seconds(run)}
	hours := float64(machines) * math.Max(o.Seconds, leastSeconds) / 3600
	o.Spot, o.OnDemand = hours*i.Spot, hours*i.OnDemand
	if input {
		o.Requests += p.Requests.Cost(w.InputRequests())
	}
	if output {
		o.Requests += p.Requests.Cost(w.OutputRequests(run))
	}
	return o
}

// Cost is what requests come to.
func (p RequestPrices) Cost(r Requests) float64 {
	sum := p.List*float64(r.List) + p.Get*float64(r.Get) + p.Head*float64(r.Head) + p.Put*float64(r.Put) + p.Delete*float64(r.Delete)
	return sum / 1e6
}
