package protocols_test

import "testing"

// adaptRTPS has nothing to do: the names are the same.
func adaptRTPS(t *testing.T, in identified) map[string]any { return asJSON(t, in) }
