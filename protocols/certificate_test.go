package protocols_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/hex"
	"math/big"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/dice-engine/dice/internal/certtest"
	"github.com/dice-engine/dice/internal/tape"
	"github.com/dice-engine/dice/protocols"
)

// certificateOf makes an Ed25519 certificate with these dates and returns its DER.
func certificateOf(t testing.TB, from, to time.Time) []byte {
	t.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(255), Subject: pkix.Name{CommonName: "x"}, NotBefore: from, NotAfter: to}
	der, err := x509.CreateCertificate(rand.Reader, c, c, public, private)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func TestReadCertificate(t *testing.T) {
	from, to := time.Date(2024, 1, 2, 3, 4, 5, 0, time.UTC), time.Date(2025, 1, 2, 3, 4, 5, 0, time.UTC)
	der := certificateOf(t, from, to)
	got, _, labels := protocols.ReadCertificate([]byte(base64.StdEncoding.EncodeToString(der)), false)
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	want := protocols.Certificate{
		SHA256: sum(der), SPKISHA256: ptr(sum(parsed.RawSubjectPublicKeyInfo)), Subject: ptr("CN=x"), Issuer: ptr("CN=x"),
		Serial: ptr("ff"), NotBefore: ptr(tape.Time(from.UnixMicro())), NotAfter: ptr(tape.Time(to.UnixMicro())),
		SignatureAlgorithm: ptr("Ed25519"), KeyAlgorithm: ptr("Ed25519"), SelfSigned: ptr(true),
	}
	if diff := cmp.Diff(want, got); diff != "" || len(labels) > 0 {
		t.Errorf("labels %q, want - got +\n%s", labels, diff)
	}
	var back protocols.Certificate
	shape := tape.Of[protocols.Certificate]()
	if tape.Decode(shape, tape.Append(shape, nil, &got), &back); !cmp.Equal(got, back) {
		t.Errorf("from its tape: %+v", back)
	}
}

func ptr[T any](v T) *T { return &v }

func TestCertificateMalformed(t *testing.T) {
	der := certificateOf(t, time.Unix(0, 0), time.Unix(9, 0))
	text := base64.StdEncoding.EncodeToString
	for name, c := range map[string]struct {
		text   string
		chains bool
		hashed []byte // nil where the certificate can be read
	}{
		"whole":                 {text(der), false, nil},
		"octets":                {string(der), false, nil},
		"chain":                 {text(bytes.Repeat(der, 3)), true, nil},
		"chain elsewhere":       {text(bytes.Repeat(der, 2)), false, bytes.Repeat(der, 2)},
		"cut issuer":            {text(slices.Concat(der, der[:9])), true, slices.Concat(der, der[:9])},
		"zero after":            {text(append(der[:len(der):len(der)], 0)), true, append(der[:len(der):len(der)], 0)},
		"cut":                   {text(der[:40]), false, der[:40]},
		"empty sequence":        {"MAA=", true, []byte{0x30, 0}},
		"not base64":            {"<certificate/>", false, []byte("<certificate/>")},
		"padding missing":       {"MIIBAAA", false, []byte("MIIBAAA")},
		"blank":                 {" " + text(der), false, []byte(" " + text(der))},
		"nothing but line ends": {"\r\n", false, []byte{}},
	} {
		got, _, labels := protocols.ReadCertificate([]byte(c.text), c.chains)
		if c.hashed == nil {
			if got.Error != nil || got.SHA256 != sum(der) {
				t.Errorf("%s: %+v", name, got)
			}
			continue
		}
		digest := sha256.Sum256(c.hashed)
		if got.Error == nil || got.SHA256 != hex.EncodeToString(digest[:]) || !slices.Equal(labels, []string{"certificate:malformed"}) {
			t.Errorf("%s: %+v, labels %q", name, got, labels)
		}
		if want := (protocols.Certificate{SHA256: got.SHA256, Error: got.Error}); got != want {
			t.Errorf("%s: more is known of it: %+v", name, got)
		}
	}
}

