// Package certtest has certificates for tests: those of the conformance vectors, freshly made ones that are odd but valid,
// and damaged copies of any. What a reader of certificates makes of them is then compared with other readers.
package certtest

import (
	"bytes"
	"encoding/asn1"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
)

// Vectors returns the certificates in the vectors of a folder, each once, issuers of chains included. Texts that hold no
// ASN.1 value are left out.
func Vectors(dir string) ([][]byte, error) {
	var all [][]byte
	seen := map[string]bool{}
	for _, name := range []string{"mqtt.jsonl", "opcua.jsonl", "xmpp-certificates.jsonl"} {
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			return nil, fmt.Errorf("read vectors: %w", err)
		}
		for line := range bytes.Lines(text) {
			var v any
			if err := json.Unmarshal(line, &v); err != nil {
				return nil, fmt.Errorf("read vectors %s: %w", name, err)
			}
			for _, der := range certificatesIn(v) {
				if !seen[string(der)] {
					seen[string(der)] = true
					all = append(all, der)
				}
			}
		}
	}
	return all, nil
}

// certificatesIn finds the certificates in a JSON value by the names of members.
func certificatesIn(v any) (found [][]byte) {
	switch v := v.(type) {
	case []any:
		for _, element := range v {
			found = append(found, certificatesIn(element)...)
		}
	case map[string]any:
		for name, member := range v {
			if !strings.Contains(strings.ToLower(name), "certificate") {
				found = append(found, certificatesIn(member)...)
				continue
			}
			list, ok := member.([]any)
			if !ok {
				list = []any{member}
			}
			for _, text := range list {
				if text, ok := text.(string); ok {
					found = append(found, split(decode(text))...)
				}
			}
		}
	}
	return found
}

// decode takes the base64 lines of a text.
func decode(text string) []byte {
	var body strings.Builder
	for line := range strings.Lines(text) {
		if !strings.ContainsAny(line, "- ") {
			body.WriteString(strings.TrimSpace(line))
		}
	}
	der, err := base64.StdEncoding.DecodeString(body.String())
	if err != nil {
		return nil
	}
	return der
}

// split takes apart what stands DER after DER, and keeps the rest as it is.
func split(der []byte) (parts [][]byte) {
	for len(der) > 0 {
		var value asn1.RawValue
		rest, err := asn1.Unmarshal(der, &value)
		if err != nil {
			return append(parts, der)
		}
		parts, der = append(parts, value.FullBytes), rest
	}
	return parts
}

// Mutate returns a damaged copy: an octet changed, a run of octets cut, doubled or zeroed, the end cut, or something put after it.
func Mutate(der []byte, r *rand.Rand) []byte {
	bad := bytes.Clone(der)
	if len(bad) == 0 {
		return bad
	}
	at := r.IntN(len(bad))
	run := min(1+r.IntN(8), len(bad)-at)
	switch r.IntN(8) {
	case 0:
		return bad[:at]
	case 1:
		return append(bad, byte(r.Uint32()))
	case 2:
		return append(bad[:at], bad[at+run:]...)
	case 3:
		return append(bad[:at+run], der[at:]...)
	case 4:
		clear(bad[at : at+run])
	case 5:
		bad[at] = byte(r.Uint32())
	default:
		bad[at] ^= 1 << r.IntN(8)
	}
	return bad
}
