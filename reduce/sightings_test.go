package reduce

import (
	"fmt"
	"testing"
)

// TestDuplicatesThatATaskFinds: which duplicates a task finds by itself depends on the records alone, not on the job's key, and it
// finds all that lie near to each other, and no others than duplicates.
func TestDuplicatesThatATaskFinds(t *testing.T) {
	const records, identities = 100_000, 2 * lately
	var first []bool
	for key := range 3 {
		cfg := testConfig(t)
		cfg.Key[0], cfg.Budget = byte(key), 64<<20
		s := NewSightings(cfg)
		defer s.Close()
		var found []bool
		seen := map[int]bool{}
		for i := range records {
			identity := i / 2 % identities // each one twice in a row, and once more after all the others
			repeated, err := s.Duplicate(Address{Index: uint32(i)}, fmt.Appendf(nil, "host %d", identity))
			if err != nil {
				t.Fatal(err)
			}
			if i%2 == 1 && !repeated || repeated && !seen[identity] {
				t.Fatalf("record %d of identity %d: repeated %t", i, identity, repeated)
			}
			seen[identity] = true
			found = append(found, repeated)
		}
		if first == nil {
			first = found
		}
		again := 0
		for i, repeated := range found {
			if repeated != first[i] {
				t.Fatalf("record %d: repeated %t with another key", i, repeated)
			}
			if i%2 == 0 && repeated {
				again++
			}
		}
		if forgotten := records/2 - identities - again; again == 0 || forgotten == 0 {
			t.Errorf("of the identities that came again %d were known and %d were not: both should occur", again, forgotten)
		}
	}
}
