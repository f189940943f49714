package protocols_test

import (
	"crypto/dsa"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/dice-engine/dice/internal/certtest"
	"github.com/dice-engine/dice/protocols"
)

// facts are what two readers of a certificate must agree on.
type facts struct {
	SHA256, SPKI, Serial, Before, After, Key string
	Bits                                     int64 // -1 where the key has none
	SelfSigned                               bool
	Labels                                   []string
	Subject                                  string // where it holds no characters that readers write differently
}

// oracleSeeds are the certificates of the vectors and freshly made ones.
func oracleSeeds(t testing.TB) [][]byte {
	t.Helper()
	seeds, err := certtest.Vectors(filepath.Join("..", "testdata", "conformance"))
	if err != nil {
		t.Fatal(err)
	}
	made, err := certtest.Generate()
	if err != nil {
		t.Fatal(err)
	}
	return append(seeds, made...)
}

// TestReadCertificateAgreesWithTheStandardLibrary compares the two readers on whole and on damaged certificates. Where
// crypto/x509 reads one, all facts must be the same; where it refuses one, ours may still read it.
func TestReadCertificateAgreesWithTheStandardLibrary(t *testing.T) {
	const mutations = 200
	r := rand.New(rand.NewPCG(1, 2))
	whole, agreed, ours := 0, 0, 0
	for _, seed := range oracleSeeds(t) {
		both, _ := compareWithStandard(t, seed)
		whole += both
		for range mutations {
			both, lenient := compareWithStandard(t, certtest.Mutate(seed, r))
			agreed, ours = agreed+both, ours+lenient
		}
	}
	t.Logf("agreed on %d whole and %d damaged certificates, read %d that it refuses", whole, agreed, ours)
	if whole < 100 || agreed < 5000 || ours < 500 {
		t.Errorf("agreed on %d whole and %d damaged, read %d more: too few for a comparison", whole, agreed, ours)
	}
}

// compareWithStandard says whether both read the certificate, and whether only ours did.
func compareWithStandard(t *testing.T, der []byte) (both, lenient int) {
	t.Helper()
	if len(der) < 2 || der[0] != 0x30 || der[1] < 0x80 {
		return 0, 0 // not taken for DER but for text
	}
	want, err := x509.ParseCertificate(der)
	got, _, labels := protocols.ReadCertificate(der, false)
	if got.Error != nil {
		if err == nil {
			t.Errorf("refused (%s), but crypto/x509 reads %x", *got.Error, der)
		}
		return 0, 0
	}
	if err != nil {
		return 0, 1
	}
	if diff := cmp.Diff(standardFacts(want), factsOf(&got, labels, want)); diff != "" {
		t.Errorf("%x: crypto/x509 - ours +\n%s", der, diff)
	}
	return 1, 0
}

// factsOf are ours, without those that the other reader does not know of this certificate.
func factsOf(c *protocols.Certificate, labels []string, want *x509.Certificate) facts {
	f := facts{
		SHA256: c.SHA256, SPKI: *c.SPKISHA256, Serial: *c.Serial, Before: at(int64(*c.NotBefore)), After: at(int64(*c.NotAfter)),
		Bits: -1, SelfSigned: *c.SelfSigned,
	}
	if want.PublicKey != nil {
		f.Key = *c.KeyAlgorithm
		if c.KeyBits != nil {
			f.Bits = *c.KeyBits
		}
	}
	if plainName(want) {
		f.Subject = *c.Subject
	}
	for _, label := range labels {
		ofSignature := label == protocols.CertificateHashWeak
		ofKey := label == protocols.CertificateEncryptionWeak || label == protocols.CertificateKeyShort
		if ofSignature && want.SignatureAlgorithm == x509.UnknownSignatureAlgorithm || ofKey && want.PublicKey == nil {
			continue
		}
		f.Labels = append(f.Labels, label)
	}
	return f
}

