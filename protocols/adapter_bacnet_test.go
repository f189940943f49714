package protocols_test

import "testing"

// adaptBACnet keeps the three properties that the notebook reads.
func adaptBACnet(t *testing.T, in identified) map[string]any {
	got := asJSON(t, in)
	return map[string]any{
		"vendor_name":       got["vendor_name"],
		"model_name":        got["model_name"],
		"firmware_revision": got["firmware_revision"],
	}
}
