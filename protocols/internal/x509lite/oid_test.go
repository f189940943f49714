package x509lite

import "testing"

// TestTables: every declared identifier is found by its usual encoding and by a padded one.
func TestTables(t *testing.T) {
	for oid, want := range shortNames.dotted {
		inTable(t, shortNames, oid, want)
	}
	for oid, want := range keyNames.dotted {
		inTable(t, keyNames, oid, want)
	}
	for oid, want := range curveBits.dotted {
		inTable(t, curveBits, oid, want)
	}
	for oid, want := range signatures.dotted {
		inTable(t, signatures, oid, want)
	}
	for oid, want := range digestNames.dotted {
		inTable(t, digestNames, oid, want)
	}
	if name, known := shortNames.find([]byte{0x55, 0x04}); known {
		t.Errorf("half an identifier is %q", name)
	}
}

func inTable[T comparable](t *testing.T, all table[T], oid string, want T) {
	t.Helper()
	body := encodeOID(oid)
	if back := dotted(body); back != oid {
		t.Errorf("%s is encoded as %x, which is %s", oid, body, back)
	}
	last := len(body) - 1
	for last > 0 && body[last-1]&0x80 != 0 {
		last--
	}
	padded := append(append(body[:last:last], 0x80), body[last:]...)
	for _, b := range [][]byte{body, padded} {
		if got, known := all.find(b); !known || got != want {
			t.Errorf("%s as %x: %v, want %v", oid, b, got, want)
		}
	}
}

func TestAppendOID(t *testing.T) {
	for body, want := range map[string]string{
		"\x2a\x86\x48\x86\xf7\x0d": "1.2.840.113549",
		"\x55\x04\x03":             "2.5.4.3",
		"\x00":                     "0.0",
		"\x27":                     "0.39",
		"\x28":                     "1.0",
		"\x4f":                     "1.39",
		"\x50":                     "2.0",
		"\x88\x37":                 "2.999",
		"\x69\x81\x80\x80\x80\x80\x80\x80\x80\x80\x80\x00": "2.25.1180591620717411303424",
		"\x81\x80\x80\x80\x80\x80\x80\x80\x80\x80\x00":     "2.1180591620717411303344",
		"": "", "\x80": "", "\x2a\xff": "",
	} {
		got := string(appendOID(nil, []byte(body)))
		if got != want {
			t.Errorf("%x: got %q, want %q", body, got, want)
		}
	}
}
