package store_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/dice-engine/dice/internal/servertest"
	"github.com/dice-engine/dice/internal/store"
)

// TestS3EndpointOfTheEnvironment is held to what one in the URL is held to.
func TestS3EndpointOfTheEnvironment(t *testing.T) {
	loc, err := store.Parse("s3://b")
	check(t, err)
	for _, endpoint := range []string{
		"http://AKIA:hush@127.0.0.1:1", "http://AKIA:hu/hush@127.0.0.1:1", "http://%zz:hush@host", "127.0.0.1:9000", "localhost", "ftp://hush",
	} {
		servertest.SetEnv(t, []string{"AWS_ACCESS_KEY_ID=a", "AWS_SECRET_ACCESS_KEY=b", "AWS_ENDPOINT_URL_S3=" + endpoint})
		_, err := store.Dial(t.Context(), loc, store.Config{})
		if err == nil || !strings.Contains(err.Error(), "AWS_ENDPOINT_URL_S3") || strings.Contains(err.Error(), "hush") {
			t.Errorf("%s: got %v, want an error that names the variable and not its value", endpoint, err)
		}
	}
}

// expired returns a server's certificate whose time is over, and the same as PEM.
func expired(t *testing.T) (tls.Certificate, string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Unix(0, 0), NotAfter: time.Unix(1, 0), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	check(t, err)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, bundle(der)
}

func bundle(der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

// silent is a server that keeps failed handshakes to itself.
func silent(t *testing.T) *httptest.Server {
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) }))
	srv.Config.ErrorLog = log.New(io.Discard, "", 0)
	t.Cleanup(srv.Close)
	return srv
}

// TestS3NeverReached: what would hinder every request is not tried for minutes.
func TestS3NeverReached(t *testing.T) {
	plain, encrypted, old := silent(t), silent(t), silent(t)
	certificate, oldBundle := expired(t)
	old.TLS = &tls.Config{Certificates: []tls.Certificate{certificate}}
	plain.Start()
	encrypted.StartTLS()
	old.StartTLS()
	known := bundle(encrypted.Certificate().Raw)
	otherName := strings.Replace(encrypted.URL, "127.0.0.1", "localhost", 1)
	for _, tt := range []struct{ name, location, authorities, want string }{
		{"unknown authority", "s3://b?endpoint=" + encrypted.URL, "", "AWS_CA_BUNDLE"},
		{"another host", "s3://b?endpoint=" + otherName, known, "for other hosts"},
		{"expired", "s3://b?endpoint=" + old.URL, oldBundle, "expired"},
		{"no TLS", "s3://b?endpoint=" + strings.Replace(plain.URL, "http", "https", 1), "", "http://"},
		{"no address", "s3://arn:x?endpoint=" + plain.URL, "", "endpoint"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			servertest.SetEnv(t, []string{"AWS_ACCESS_KEY_ID=a", "AWS_SECRET_ACCESS_KEY=b"})
			if tt.authorities != "" {
				file := t.TempDir() + "/authorities.pem"
				writeFile(t, file, tt.authorities)
				t.Setenv("AWS_CA_BUNDLE", file)
			}
			again := store.Listener(func(_ string, err error) { t.Errorf("tried again after: %v", err) })
			b := dial(t, tt.location, store.Config{
				Logger: again.Logger(), Policy: store.Policy{Base: time.Millisecond, Budget: time.Second},
			})
			if _, err := b.Stat(t.Context(), "k"); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}
