package protocols_test

import "testing"

// adaptModbus keeps the three objects that the notebook reads; it calls the revision a version.
func adaptModbus(t *testing.T, in identified) map[string]any {
	got := asJSON(t, in)
	return map[string]any{"vendor": got["vendor"], "product_code": got["product_code"], "version": got["revision"]}
}
