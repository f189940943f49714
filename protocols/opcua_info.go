package protocols

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/dice-engine/dice/internal/tape"
)

// opcuaCatalogue collects what the nodes behind endpoints say of the product, once per URL: a server has many endpoints of
// one URL, and a hostile one could have very many.
type opcuaCatalogue struct {
	nodes map[string][]*opcuaNode // of the whole record, by EndpointURL
	done  map[string]bool
	info  []OPCUAInfo
}

// add reads the nodes of the URL, or else those that stand in the endpoint itself.
func (c *opcuaCatalogue) add(url *string, own []*opcuaNode) {
	nodes := own
	if url != nil {
		if c.done[*url] {
			return
		}
		if listed := c.nodes[*url]; listed != nil {
			nodes, c.done[*url] = listed, true // whatever they say, they are not read again
		}
	}
	values := productOf(nodes)
	if values == nil {
		return
	}
	if url != nil {
		c.done[*url] = true
	}
	c.info = append(c.info, OPCUAInfo{url, values})
}

// productOf returns the members of the first BuildInfo that has any, be it a node or part of ServerStatus, or else the
// values of the nodes that make up a nameplate. Nodes come in random order, so nothing else depends on it.
func productOf(nodes []*opcuaNode) tape.Pairs[string] {
	nameplate := map[string]string{}
	for _, node := range nodes {
		if node == nil || node.Name == nil {
			continue
		}
		value := node.Value
		switch *node.Name {
		case "ServerStatus":
			value = members(value)["BuildInfo"]
			fallthrough
		case "BuildInfo":
			if build := members(value); len(build) > 0 {
				return pairsOf(build, textOf)
			}
		default:
			if name, ok := nameplateName(*node.Name); ok && value != "" {
				nameplate[name] = textOf(value)
			}
		}
	}
	return pairsOf(nameplate, func(text string) string { return text })
}

// nameplateName tells the nodes whose values describe the product (OPC 10000-5, BuildInfo; OPC 10000-100), and their names
// in BuildInfo's spelling.
func nameplateName(name string) (string, bool) {
	switch name {
	case "ProductUri":
		return "ProductURI", true
	case "ProductURI", "ManufacturerName", "ProductName", "SoftwareVersion", "BuildNumber", "BuildDate",
		"Manufacturer", "Model", "SerialNumber", "HardwareRevision", "SoftwareRevision", "DeviceRevision",
		"RevisionCounter", "ProductCode", "DeviceClass", "DeviceManual", "ProductInstanceUri", "ManufacturerUri":
		return name, true
	}
	return "", false
}

func pairsOf[V any](values map[string]V, text func(V) string) tape.Pairs[string] {
	var pairs tape.Pairs[string]
	for _, name := range slices.Sorted(maps.Keys(values)) {
		pairs = append(pairs, tape.Pair[string]{Key: name, Value: text(values[name])})
	}
	return pairs
}

// members returns the members of an object that are not null, or nothing where the value is not an object.
func members(value tape.Text) map[string]tape.Text {
	if !strings.HasPrefix(strings.TrimLeft(string(value), " \t\r\n"), "{") {
		return nil
	}
	var parsed map[string]json.RawMessage
	if json.Unmarshal([]byte(value), &parsed) != nil {
		return nil
	}
	texts := make(map[string]tape.Text, len(parsed))
	for name, raw := range parsed {
		if string(raw) != "null" {
			texts[name] = tape.Text(raw)
		}
	}
	return texts
}

// textOf returns a text without its quotes, and any other value as written; nothing for an absent one.
func textOf(value tape.Text) string {
	if !strings.HasPrefix(string(value), `"`) {
		return string(value)
	}
	if inner, quoted := strings.CutSuffix(string(value[1:]), `"`); quoted && !strings.ContainsAny(inner, `"\`) {
		return inner
	}
	var text string
	if json.Unmarshal([]byte(value), &text) != nil {
		return string(value)
	}
	return text
}

// textPointer is textOf for values that may be absent.
func textPointer(value tape.Text) *string {
	if value == "" {
		return nil
	}
	text := textOf(value)
	return &text
}

// enumOf returns a value that is a whole number below n.
func enumOf(value tape.Text, n int) (i int, ok bool) {
	if value == "" || value[0] != '-' && (value[0] < '0' || value[0] > '9') {
		return 0, false
	}
	var number float64
	if json.Unmarshal([]byte(value), &number) != nil {
		return 0, false
	}
	for i := range n {
		if number == float64(i) {
			return i, true
		}
	}
	return 0, false
}
