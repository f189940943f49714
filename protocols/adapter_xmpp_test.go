package protocols_test

import "testing"

func adaptXMPP(t *testing.T, in identified) map[string]any {
	t.Helper()
	form := asJSON(t, in)
	for _, name := range []string{"from", "version"} {
		delete(form, name)
	}
	if form["mechanisms"] == nil {
		form["mechanisms"] = []any{}
	}
	form["certificate"] = adaptLeaf(in)
	return form
}
