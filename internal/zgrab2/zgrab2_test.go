package zgrab2_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dice-engine/dice/internal/tape"
	"github.com/dice-engine/dice/internal/zgrab2"
)

func TestAppendRowIsTheTapeOfARow(t *testing.T) {
	shape := tape.Of[zgrab2.Row[zgrab2.Xmpp]]()
	banner, at := "<stream:stream>", tape.Time(1_700_000_000_000_000)
	want := zgrab2.Row[zgrab2.Xmpp]{
		IP: "192.0.2.1", Port: 5222, Domain: "a.example", Protocol: "xmpp", Status: "success", Error: "none",
		Timestamp: &at, Result: &zgrab2.Xmpp{Banner: &banner},
	}
	head := zgrab2.Head{IP: want.IP, Port: 5222, Domain: want.Domain, Protocol: "xmpp", Status: "success", Error: "none", Time: &at}
	row := zgrab2.AppendRow(nil, &head, tape.Append(tape.Of[zgrab2.Xmpp](), nil, want.Result))
	if diff := cmp.Diff(tape.Append(shape, nil, &want), row); diff != "" {
		t.Errorf("row differs (-want +got):\n%s", diff)
	}
}

func TestAppendRawRowIsTheTapeOfARawRow(t *testing.T) {
	yes := true
	want := zgrab2.RawRow{IP: "192.0.2.1", Data: zgrab2.RawData{
		Bacnet: &zgrab2.Response[zgrab2.Bacnet]{Status: "success", Protocol: "bacnet", Result: &zgrab2.Bacnet{IsBacnet: &yes}},
		Xmpp:   &zgrab2.Response[zgrab2.Xmpp]{Status: "io-timeout", Protocol: "xmpp", Timestamp: "now", Error: "EOF"},
	}}
	bacnet := tape.Append(tape.Of[zgrab2.Bacnet](), nil, want.Data.Bacnet.Result)
	answers := []zgrab2.Answer{
		{Index: 0, Head: &zgrab2.Head{Status: "success", Protocol: "bacnet"}, Result: bacnet},
		{Index: 7, Head: &zgrab2.Head{Status: "io-timeout", Protocol: "xmpp", Text: "now", Error: "EOF"}},
	}
	row := zgrab2.AppendRawRow(nil, &zgrab2.Head{IP: "192.0.2.1"}, answers)
	if diff := cmp.Diff(tape.Append(zgrab2.Raw(), nil, &want), row); diff != "" {
		t.Errorf("raw row differs (-want +got):\n%s", diff)
	}
}

func TestNamesAreThoseOfAll(t *testing.T) {
	var names []string
	for _, r := range zgrab2.All() {
		names = append(names, r.Protocol)
	}
	if diff := cmp.Diff(zgrab2.Names(), names); diff != "" {
		t.Errorf("names differ (-want +got):\n%s", diff)
	}
}
