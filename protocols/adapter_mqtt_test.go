package protocols_test

import (
	"testing"
	"time"

	"github.com/dice-engine/dice/internal/tape"
	"github.com/dice-engine/dice/protocols"
)

func adaptMQTT(t *testing.T, in identified) map[string]any {
	t.Helper()
	got := asJSON(t, in)
	return map[string]any{
		"broker":      got["broker"],
		"version":     got["version"],
		"cpe":         got["cpe"],
		"topics":      got["topics"],
		"certificate": adaptLeaf(in),
	}
}

// adaptLeaf is the one certificate of a record in the form of the vectors, nil where it has none.
func adaptLeaf(in identified) any {
	if len(in.Certificates) == 0 {
		return nil
	}
	c, _, _ := protocols.ReadCertificate([]byte(in.Certificates[0]), in.Protocol.Chains)
	if c.Error != nil {
		return map[string]any{"parsed": false}
	}
	at := func(v *tape.Time) string { return time.UnixMicro(int64(*v)).UTC().Format(time.RFC3339) }
	return map[string]any{
		"parsed": true, "sha256": c.SHA256, "spki_sha256": c.SPKISHA256, "key_size": c.KeyBits,
		"not_before": at(c.NotBefore), "not_after": at(c.NotAfter),
	}
}
