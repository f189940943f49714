package protocols_test

import (
	"encoding/json"
	"maps"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dice-engine/dice/protocols"
)

// holding is who holds a certificate or a key: pairs of protocol and address, sorted and distinct.
type holding struct {
	Kind    string      `json:"kind"`
	SHA256  string      `json:"sha256"`
	Holders [][2]string `json:"holders"`
}

// Reuse is found by the hashes of certificates and keys, whatever the form of their text, in all records that pass the
// filter. Here the holders are counted in memory, to compare the hashes.
func TestHoldersOfCertificatesAndKeys(t *testing.T) {
	side := sideCertificates(t)
	holders := map[[2]string]map[[2]string]bool{}
	for _, p := range protocols.All() {
		for _, v := range readVectors(t, p.Name) {
			got := identify(t, p, v)
			if !got.kept || v.IP == "" {
				continue
			}
			if p.Attach && side[v.IP] != "" {
				got.certificates = []string{side[v.IP]}
			}
			for _, text := range got.certificates {
				addHolder(holders, text, p.Chains, [2]string{p.Name, v.IP})
			}
		}
	}
	var want []holding
	for _, line := range readLines(t, "reuse.expected.jsonl") {
		var h holding
		if err := json.Unmarshal(line, &h); err != nil {
			t.Fatal(err)
		}
		want = append(want, h)
	}
	if len(want) != 196 {
		t.Errorf("%d expected holdings, want 196", len(want))
	}
	if diff := cmp.Diff(want, sortedHoldings(holders)); diff != "" {
		t.Errorf("want - got +\n%s", diff)
	}
}

func addHolder(holders map[[2]string]map[[2]string]bool, text string, chains bool, holder [2]string) {
	certificate, _, _ := protocols.ReadCertificate([]byte(text), chains)
	if certificate.Error != nil {
		return
	}
	keys := [][2]string{{"certificate", certificate.SHA256}}
	if certificate.SPKISHA256 != nil {
		keys = append(keys, [2]string{"key", *certificate.SPKISHA256})
	}
	for _, key := range keys {
		if holders[key] == nil {
			holders[key] = map[[2]string]bool{}
		}
		holders[key][holder] = true
	}
}

func sortedHoldings(holders map[[2]string]map[[2]string]bool) []holding {
	byPair := func(a, b [2]string) int { return slices.Compare(a[:], b[:]) }
	var sorted []holding
	for _, key := range slices.SortedFunc(maps.Keys(holders), byPair) {
		sorted = append(sorted, holding{key[0], key[1], slices.SortedFunc(maps.Keys(holders[key]), byPair)})
	}
	return sorted
}
