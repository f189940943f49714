package protocols_test

import (
	"bytes"
	"encoding/json"
	"slices"
	"testing"

	"github.com/dice-engine/dice/internal/tape"
	"github.com/dice-engine/dice/internal/tape/tapetest"
	"github.com/dice-engine/dice/protocols"
)

// FuzzIdentify lets any JSON stand for a scanner's result, of any protocol of the registry. All vectors are seeds.
func FuzzIdentify(f *testing.F) {
	registry := protocols.All()
	for file := range vectorRows {
		for _, v := range readVectors(f, file) {
			index := slices.IndexFunc(registry, func(p *protocols.Protocol) bool { return p.Name == v.Protocol })
			if index >= 0 {
				f.Add(uint(index), v.Response.Status == "success", v.result())
			}
		}
	}
	f.Fuzz(func(t *testing.T, index uint, success bool, result []byte) {
		p := registry[index%uint(len(registry))]
		in, certificates, err := tapetest.FromJSON(p.Input, result)
		if err != nil {
			return
		}
		checkAnswer(t, p, success, in)
		for _, text := range certificates {
			checkCertificate(t, text, p.Chains)
		}
	})
}

// checkAnswer asks twice and looks at what must hold of every answer.
func checkAnswer(t *testing.T, p *protocols.Protocol, success bool, in []byte) {
	t.Helper()
	fingerprint, labels, kept, err := p.Identify(success, in, nil)
	if err != nil {
		t.Fatal(err)
	}
	if !kept {
		if len(fingerprint) != 0 || len(labels) != 0 {
			t.Errorf("not kept, and yet %x %q", fingerprint, labels)
		}
		return
	}
	again, labelsAgain, _, _ := p.Identify(success, in, nil)
	if !bytes.Equal(fingerprint, again) || !slices.Equal(labels, labelsAgain) {
		t.Errorf("two answers: %x %q and %x %q", fingerprint, labels, again, labelsAgain)
	}
	for _, label := range labels {
		if !described(p, label) {
			t.Errorf("label %q is not in the table of %s", label, p.Name)
		}
	}
	if text := tape.AppendJSON(p.Output, nil, fingerprint); !json.Valid(text) {
		t.Errorf("fingerprint is not JSON: %s", text)
	}
}

// checkCertificate reads a certificate's text and looks whether its labels are in the table.
func checkCertificate(t *testing.T, text string, chains bool) {
	t.Helper()
	for _, label := range certificateLabels(text, chains, 0, true) {
		if !slices.ContainsFunc(protocols.CertificateLabels(), func(l protocols.Label) bool { return l.Matches(label) }) {
			t.Errorf("label %q is not in the table of certificates", label)
		}
	}
}
