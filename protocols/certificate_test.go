package protocols_test

import (
	"encoding/json"
	"maps"
	"slices"
	"testing"

	"github.com/dice-engine/dice/protocols"
)

// vectorCertificates are the distinct certificate texts of the vectors, those of OPC UA under true.
func vectorCertificates(t testing.TB) map[bool][]string {
	t.Helper()
	found := map[bool]map[string]bool{true: {}, false: {}}
	for _, v := range readVectors(t, "mqtt") {
		var line struct{ Certificate []*string }
		if json.Unmarshal(v.result(), &line) == nil {
			for _, text := range line.Certificate {
				if text != nil {
					found[false][*text] = true
				}
			}
		}
	}
	for _, v := range readVectors(t, "opcua") {
		var line struct {
			Endpoints []*struct{ ServerCertificate string }
		}
		if json.Unmarshal(v.result(), &line) == nil {
			for _, e := range line.Endpoints {
				if e != nil {
					found[true][e.ServerCertificate] = true
				}
			}
		}
	}
	for _, text := range sideCertificates(t) {
		found[false][text] = true
	}
	texts := map[bool][]string{}
	for chains, set := range found {
		delete(set, "")
		texts[chains] = slices.Sorted(maps.Keys(set))
	}
	return texts
}

// labelsOfCertificate gives all labels of one text that the vectors know.
func labelsOfCertificate(text string, chains bool, unixMicro int64, timed bool) []string {
	c, labels := protocols.ReadCertificate([]byte(text), chains)
	if timed {
		labels = append(labels, c.LabelsAt(unixMicro)...)
	}
	return labels
}
