package queue_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"

	"github.com/dice-engine/dice/internal/queue"
	"github.com/dice-engine/dice/internal/servertest"
)

// authority signs certificates for a test.
type authority struct {
	t    *testing.T
	dir  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{t: t, dir: t.TempDir()}
	a.issue("ca", &x509.Certificate{IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign})
	return a
}

func (a *authority) file(name string) string { return filepath.Join(a.dir, name) }

// issue makes name.pem and name.key.
func (a *authority) issue(name string, template *x509.Certificate) {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(a.t, err)
	template.SerialNumber = big.NewInt(time.Now().UnixNano())
	template.Subject = pkix.Name{CommonName: name}
	template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	parent, signer := a.cert, a.key
	if parent == nil {
		parent, signer = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	check(a.t, err)
	if a.cert == nil {
		a.key = key
		a.cert, err = x509.ParseCertificate(der)
		check(a.t, err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	check(a.t, err)
	check(a.t, os.WriteFile(a.file(name+".pem"), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
	check(a.t, os.WriteFile(a.file(name+".key"), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}), 0o600))
}

func dialWithin(t *testing.T, within time.Duration, url string, c queue.Credentials) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	conn, err := queue.Dial(ctx, url, queue.ConnConfig{Credentials: c})
	if err != nil {
		return err
	}
	defer conn.Close()
	check(t, conn.Flush())
	return nil
}

// TestTLS: an embedded server that encrypts is known by its authority, and may ask for the same of its clients.
func TestTLS(t *testing.T) {
	ca := newAuthority(t)
	ca.issue("server", &x509.Certificate{IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}})
	ca.issue("client", &x509.Certificate{ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
	for _, clientCA := range []string{"", ca.file("ca.pem")} {
		srv, err := queue.Start(queue.ServerConfig{
			StoreDir: t.TempDir(), Listen: "127.0.0.1:0", Token: "secret", Cert: ca.file("server.pem"), Key: ca.file("server.key"), ClientCA: clientCA,
		})
		check(t, err)
		t.Cleanup(srv.Shutdown)
		open(t, connectEmbedded(t, srv), "job", queue.Config{})
		_, address, _ := strings.Cut(srv.URL(), "://")
		url := "tls://" + address
		good := queue.Credentials{Token: "secret", CA: ca.file("ca.pem"), Cert: ca.file("client.pem"), Key: ca.file("client.key")}
		check(t, dialWithin(t, 20*time.Second, url, good))

		stranger := good
		stranger.CA = ""
		var untrusted *tls.CertificateVerificationError
		if err := dialWithin(t, 20*time.Second, url, stranger); !errors.As(err, &untrusted) {
			t.Errorf("server of an unknown authority: got %v", err)
		}
		wrong := good
		wrong.Token = "wrong"
		if err := dialWithin(t, 20*time.Second, url, wrong); !errors.Is(err, nats.ErrAuthorization) {
			t.Errorf("wrong token: got %v", err)
		}
		anonymous := good
		anonymous.Cert, anonymous.Key = "", ""
		err = dialWithin(t, 20*time.Second, url, anonymous)
		if refused := err != nil && !errors.Is(err, context.DeadlineExceeded) && strings.Contains(err.Error(), "--nats-cert"); refused != (clientCA != "") {
			t.Errorf("without a client certificate, asked for: %v: got %v", clientCA != "", err)
		}
	}
	if srv, err := queue.Start(queue.ServerConfig{StoreDir: t.TempDir(), Listen: "127.0.0.1:0", Cert: "nothing", Key: "nothing"}); err == nil {
		srv.Shutdown()
		t.Error("without a certificate to encrypt with: got no error")
	}
}

// TestCredentialsFile: a server that trusts an operator lets the users of its accounts in, by their .creds files.
func TestCredentialsFile(t *testing.T) {
	operator, err := nkeys.CreateOperator()
	check(t, err)
	account, err := nkeys.CreateAccount()
	check(t, err)
	user, err := nkeys.CreateUser()
	check(t, err)
	public := func(k nkeys.KeyPair) string {
		name, err := k.PublicKey()
		check(t, err)
		return name
	}
	system, err := nkeys.CreateAccount()
	check(t, err)
	oc := jwt.NewOperatorClaims(public(operator))
	signed := func(c jwt.Claims, by nkeys.KeyPair) string {
		text, err := c.Encode(by)
		check(t, err)
		return text
	}
	ac := jwt.NewAccountClaims(public(account))
	ac.Limits.JetStreamLimits = jwt.JetStreamLimits{DiskStorage: 1 << 30, MemoryStorage: 1 << 20, Streams: -1, Consumer: -1}
	uc := jwt.NewUserClaims(public(user))
	seed, err := user.Seed()
	check(t, err)
	creds, err := jwt.FormatUserConfig(signed(uc, account), seed)
	check(t, err)

	dir := t.TempDir()
	file, config := filepath.Join(dir, "dice.creds"), filepath.Join(dir, "server.conf")
	check(t, os.WriteFile(file, creds, 0o600))
	check(t, os.WriteFile(config, fmt.Appendf(nil, "operator: %s\nsystem_account: %s\nresolver: MEMORY\nresolver_preload: { %s: %s, %s: %s }\n",
		signed(oc, operator), public(system), public(system), signed(jwt.NewAccountClaims(public(system)), operator),
		public(account), signed(ac, operator)), 0o600))
	srv := servertest.StartNATSWith(t, config)
	url := "nats://" + srv.Addr
	conn, err := queue.Dial(t.Context(), url, queue.ConnConfig{Credentials: queue.Credentials{File: file}})
	check(t, err)
	t.Cleanup(conn.Close)
	q := open(t, conn, "job", queue.Config{})
	check(t, q.Publish(t.Context(), tasks("job", 1)))
	takeOne(t, newTaker(t, conn))
	if err := dialWithin(t, 20*time.Second, url, queue.Credentials{}); !errors.Is(err, nats.ErrAuthorization) {
		t.Errorf("without credentials: got %v", err)
	}
}

// TestUserAndPassword by a URL, or apart from it.
func TestUserAndPassword(t *testing.T) {
	srv := servertest.StartNATSWith(t, readyMade, "DICE_COORDINATOR_PASSWORD=c1", "DICE_WORKER_PASSWORD=w1")
	url := "nats://" + srv.Addr
	check(t, dialWithin(t, 20*time.Second, url, queue.Credentials{User: "worker", Password: "w1"}))
	if err := dialWithin(t, 20*time.Second, url, queue.Credentials{User: "worker", Password: "c1"}); !errors.Is(err, nats.ErrAuthorization) {
		t.Errorf("wrong password: got %v", err)
	}
}

func TestCredentialsValidate(t *testing.T) {
	for _, c := range []queue.Credentials{
		{Token: "t", User: "u", Password: "p"}, {User: "u"}, {Password: "p"}, {Cert: "c"}, {Key: "k"}, {Token: "t", File: "f"},
	} {
		if err := dialWithin(t, time.Second, "nats://127.0.0.1:1", c); err == nil || errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%+v: got %v", c, err)
		}
	}
}

// TestURLsAreNotQuoted in errors, as they may hold passwords.
func TestURLsAreNotQuoted(t *testing.T) {
	for _, url := range []string{
		"nats://worker:p%s3cret@host:4222", "nats://worker:pa#s3cret@host:4222", "nats://tok%en-s3cret@host:4222",
		"nats://worker:s3cret@host:port", "nats://worker:pa/s3cret@host:4222", "nats://worker:s3cret@127.0.0.1:1",
		"nats://s3cret/token@127.0.0.1:1", "nats://s3cret?token@127.0.0.1:1", "nats://s3cret#token@127.0.0.1:1",
		"nats://s3cret,token@127.0.0.1:1", "s3cret/token@127.0.0.1:1", "s3cret@127.0.0.1:1",
	} {
		if err := dialWithin(t, 2*time.Second, url, queue.Credentials{}); err == nil || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: got %v", url, err)
		}
	}
}
