package protocols

import (
	"fmt"
	"path"
	"strings"
)

// All lists the protocols in alphabetical order. Each call compiles them anew; callers keep the result.
func All() []*Protocol {
	return []*Protocol{
		BACnet(),
		CoAP(),
		DNP3(),
		Modbus(),
		MQTT(),
		OPCUA(),
		RTPS(),
		XMPP(),
	}
}

// ByName returns all protocols by their names.
func ByName() map[string]*Protocol {
	byName := map[string]*Protocol{}
	for _, p := range All() {
		byName[p.Name] = p
	}
	return byName
}

// Match returns the protocols whose names match one of the comma-separated patterns (path.Match syntax), in
// alphabetical order. It fails on a pattern that is malformed or matches none, naming it.
func Match(patterns string) ([]*Protocol, error) {
	all := All()
	chosen := map[string]bool{}
	for pattern := range strings.SplitSeq(patterns, ",") {
		pattern = strings.TrimSpace(pattern)
		found := false
		for _, p := range all {
			ok, err := path.Match(pattern, p.Name)
			if err != nil {
				return nil, fmt.Errorf("signature pattern %q: %w", pattern, err)
			}
			if ok {
				found, chosen[p.Name] = true, true
			}
		}
		if !found {
			return nil, fmt.Errorf("no signature matches %q: see dice signatures", pattern)
		}
	}
	var matched []*Protocol
	for _, p := range all {
		if chosen[p.Name] {
			matched = append(matched, p)
		}
	}
	return matched, nil
}
