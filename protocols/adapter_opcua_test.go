package protocols_test

import (
	"testing"

	"github.com/dice-engine/dice/internal/tape"
	"github.com/dice-engine/dice/protocols"
)

func adaptOPCUA(t *testing.T, in identified) map[string]any {
	t.Helper()
	var server protocols.OPCUAServer
	if !tape.Decode(in.Protocol.Output, in.Fingerprint, &server) {
		t.Fatal("null fingerprint")
	}
	endpoints := []any{}
	for _, e := range server.Endpoints {
		policies := []any{}
		for _, token := range e.Tokens {
			policy := token.Policy
			if policy == nil {
				policy = e.Policy
			}
			policies = append(policies, []any{token.Type, policy})
		}
		endpoints = append(endpoints, map[string]any{
			"endpoint":    map[string]any{"EndpointURL": e.URL, "SecurityPolicyURI": e.PolicyURI, "SecurityMode": e.Mode},
			"info":        adaptOPCUAInfo(&server, e.URL),
			"policies":    policies,
			"mode":        e.Mode,
			"certificate": adaptOPCUACertificate(in, e.Certificate),
		})
	}
	return map[string]any{"endpoints": endpoints}
}

func adaptOPCUAInfo(server *protocols.OPCUAServer, url *string) map[string]any {
	values := map[string]any{}
	for _, info := range server.Info {
		if url != nil && info.URL != nil && *url == *info.URL {
			for _, pair := range info.Values {
				values[pair.Key] = pair.Value
			}
		}
	}
	return values
}

func adaptOPCUACertificate(in identified, place *int64) any {
	if place == nil {
		return nil
	}
	in.Certificates = in.Certificates[*place-1:]
	return adaptLeaf(in)
}
