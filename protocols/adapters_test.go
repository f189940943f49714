package protocols_test

import (
	"encoding/json"
	"testing"

	"github.com/dice-engine/dice/internal/tape"
	"github.com/dice-engine/dice/protocols"
)

// identified is what an adapter is given: a fingerprint's tape and the certificate texts that its ordinals (from 1)
// stand for. For a protocol whose records carry no certificate, Certificates holds the attached one, or nothing.
type identified struct {
	Protocol     *protocols.Protocol
	Fingerprint  []byte
	Certificates []string
}

// adapter turns a fingerprint into the form of the vectors. Nulls and absent members are the same; numbers may be of
// any Go type, the harness compares the JSON.
type adapter func(t *testing.T, in identified) map[string]any

// adapters holds one adapter per protocol, each in its own file adapter_<protocol>_test.go.
var adapters = map[string]adapter{
	"bacnet": adaptBACnet,
	"coap":   adaptCoAP,
	"dnp3":   adaptDNP3,
	"modbus": adaptModbus,
	"mqtt":   adaptMQTT,
	"opcua":  adaptOPCUA,
	"rtps":   adaptRTPS,
	"xmpp":   adaptXMPP,
}

// certificateLabels gives the labels of one certificate text; timed says whether unixMicro is known.
func certificateLabels(text string, chains bool, unixMicro int64, timed bool) []string {
	_, facts, labels := protocols.ReadCertificate([]byte(text), chains)
	if timed {
		labels = facts.AppendLabelsAt(labels, unixMicro)
	}
	return labels
}

// asJSON returns a fingerprint as plain JSON values: objects, lists, strings, float64 and bools.
func asJSON(t *testing.T, in identified) map[string]any {
	t.Helper()
	text := tape.AppendJSON(in.Protocol.Output, nil, in.Fingerprint)
	var v map[string]any
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatalf("fingerprint %s: %v", text, err)
	}
	return v
}
