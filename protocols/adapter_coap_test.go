package protocols_test

import (
	"testing"

	"github.com/dice-engine/dice/internal/tape"
	"github.com/dice-engine/dice/protocols"
)

// adaptCoAP writes attributes as pairs of name and value. The product is not in the vectors.
func adaptCoAP(t *testing.T, in identified) map[string]any {
	t.Helper()
	var server protocols.CoAPServer
	if !tape.Decode(in.Protocol.Output, in.Fingerprint, &server) {
		t.Fatal("null fingerprint")
	}
	form := map[string]any{"payload": server.Payload}
	if server.Capabilities == nil {
		return form
	}
	capabilities := []any{}
	for _, link := range *server.Capabilities {
		attributes := []any{}
		for _, a := range link.Attributes {
			attributes = append(attributes, []any{a.Name, a.Value})
		}
		capabilities = append(capabilities, map[string]any{"path": link.Path, "attributes": attributes})
	}
	form["capabilities"] = capabilities
	return form
}
