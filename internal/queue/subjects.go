package queue

import (
	"slices"
	"strings"
)

// DefaultPool is the pool of those who name none.
const DefaultPool = "default"

// Names on the server. Everything of a pool carries the pool's name as one token of its own, so that permissions can
// tell the pools of one account apart by wildcards.
const (
	taskSubjects = "dice.%s.*.task.>" // of all jobs of a pool
	inboxPrefix  = "_INBOX_dice_"
)

func streamName(pool, job string) string  { return "DICE-" + pool + "-" + job }
func consumerName(pool string) string     { return "workers-" + pool }
func jobSubjects(pool, job string) string { return "dice." + pool + "." + job + ".task.>" }
func taskSubject(t Task, pool string) string {
	return "dice." + pool + "." + t.Job + ".task." + t.Stage
}
func progressSubject(pool, job string) string {
	return "dice." + pool + "." + job + ".progress"
}
func statusSubject(pool, job string) string { return "dice." + pool + "." + job + ".status" }

// announceSubject carries the name of a job that has new tasks.
func announceSubject(pool string) string { return "dice." + pool + ".announce" }

// Permissions are the subjects that a NATS user may publish to and subscribe to.
type Permissions struct{ Publish, Subscribe []string }

// jobOf returns the job of a stream of a pool, by its only subject.
func jobOf(subjects []string, pool string) (job string, ok bool) {
	if len(subjects) != 1 {
		return "", false
	}
	rest, ours := strings.CutPrefix(subjects[0], "dice."+pool+".")
	job, ok = strings.CutSuffix(rest, ".task.>")
	return job, ours && ok && isToken(job)
}

// WorkerPermissions is what a worker of a pool needs, and all that it should have: to find the pool's jobs, to take
// their tasks and say what became of them, and to ask how a job is going. It can make no task of its own, and cannot
// change or remove a queue. What it can do beyond its pool is to see that other queues of its account are there, and to
// have answers of the server sent to subjects of others, where they are dropped: teams that do not trust each other get
// an account each.
func WorkerPermissions(pool string) Permissions {
	consumer := consumerName(pool)
	return Permissions{
		Publish: []string{
			"$JS.API.STREAM.LIST",
			"$JS.API.CONSUMER.INFO.*." + consumer,
			"$JS.API.CONSUMER.MSG.NEXT.*." + consumer,
			"$JS.ACK.*." + consumer + ".>",
			"$JS.ACK.*.*.*." + consumer + ".>", // as servers with several domains write it
			progressSubject(pool, "*"),
			statusSubject(pool, "*"),
		},
		Subscribe: []string{inboxPrefix + pool + ".>", announceSubject(pool)},
	}
}

// CoordinatorPermissions is what the process needs that leads jobs of a pool.
func CoordinatorPermissions(pool string) Permissions {
	p := WorkerPermissions(pool)
	p.Publish = slices.Concat(p.Publish, []string{
		"$JS.API.INFO",
		"$JS.API.STREAM.INFO.*", "$JS.API.STREAM.CREATE.*", "$JS.API.STREAM.UPDATE.*", "$JS.API.STREAM.DELETE.*",
		"$JS.API.STREAM.PURGE.*",
		"$JS.API.CONSUMER.CREATE.*." + consumerName(pool) + ".>", "$JS.API.CONSUMER.CREATE.*." + consumerName(pool),
		"$JS.API.CONSUMER.DURABLE.CREATE.*." + consumerName(pool),
		jobSubjects(pool, "*"), announceSubject(pool), inboxPrefix + pool + ".>",
	})
	p.Subscribe = slices.Concat(p.Subscribe, []string{progressSubject(pool, "*"), statusSubject(pool, "*")})
	return p
}
