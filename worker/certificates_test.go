package worker

import (
	"bytes"
	"encoding/base64"
	"path/filepath"
	"strings"
	"testing"

	"github.com/dice-engine/dice/internal/certtest"
	"github.com/dice-engine/dice/protocols"
)

// TestCertificateKey: what has one key in a segment is one certificate in all that is known of it.
func TestCertificateKey(t *testing.T) {
	ders, err := certtest.Vectors(filepath.Join("..", "testdata", "conformance"))
	if err != nil {
		t.Fatal(err)
	}
	var r certificateReader
	known := newMemo[*certificate](memoBytes)
	texts := []string{"MAA=", "\x30\x00", "0\x00", "MA A=", "<>", "PD4="}
	for _, der := range ders[:10] {
		line := base64.StdEncoding.EncodeToString(der)
		texts = append(texts, line, "-----BEGIN CERTIFICATE-----\n"+line+"\n-----END CERTIFICATE-----\n", string(der))
		c := r.read(known, []byte(line), false)
		texts = append(texts, string(c.appendKey(nil, nil)), string(c.SHA256[:])) // forged
	}
	byKey := map[string]*certificate{}
	same := 0
	for _, text := range texts {
		c := r.read(known, []byte(text), false)
		key := string(c.appendKey(nil, []byte(text)))
		if before := byKey[key]; before != nil && (!bytes.Equal(before.tape, c.tape) || before.labels != c.labels) {
			t.Errorf("%q has the key of another certificate", text)
		} else if before != nil {
			same++
		}
		byKey[key] = c
	}
	if same < 20 { // PEM and DER
		t.Errorf("%d texts had a key that was there before, want 20 at least", same)
	}
}

// TestPayload: a side table's certificate comes out as it went in, and damage is an error.
func TestPayload(t *testing.T) {
	ders, err := certtest.Vectors(filepath.Join("..", "testdata", "conformance"))
	if err != nil {
		t.Fatal(err)
	}
	var r certificateReader
	var got certificate
	for _, text := range []string{"MAA=", base64.StdEncoding.EncodeToString([]byte("no certificate")), string(ders[0]), "0", string(ders[1])} {
		c := r.read(newMemo[*certificate](memoBytes), []byte(text), false)
		p := c.appendPayload(nil)
		err := got.setPayload(p)
		facts := c.CertificateFacts
		if !facts.Readable {
			facts = protocols.CertificateFacts{}
		}
		if err != nil || !bytes.Equal(got.tape, c.tape) || got.labels != c.labels || got.CertificateFacts != facts {
			t.Errorf("%q: %+v, %v, want %+v", text, got, err, c)
		}
		sha, key, ok, err := describe(p)
		if err != nil || ok != c.Readable || ok && (sha != c.SHA256 || key != c.SPKISHA256) {
			t.Errorf("%q: %x, %x, %t, %v, want %+v", text, sha, key, ok, err, c)
		}
	}
	for _, damaged := range []string{"", "\x00", "\x00\x00", "\x00\x05abc", "\x00\xff\xff", "\x01", "\x02\x01a", "\x01" + strings.Repeat("a", 80), "\x01" + strings.Repeat("a", 79) + "\x01\x05abc"} {
		if err := got.setPayload([]byte(damaged)); err == nil {
			t.Errorf("%q is %+v", damaged, got)
		}
	}
}
