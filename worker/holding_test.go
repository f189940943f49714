package worker

import (
	"fmt"
	"testing"
	"time"

	"github.com/dice-engine/dice/internal/record"
	"github.com/dice-engine/dice/protocols"
)

// TestManyCertificates: a record may have hundreds of thousands of certificates, which are compared by their hashes. One by
// one, they would take minutes.
func TestManyCertificates(t *testing.T) {
	const many = 1 << 17
	row := &record.Row{}
	for i := range many {
		row.Certificates = append(row.Certificates, fmt.Appendf(nil, "%08d", i))
	}
	x := &mapper{
		attempt: &attempt{job: &job{protocols: protocols.All()}}, places: map[[32]byte]int{},
		memos: &memos{certificates: []*memo[*certificate]{newMemo[*certificate](memoBytes)}},
	}
	begun := time.Now()
	x.readCertificates(row)
	if len(x.held) != many || len(row.Certificates) != many {
		t.Errorf("%d of %d certificates, and %d texts", len(x.held), many, len(row.Certificates))
	}
	if took := time.Since(begun); took > 20*time.Second {
		t.Errorf("took %s", took)
	}
}