func at(unixMicro int64) string { return time.UnixMicro(unixMicro).UTC().Format(time.RFC3339Nano) }

func standardFacts(c *x509.Certificate) facts {
	key, bits := standardKey(c.PublicKey)
	f := facts{
		SHA256: sum(c.Raw), SPKI: sum(c.RawSubjectPublicKeyInfo), Before: c.NotBefore.UTC().Format(time.RFC3339Nano),
		After: c.NotAfter.UTC().Format(time.RFC3339Nano), Serial: evenHex(c.SerialNumber.Text(16)), Key: key, Bits: bits,
		SelfSigned: string(c.RawSubject) == string(c.RawIssuer), Labels: standardLabels(c, bits),
	}
	if plainName(c) {
		f.Subject = c.Subject.String()
	}
	return f
}

func sum(octets []byte) string {
	s := sha256.Sum256(octets)
	return hex.EncodeToString(s[:])
}

// evenHex gives each octet two digits.
func evenHex(text string) string {
	digits, negative := strings.CutPrefix(text, "-")
	if len(digits)%2 == 1 {
		digits = "0" + digits
	}
	if negative {
		return "-" + digits
	}
	return digits
}

func standardKey(key any) (name string, bits int64) {
	switch key := key.(type) {
	case *rsa.PublicKey:
		return "RSA", int64(key.N.BitLen())
	case *dsa.PublicKey:
		return "DSA", int64(key.P.BitLen())
	case *ecdsa.PublicKey:
		return "EC", int64(key.Curve.Params().BitSize)
	case ed25519.PublicKey:
		return "Ed25519", -1
	case *ecdh.PublicKey:
		return fmt.Sprint(key.Curve()), -1
	}
	return "", -1
}

// standardLabels gives the labels that do not depend on time, from what crypto/x509 knows.
func standardLabels(c *x509.Certificate, bits int64) []string {
	var labels []string
	key, isRSA := c.PublicKey.(*rsa.PublicKey)
	if c.PublicKeyAlgorithm == x509.DSA || isRSA && (bits < 1024 || key.E < 3 || key.E%2 == 0) {
		labels = append(labels, protocols.CertificateEncryptionWeak)
	}
	switch c.SignatureAlgorithm {
	case x509.MD2WithRSA, x509.MD5WithRSA, x509.SHA1WithRSA, x509.DSAWithSHA1, x509.ECDSAWithSHA1:
		labels = append(labels, protocols.CertificateHashWeak)
	}
	if bits >= 0 && (c.PublicKeyAlgorithm == x509.ECDSA && bits < 224 || c.PublicKeyAlgorithm != x509.ECDSA && bits < 2048) {
		labels = append(labels, protocols.CertificateKeyShort)
	}
	if c.NotAfter.After(c.NotBefore.Add(7305 * 24 * time.Hour)) {
		labels = append(labels, protocols.CertificateLongLasting)
	}
	if !c.NotAfter.After(c.NotBefore) {
		labels = append(labels, protocols.CertificateNegative)
	}
	return labels
}

// plainName says whether the subject's attributes have one spelling only: those that RFC 4514 names, once each, in order
// of crypto/x509, with printing characters that need no escape.
func plainName(c *x509.Certificate) bool {
	name := c.Subject
	if len(name.Names) == 0 || c.Subject.SerialNumber != "" || len(c.Subject.PostalCode) > 0 {
		return false
	}
	kinds := map[string]bool{}
	for _, attribute := range name.Names {
		value, ok := attribute.Value.(string)
		kind := attribute.Type.String()
		if !ok || value == "" || kinds[kind] || !slices.Contains([]string{"2.5.4.3", "2.5.4.6", "2.5.4.10", "2.5.4.11"}, kind) {
			return false
		}
		if strings.ContainsFunc(value, func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune(`#,+"\<>;=`, r) }) {
			return false
		}
		kinds[kind] = true
	}
	return true
}
