package queue

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"
)

// TestStatusIsBounded in octets, so that it fits into a message, and never within a character.
func TestStatusIsBounded(t *testing.T) {
	told := func(workers int, trouble string) (Status, int) {
		s := Status{}
		for range workers {
			s.Workers = append(s.Workers, WorkerStatus{Name: "ip-10-0-100-100.eu-central-1.compute.internal-12345", Trouble: trouble})
		}
		s = s.bounded()
		body, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		return s, len(body)
	}
	remedy := strings.Repeat("a", 380) + ", see --scratch"
	if s, _ := told(1, remedy); s.Workers[0].Trouble != remedy {
		t.Errorf("cut although it is short: %s", s.Workers[0].Trouble)
	}
	for _, before := range []string{"", "a", "ab"} {
		s, _ := told(1, before+strings.Repeat("€", 400))
		if got := s.Workers[0].Trouble; !utf8.ValidString(got) || !strings.HasSuffix(got, "€…") || len(got) < 398 || len(got) > 403 {
			t.Errorf("%d octets: %q", len(got), got)
		}
	}
	if s, octets := told(5000, strings.Repeat(`"`, 500)); octets > 1<<20 || len(s.Workers) != maxTold || s.Untold != 5000-maxTold {
		t.Errorf("%d workers in %d octets, %d untold", len(s.Workers), octets, s.Untold)
	}
}
