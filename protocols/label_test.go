package protocols

import "testing"

func TestLabelMatches(t *testing.T) {
	for _, c := range []struct {
		id, label string
		want      bool
	}{
		{"coap:product:libcoap:YEAR", "coap:product:libcoap:2018", true},
		{"coap:product:libcoap:YEAR", "coap:product:libcoap:", true},
		{"coap:product:libcoap:YEAR", "coap:product:libcoap", false},
		{"coap:product:libcoap:YEAR", "coap:product:other:2018", false},
		{"coap:product:libcoap:YEAR", "coap:product:libcoap:2018:x", false},
		{"bacnet:access:read", "bacnet:access:read", true},
		{"bacnet:access:read", "bacnet:access:write", false},
		{"a:1:b", "a:2:b", false},
	} {
		if got := (Label{ID: c.id}).Matches(c.label); got != c.want {
			t.Errorf("%s matches %s: got %v", c.id, c.label, got)
		}
	}
}
