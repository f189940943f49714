package certtest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"net"
	"time"
)

// Generate makes certificates of every kind that the standard library can sign: keys, digests, dates at the borders,
// names that need escapes, extensions. They differ from run to run.
func Generate() ([][]byte, error) {
	keys, err := generateKeys()
	if err != nil {
		return nil, err
	}
	var all [][]byte
	add := func(template *x509.Certificate, key crypto.Signer) error {
		der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
		if err != nil {
			return fmt.Errorf("make certificate for %T with %v: %w", key, template.SignatureAlgorithm, err)
		}
		all = append(all, der)
		return nil
	}
	for _, key := range keys {
		for _, algorithm := range algorithms(key) {
			if err := add(template(func(c *x509.Certificate) { c.SignatureAlgorithm = algorithm }), key); err != nil {
				return nil, err
			}
		}
	}
	for _, change := range oddities() {
		if err := add(template(change), keys[len(keys)-1]); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// generateKeys makes one key of each kind, the cheapest one last.
func generateKeys() ([]crypto.Signer, error) {
	var keys []crypto.Signer
	for _, bits := range []int{1024, 1536, 2047, 2048} {
		key, err := rsa.GenerateKey(rand.Reader, bits)
		if err != nil {
			return nil, fmt.Errorf("make RSA key of %d bits: %w", bits, err)
		}
		keys = append(keys, key)
	}
	for _, curve := range []elliptic.Curve{elliptic.P224(), elliptic.P256(), elliptic.P384(), elliptic.P521()} {
		key, err := ecdsa.GenerateKey(curve, rand.Reader)
		if err != nil {
			return nil, fmt.Errorf("make key on %s: %w", curve.Params().Name, err)
		}
		keys = append(keys, key)
	}
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make Ed25519 key: %w", err)
	}
	return append(keys, key), nil
}

func algorithms(key crypto.Signer) []x509.SignatureAlgorithm {
	switch key.(type) {
	case *rsa.PrivateKey:
		return []x509.SignatureAlgorithm{
			x509.SHA1WithRSA, x509.SHA256WithRSA, x509.SHA384WithRSA, x509.SHA512WithRSA,
			x509.SHA256WithRSAPSS, x509.SHA384WithRSAPSS,
		}
	case *ecdsa.PrivateKey:
		return []x509.SignatureAlgorithm{x509.ECDSAWithSHA1, x509.ECDSAWithSHA256, x509.ECDSAWithSHA384, x509.ECDSAWithSHA512}
	}
	return []x509.SignatureAlgorithm{x509.PureEd25519}
}

func template(change func(*x509.Certificate)) *x509.Certificate {
	c := &x509.Certificate{
		SerialNumber: big.NewInt(1<<40 + 1),
		Subject:      pkix.Name{Country: []string{"CL"}, Organization: []string{"Acme Controls"}, CommonName: "plain"},
		NotBefore:    time.Date(2024, 2, 29, 9, 30, 0, 0, time.UTC),
		NotAfter:     time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC),
	}
	change(c)
	return c
}

func oddities() []func(*x509.Certificate) {
	day := func(year, month, day int) time.Time {
		return time.Date(year, time.Month(month), day, 23, 59, 59, 0, time.UTC)
	}
	return []func(*x509.Certificate){
		func(c *x509.Certificate) { c.NotBefore, c.NotAfter = day(1950, 1, 1), day(2049, 12, 31) },
		func(c *x509.Certificate) { c.NotBefore, c.NotAfter = day(2049, 12, 31), day(2050, 1, 1) },
		func(c *x509.Certificate) { c.NotAfter = day(9999, 12, 31) },
		func(c *x509.Certificate) { c.NotAfter = c.NotBefore },
		func(c *x509.Certificate) { c.NotAfter = c.NotBefore.Add(-time.Second) },
		func(c *x509.Certificate) { c.NotAfter = c.NotBefore.Add(7305 * 24 * time.Hour) },
		func(c *x509.Certificate) { c.NotAfter = c.NotBefore.Add(7305*24*time.Hour + time.Second) },
		func(c *x509.Certificate) { c.SerialNumber = new(big.Int).Lsh(big.NewInt(255), 150) },
		func(c *x509.Certificate) { c.SerialNumber = big.NewInt(128) },
		func(c *x509.Certificate) { c.Subject = pkix.Name{} },
		func(c *x509.Certificate) { c.Subject = pkix.Name{CommonName: ` a,b+c"d\e<f>g;h `} },
		func(c *x509.Certificate) { c.Subject = pkix.Name{CommonName: "#1 Größe 電\x00"} },
		func(c *x509.Certificate) {
			c.Subject = pkix.Name{
				CommonName: "all", SerialNumber: "7", Locality: []string{"Arica"}, Province: []string{"XV"},
				OrganizationalUnit: []string{"a", "b"}, StreetAddress: []string{"1 Main"}, PostalCode: []string{"100"},
			}
		},
		func(c *x509.Certificate) {
			c.DNSNames, c.IPAddresses = []string{"plc.example"}, []net.IP{net.IPv4(192, 0, 2, 1)}
			c.IsCA, c.BasicConstraintsValid, c.KeyUsage = true, true, x509.KeyUsageCertSign
			c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
		},
	}
}