func TestCertificateValidity(t *testing.T) {
	from := time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)
	const day = 24 * time.Hour
	for _, c := range []struct {
		name   string
		length time.Duration // of the validity
		seen   time.Duration // after its start
		want   []string
	}{
		{"at the start", day, 0, nil},
		{"before the start", day, -time.Microsecond, []string{"certificate:validity:future"}},
		{"at the end", day, day, nil},
		{"after the end", day, day + time.Microsecond, []string{"certificate:validity:expired"}},
		{"20 years", 7305 * day, 0, nil},
		{"longer", 7305*day + time.Second, 0, []string{"certificate:validity:long-lasting"}},
		{"no time at all", 0, 0, []string{"certificate:validity:negative"}},
		{"one second", time.Second, 0, nil},
		{"backwards", -2 * day, -day, []string{"certificate:validity:expired", "certificate:validity:future", "certificate:validity:negative"}},
	} {
		_, facts, labels := protocols.ReadCertificate(certificateOf(t, from, from.Add(c.length)), false)
		labels = append(facts.AppendLabelsAt(nil, from.Add(c.seen).UnixMicro()), labels...)
		if !slices.Equal(labels, c.want) {
			t.Errorf("%s: %q, want %q", c.name, labels, c.want)
		}
	}
}

// BenchmarkCertificateReader reads the certificates of the vectors in turn, from base64.
func BenchmarkCertificateReader(b *testing.B) {
	ders, err := certtest.Vectors(filepath.Join("..", "testdata", "conformance"))
	if err != nil {
		b.Fatal(err)
	}
	var texts [][]byte
	for _, der := range ders {
		texts = append(texts, []byte(base64.StdEncoding.EncodeToString(der)))
	}
	var r protocols.CertificateReader
	var octets []byte
	var labels []string
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		octets, labels, _ = r.Append(octets[:0], labels[:0], texts[i%len(texts)], false)
	}
}

// FuzzReadCertificate compares each input with crypto/x509 and looks at what must hold of every answer.
func FuzzReadCertificate(f *testing.F) {
	for _, seed := range oracleSeeds(f) {
		f.Add(seed, false)
	}
	for _, chains := range []bool{false, true} {
		f.Add([]byte("-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----"), chains)
		f.Add([]byte("MAA="), chains)
	}
	f.Fuzz(func(t *testing.T, text []byte, chains bool) {
		before := bytes.Clone(text)
		c, _, labels := protocols.ReadCertificate(text, chains)
		if !bytes.Equal(text, before) {
			t.Error("the text was changed")
		}
		if (c.Error != nil) != slices.Equal(labels, []string{protocols.CertificateMalformed}) || !slices.IsSorted(labels) {
			t.Errorf("error %v, labels %q", c.Error, labels)
		}
		if c.Error == nil && (c.SPKISHA256 == nil || c.NotBefore == nil || c.NotAfter == nil || c.SelfSigned == nil) {
			t.Errorf("a certificate without key, dates or names: %+v", c)
		}
		checkTape(t, text, chains, &c)
		checkCertificate(t, string(text), chains)
		compareWithStandard(t, text)
	})
}

// checkTape wants of a reader that has read before the tape that the values have, and of the tape the same facts.
func checkTape(t *testing.T, text []byte, chains bool, want *protocols.Certificate) {
	t.Helper()
	var r protocols.CertificateReader
	r.Append(nil, nil, bytes.Repeat([]byte("MIIBAAA"), 40), true)
	_, _, before := r.Append(nil, nil, text, !chains)
	got, labels, facts := r.Append([]byte("what stands before"), []string{"a label"}, text, chains)
	got, found := bytes.CutPrefix(got, []byte("what stands before"))
	if shape := tape.Of[protocols.Certificate](); !found || !bytes.Equal(got, tape.Append(shape, nil, want)) {
		t.Errorf("tape %x of %+v", got, want)
	}
	if facts.Readable != (want.Error == nil) || hex.EncodeToString(facts.SHA256[:]) != want.SHA256 {
		t.Errorf("facts %+v of %+v", facts, want)
	}
	if facts.Readable && (!bytes.HasPrefix(got, facts.AppendHashes(nil)) || facts.NotBefore != int64(*want.NotBefore) || facts.NotAfter != int64(*want.NotAfter)) {
		t.Errorf("facts %+v of %+v, tape %x", facts, want, got)
	}
	if labels[0] != "a label" || before.Readable && facts.Readable && before != facts {
		t.Errorf("facts %+v, %+v before, labels %q", facts, before, labels)
	}
}
