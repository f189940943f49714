package worker

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"runtime/debug"
	"slices"

	"github.com/dice-engine/dice/internal/record"
	"github.com/dice-engine/dice/internal/store"
	"github.com/dice-engine/dice/internal/words"
	"github.com/dice-engine/dice/shard"
)

// dataFault is a fault that lies in the data, so that trying again elsewhere may not help. Only a panic is one: what is
// wrong with data in any expected way becomes rejects.
type dataFault struct {
	shard.Failure
	cause error
}

func (f *dataFault) Error() string { return "fault of the data: " + f.cause.Error() }
func (f *dataFault) Unwrap() error { return f.cause }

// place is where an attempt reads: what a panic is put down to.
type place struct {
	input  int
	reader record.Reader
}

// fault makes a panic a fault of what is being read.
func (a *attempt) fault(panicked any) *dataFault {
	f := &dataFault{cause: fmt.Errorf("panic: %v\n%s", panicked, debug.Stack())}
	f.Failure = shard.Failure{Stage: a.stage, Task: a.task, Input: shard.NoInput, Cause: words.Cut(f.cause.Error(), maxCause)}
	if a.stage == shard.Map && a.at != nil {
		f.Input, f.Object = a.at.input, a.plan.Inputs[a.at.input].URL
		if a.at.reader != nil {
			f.Group, f.Row = a.at.reader.At()
		}
	}
	return f
}

// maxCause bounds the text of a failure's cause.
const maxCause = 4 << 10

// giveUp records a fault. Below the limit it returns the fault, for another attempt to be made. At the limit the object
// at fault is left out, and it returns nil: the task is to be done without. Where no object is at fault the task is
// committed as given up.
func (a *attempt) giveUp(f *dataFault, limit int) (over bool, err error) {
	body, err := json.Marshal(f.Failure)
	if err != nil {
		return false, err
	}
	key := a.key.FailureKey(a.stage, a.task, f.Input, a.id)
	err = a.out.Create(a.ctx, key, body)
	if err != nil && !errors.Is(err, store.ErrExists) {
		return false, err
	}
	failures, err := a.failures()
	if err != nil {
		return false, err
	}
	f.Attempts = len(failures[f.Input])
	if f.Attempts < limit {
		return false, errors.Join(f, a.tidy(a.ctx, []string{key}))
	}
	if f.Input == shard.NoInput {
		return true, a.commit(&shard.Commit{Skipped: []shard.Failure{f.Failure}})
	}
	a.leftOut = append(a.leftOut, f.Failure)
	return false, nil
}

// failures returns the keys of the task's failure records by the input at fault.
func (a *attempt) failures() (map[int][]string, error) {
	by := map[int][]string{}
	err := a.out.List(a.ctx, a.key.TaskFailurePrefix(a.stage, a.task), func(i store.Info) error {
		if input, ok := shard.ParseFailureKey(i.Key); ok {
			by[input] = append(by[input], i.Key)
		}
		return nil
	})
	return by, err
}

// recall leaves out the objects that earlier attempts have failed at often enough.
func (a *attempt) recall(limit int) error {
	by, err := a.failures()
	if err != nil {
		return err
	}
	for _, input := range slices.Sorted(maps.Keys(by)) {
		if input == shard.NoInput || len(by[input]) < limit {
			continue
		}
		failure, err := readState[shard.Failure](a.ctx, a.out, by[input][0])
		if err != nil || failure == nil {
			return err
		}
		failure.Attempts = len(by[input])
		a.leftOut = append(a.leftOut, *failure)
	}
	return nil
}

// isLeftOut says whether an input is one that this attempt does without.
func (a *attempt) isLeftOut(input int) bool {
	return slices.ContainsFunc(a.leftOut, func(f shard.Failure) bool { return f.Input == input })
}
