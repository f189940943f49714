package protocols_test

import (
	"testing"

	"github.com/dice-engine/dice/internal/tape"
	"github.com/dice-engine/dice/internal/tape/tapetest"
	"github.com/dice-engine/dice/protocols"
)

// A record in which a member of the scanner's result has another type is not one of ours, used or not.
func TestMembersOfAnotherTypeReject(t *testing.T) {
	for _, c := range []struct {
		p       *protocols.Protocol
		results []string
	}{
		{protocols.BACnet(), []string{
			`{"is_bacnet":1}`, `{"instance_number":"1"}`, `{"instance_number":1.5}`, `{"vendor_id":true}`, `{"vendor_name":1}`,
			`{"firmware_revision":[]}`, `{"application_software_revision":{}}`, `{"object_name":0}`, `{"model_name":false}`,
			`{"description":1}`, `{"location":1}`, `[]`, `"x"`, `1`, `true`,
		}},
		{protocols.DNP3(), []string{`{"is_dnp3":"true"}`, `{"raw_response":1}`, `[]`}},
		{protocols.Modbus(), []string{
			`{"length":"3"}`, `{"unit_id":[]}`, `{"function_code":"43"}`, `{"raw_response":1}`, `{"raw":{}}`, `{"mei_response":[]}`,
			`{"mei_response":{"conformity_level":"1"}}`, `{"mei_response":{"more_follows":0}}`, `{"mei_response":{"next_object_id":""}}`,
			`{"mei_response":{"object_count":"3"}}`, `{"mei_response":{"objects":"vendor"}}`, `{"mei_response":{"objects":{"vendor":[]}}}`,
			`{"exception_response":1}`, `{"exception_response":{"exception_function":"43"}}`, `{"exception_response":{"exception_type":"2"}}`,
		}},
		{protocols.RTPS(), []string{
			`{"raw-message":1}`, `{"raw_response":1}`, `{"raw_response":null,"raw-message":[]}`, `{"message":"x"}`, `{"message":{"header":[]}}`,
			`{"message":{"payload":1}}`, `{"message":{"header":{"Magic":"RTPS"}}}`, `{"message":{"header":{"Magic":["R"]}}}`,
			`{"message":{"header":{"protocol-version":2}}}`, `{"message":{"header":{"vendor-id":"01"}}}`, `{"message":{"header":{"guid-prefix":{}}}}`,
		}},
	} {
		for _, result := range c.results {
			if _, _, err := tapetest.FromJSON(c.p.Input, []byte(result)); err == nil {
				t.Errorf("%s: %s is taken", c.p.Name, result)
			}
		}
		for _, result := range []string{`null`, `{}`, `{"unknown":[1,{"a":"b"}]}`} {
			if _, _, err := tapetest.FromJSON(c.p.Input, []byte(result)); err != nil {
				t.Errorf("%s: %s: %v", c.p.Name, result, err)
			}
		}
	}
}

// The raw message of RTPS has had two names; the older one counts where both are there.
func TestRTPSNamesOfTheRawMessage(t *testing.T) {
	const (
		first  = `"UlRQUwIDAQ+KgY7cLR0slfleocE="` // vendor 010f
		second = `"UlRQUwIEARDsXO7kXx1ZKf8Yymg="` // vendor 0110
	)
	p := protocols.RTPS()
	for result, want := range map[string]string{
		`{"raw-message":` + first + `}`:                               "010f",
		`{"raw_response":` + first + `}`:                              "010f",
		`{"raw_response":` + first + `,"raw-message":` + second + `}`: "010f",
		`{"raw-message":` + second + `,"raw_response":` + first + `}`: "010f",
		`{"raw_response":null,"raw-message":` + second + `}`:          "0110",
		`{"raw_response":"","raw-message":` + second + `}`:            "",
	} {
		in, _, err := tapetest.FromJSON(p.Input, []byte(result))
		if err != nil {
			t.Fatal(err)
		}
		fingerprint, _, kept, err := p.Identify(false, in, nil)
		var got protocols.RTPSParticipant
		if err != nil || !kept || !tape.Decode(p.Output, fingerprint, &got) {
			t.Fatalf("%s: kept %v, %v", result, kept, err)
		}
		if vendor := got.Vendor; (vendor == nil) != (want == "") || vendor != nil && *vendor != want {
			t.Errorf("%s: vendor %v, want %q", result, vendor, want)
		}
	}
}
