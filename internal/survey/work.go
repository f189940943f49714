package survey

import (
	"github.com/dice-engine/dice/internal/estimate"
	"github.com/dice-engine/dice/protocols"
	"github.com/dice-engine/dice/shard"
)

// Work is what a job comes to whose plan led to the findings. distant says that its stores are not on this machine.
func (f *Findings) Work(plan *shard.Plan, m *estimate.Measures, distant bool) *estimate.Work {
	command := plan.Command
	x := estimate.New(estimate.Job{
		Signatures: signatures(command.Options.Signatures), Labelled: command.Options.Mode == shard.Labelled,
		Dedupe: len(command.Options.Dedupe) > 0, SideTable: len(command.Certificates) > 0, PartitionRows: command.Options.PartitionRows,
		KeyPartitions: plan.KeyPartitions, Patterns: len(command.Files) + len(command.Certificates), Objects: len(plan.Inputs),
		Distant: distant,
	}, m)
	for _, s := range f.Streams {
		x.AddStream(s)
	}
	for _, s := range f.Shards {
		x.Add(s)
	}
	return x.Work()
}

func signatures(names []string) (list []estimate.Signature) {
	byName := protocols.ByName()
	for _, name := range names {
		p := byName[name]
		list = append(list, estimate.Signature{Name: name, Attach: p != nil && p.Attach})
	}
	return list
}
