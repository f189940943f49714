package protocols

import (
	"testing"
	"time"
)

// TestOPCUANodesAreReadOnce: nodes that say nothing of the product are not read again for each endpoint of their URL. Read so
// often, they would take a minute.
func TestOPCUANodesAreReadOnce(t *testing.T) {
	url, name := "u", "Objects"
	nodes := make([]*opcuaNode, 1<<17)
	for i := range nodes {
		nodes[i] = &opcuaNode{Name: &name}
	}
	c := opcuaCatalogue{nodes: map[string][]*opcuaNode{url: nodes}, done: map[string]bool{}}
	begun := time.Now()
	for range nodes {
		if c.add(&url, nil); time.Since(begun) > 10*time.Second {
			t.Fatal("nodes are read for each endpoint")
		}
	}
	if len(c.info) > 0 {
		t.Errorf("got %v", c.info)
	}
}
