package oracle

import (
	"crypto/rsa"
	"crypto/sha256"
	"encoding/asn1"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/zmap/zcrypto/dsa"
	"github.com/zmap/zcrypto/x509"

	"github.com/dice-engine/dice/internal/certtest"
	"github.com/dice-engine/dice/protocols"
)

// facts are what the readers must agree on.
type facts struct {
	SHA256, SPKI, Serial, Before, After string
	Bits                                int64 // of an RSA or DSA key; 0 for others
	SelfSigned, WeakHash                bool
}

func TestReadCertificateAgreesWithZCrypto(t *testing.T) {
	seeds, err := certtest.Vectors(filepath.Join("..", "..", "testdata", "conformance"))
	if err != nil {
		t.Fatal(err)
	}
	made, err := certtest.Generate()
	if err != nil {
		t.Fatal(err)
	}
	const mutations = 300 // zcrypto checks self-signatures and is slow
	r := rand.New(rand.NewPCG(3, 4))
	whole, damaged, ours := 0, 0, 0
	for _, seed := range append(seeds, made...) {
		both, _ := compare(t, seed)
		whole += both
		for range mutations {
			both, lenient := compare(t, certtest.Mutate(seed, r))
			damaged, ours = damaged+both, ours+lenient
		}
	}
	t.Logf("agreed on %d whole and %d damaged certificates, read %d that it refuses", whole, damaged, ours)
	if whole < 100 || damaged < 1000 {
		t.Errorf("agreed on %d whole and %d damaged: too few for a comparison", whole, damaged)
	}
}

// compare says whether both read the certificate, and whether only ours did.
func compare(t *testing.T, der []byte) (both, lenient int) {
	t.Helper()
	if len(der) < 2 || der[0] != 0x30 || der[1] < 0x80 {
		return 0, 0 // not taken for DER but for text
	}
	want, err := read(der)
	got, _, labels := protocols.ReadCertificate(der, false)
	if got.Error != nil {
		if err == nil {
			t.Errorf("refused (%s), but zcrypto reads %x", *got.Error, der)
		}
		return 0, 0
	}
	if err != nil {
		return 0, 1
	}
	if diff := cmp.Diff(theirs(want), ours(&got, labels, want)); diff != "" {
		t.Errorf("%x: zcrypto - ours +\n%s", der, diff)
	}
	return 1, 0
}

// read counts a panic as a refusal: zcrypto checks self-signatures with Ed25519 keys of a wrong length.
func read(der []byte) (c *x509.Certificate, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("zcrypto panicked: %v", r)
		}
	}()
	return x509.ParseCertificate(der)
}

func ours(c *protocols.Certificate, labels []string, want *x509.Certificate) facts {
	at := func(micro int64) string { return time.UnixMicro(micro).UTC().Format(time.RFC3339Nano) }
	f := facts{
		SHA256: c.SHA256, SPKI: *c.SPKISHA256, Serial: *c.Serial, Before: at(int64(*c.NotBefore)), After: at(int64(*c.NotAfter)),
		SelfSigned: *c.SelfSigned,
	}
	if bits(want.PublicKey) != 0 && c.KeyBits != nil {
		f.Bits = *c.KeyBits
	}
	f.WeakHash = judgesHash(want) && slices.Contains(labels, protocols.CertificateHashWeak)
	return f
}

// judgesHash says whether zcrypto knows the algorithm. It looks at the inner of the two, ours at the outer one.
func judgesHash(c *x509.Certificate) bool {
	var whole struct {
		Body struct {
			Version   int `asn1:"optional,explicit,default:0,tag:0"`
			Serial    asn1.RawValue
			Algorithm asn1.RawValue
		}
		Algorithm asn1.RawValue
	}
	if _, err := asn1.Unmarshal(c.Raw, &whole); err != nil {
		return false
	}
	return c.SignatureAlgorithm != x509.UnknownSignatureAlgorithm &&
		string(whole.Body.Algorithm.FullBytes) == string(whole.Algorithm.FullBytes)
}

func theirs(c *x509.Certificate) facts {
	at := func(when time.Time) string { return when.UTC().Format(time.RFC3339Nano) }
	f := facts{
		SHA256: sum(c.Raw), SPKI: sum(c.RawSubjectPublicKeyInfo), Serial: serial(c.SerialNumber.Text(16)),
		Before: at(c.NotBefore), After: at(c.NotAfter), Bits: bits(c.PublicKey),
		SelfSigned: string(c.RawSubject) == string(c.RawIssuer),
	}
	switch c.SignatureAlgorithm {
	case x509.MD2WithRSA, x509.MD5WithRSA, x509.SHA1WithRSA, x509.DSAWithSHA1, x509.ECDSAWithSHA1:
		f.WeakHash = judgesHash(c)
	}
	return f
}

func bits(key any) int64 {
	switch key := key.(type) {
	case *rsa.PublicKey:
		return int64(key.N.BitLen())
	case *dsa.PublicKey:
		return int64(key.P.BitLen())
	}
	return 0
}

func sum(octets []byte) string {
	s := sha256.Sum256(octets)
	return hex.EncodeToString(s[:])
}

// serial gives each octet two digits.
func serial(digits string) string {
	sign := ""
	if digits[0] == '-' {
		sign, digits = "-", digits[1:]
	}
	if len(digits)%2 == 1 {
		digits = "0" + digits
	}
	return sign + digits
}
