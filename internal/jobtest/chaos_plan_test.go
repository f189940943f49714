package jobtest

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/dice-engine/dice/internal/servertest/faultproxy"
)

// calamity is something that befalls a fleet.
type calamity string

const (
	killWorker        calamity = "kill worker"        // SIGKILL
	freezeWorker      calamity = "freeze worker"      // SIGSTOP, and SIGCONT after a while
	sendWorkerAway    calamity = "send worker away"   // SIGTERM
	joinWorker        calamity = "worker joins"       //
	killCoordinator   calamity = "kill coordinator"   // SIGKILL; the same command is given again
	freezeCoordinator calamity = "freeze coordinator" // SIGSTOP, and SIGCONT after a while
	secondCoordinator calamity = "second coordinator" // the same command is given while the first one runs
	restartQueue      calamity = "kill NATS"          // SIGKILL, and started again after a while
	wipeQueue         calamity = "wipe NATS"          // likewise, with its data lost
	freezeQueue       calamity = "freeze NATS"        // SIGSTOP, and SIGCONT after a while
	restartStore      calamity = "kill MinIO"         // SIGKILL, and started again after a while
	cutStore          calamity = "cut off store"      // all connections to the store break, none comes about for a while
	cutNetwork        calamity = "cut network"        // the packets of one worker are lost for a while
	deliverTwice      calamity = "deliver twice"      // tasks are handed out again
)

// calamities lists them. Those that come often stand several times.
func calamities(separate bool) []calamity {
	all := []calamity{
		killWorker, killWorker, killWorker, freezeWorker, freezeWorker, sendWorkerAway, joinWorker, joinWorker,
		killCoordinator, killCoordinator, freezeCoordinator, restartStore, cutStore, cutNetwork, cutNetwork,
	}
	if separate {
		all = append(all, secondCoordinator, restartQueue, restartQueue, wipeQueue, wipeQueue, freezeQueue, deliverTwice, deliverTwice)
	}
	return all
}

// event is a calamity at a time.
type event struct {
	At   time.Duration
	What calamity
	Whom int           // which of those that it can befall
	Long time.Duration // of what passes
}

// script is what happens in a round. It is a function of the seed alone, and can be printed.
type script struct {
	Seed     uint64
	Scan     int           // which of the scans
	Separate bool          // NATS is a server of its own; else it is in the coordinator
	Workers  int           // at first
	Slots    int           // of each
	Lease    time.Duration //
	Grace    time.Duration
	Rules    []faultproxy.Rule
	Events   []event
}

// plainScan is the scan whose format has no checksums: what is damaged on its way there, nobody can tell.
const plainScan = 0

// troubled is for how long a round is troubled. Then everything is mended, and the job must come to its end.
const troubled = 7 * time.Second

// newScript writes a round's script.
func newScript(seed uint64, scans int) script {
	r := rand.New(rand.NewPCG(seed, 0xd1ce))
	between := func(from, to time.Duration) time.Duration { return from + time.Duration(r.Int64N(int64(to-from))) }
	s := script{
		Seed: seed, Scan: r.IntN(scans), Separate: r.IntN(3) > 0, Workers: 1 + r.IntN(4), Slots: 1 + r.IntN(2),
		Lease: between(time.Second, 3*time.Second), Grace: time.Duration(r.IntN(2)) * time.Second,
	}
	for _, f := range faultproxy.Faults() {
		if r.IntN(2) == 0 {
			continue
		}
		rule := faultproxy.Rule{Fault: f, Rate: 0.02 + 0.1*r.Float64(), Wait: between(10*time.Millisecond, 300*time.Millisecond)}
		switch f {
		case faultproxy.Trickle: // octet by octet
			rule.Wait, rule.Rate = 100*time.Microsecond, 0.01
		case faultproxy.Corrupt: // what carries no checksum is told by the format at best
			rule.Rate, rule.Checksummed = 0.03, plainScan == s.Scan || r.IntN(2) == 0
		}
		s.Rules = append(s.Rules, rule)
	}
	// Requests take a while in any case, so that there is something to disturb.
	s.Rules = append(s.Rules, faultproxy.Rule{Fault: faultproxy.Delay, Rate: 0.5, Wait: between(20*time.Millisecond, 80*time.Millisecond)})
	what := calamities(s.Separate)
	for range 3 + r.IntN(8) {
		s.Events = append(s.Events, event{
			At: between(200*time.Millisecond, troubled), What: what[r.IntN(len(what))], Whom: r.IntN(100),
			Long: between(100*time.Millisecond, 3*time.Second),
		})
	}
	slices.SortFunc(s.Events, func(a, b event) int { return int(a.At - b.At) })
	return s
}

func (s script) String() string {
	var b strings.Builder
	queue := "embedded"
	if s.Separate {
		queue = "separate"
	}
	fmt.Fprintf(&b, "seed %d: scan %d, %s NATS, %d workers of %d slots, lease %v, grace %v\n", s.Seed, s.Scan, queue, s.Workers, s.Slots,
		s.Lease.Round(time.Millisecond), s.Grace)
	for _, r := range s.Rules {
		fmt.Fprintf(&b, "  store: %s %.3f, wait %v\n", r.Fault, r.Rate, r.Wait.Round(time.Millisecond))
	}
	for _, e := range s.Events {
		fmt.Fprintf(&b, "  %5v %s, number %d, for %v\n", e.At.Round(time.Millisecond), e.What, e.Whom, e.Long.Round(time.Millisecond))
	}
	return b.String()
}

// TestScripts: a seed always tells the same story, and all calamities and faults come up in a few hundred of them.
func TestScripts(t *testing.T) {
	what, faults := map[calamity]bool{}, map[faultproxy.Fault]bool{}
	for seed := range uint64(300) {
		s := newScript(seed, 3)
		if again := newScript(seed, 3); s.String() != again.String() {
			t.Fatalf("seed %d tells two stories:\n%s%s", seed, s, again)
		}
		for _, e := range s.Events {
			what[e.What] = true
			if !s.Separate && strings.Contains(string(e.What), "NATS") {
				t.Errorf("seed %d: %s, which is not there", seed, e.What)
			}
		}
		for _, r := range s.Rules {
			faults[r.Fault] = true
		}
	}
	if len(what) != 14 || len(faults) != len(faultproxy.Faults()) {
		t.Errorf("%d calamities, %d faults of the store", len(what), len(faults))
	}
}
