package protocols_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/dice-engine/dice/protocols"
)

const (
	legacyAuth = "xmpp:stanza:auth:deprecated"
	weakSASL   = "xmpp:stanza:mechanisms:deprecated"
)

func TestXMPPLabels(t *testing.T) {
	p := protocols.XMPP()
	for banner, want := range map[string]string{
		"<auth xmlns=\"http://jabber.org/features/iq-auth\">":                    legacyAuth,
		"<auth\n\ta=\"'\"\n\txmlns = 'http://jabber.org/features/iq-auth' ></x>": legacyAuth,
		"<auth xmlns='http://jabber.org/features/iq-auth'/><auth xmlns='x'/>":    legacyAuth,
		"<auth/><auth xmlns='http://jabber.org/features/iq-auth'/>":              legacyAuth,
		"<auth xmlns='http://jabber.org/features/iq-auth2'/>":                    "",
		"<auth xmlns=' http://jabber.org/features/iq-auth'/>":                    "",
		"<auth xmlns='HTTP://jabber.org/features/iq-auth'/>":                     "",
		"<authx xmlns='http://jabber.org/features/iq-auth'/>":                    "",
		"<AUTH xmlns='http://jabber.org/features/iq-auth'/>":                     "",
		"<auth xmlns:x='http://jabber.org/features/iq-auth'/>":                   "",
		"<auth xmlns='http://jabber.org/features/iq-auth":                        "",
		"<x xmlns='http://jabber.org/features/iq-auth'/><auth xmlns=''/>":        "",

		"<mechanism>PLAIN</mechanism>":                          weakSASL,
		"<mechanism a='>' b=\"</mechanism>\">PLAIN</mechanism>": weakSASL,
		"<mechanism\n>\tCRAM-MD5\r\n</mechanism >":              weakSASL,
		"x<mechanism>ANONYMOUS</mechanism":                      "",
		"<mechanism/>PLAIN</mechanism>":                         "",
		"<mechanism>PLAIN</mechanisms>":                         "",
		"<mechanisms>PLAIN</mechanisms>":                        "",
		"<mechanism>PLAIN":                                      "",
		"<mechanism>PLAIN<b/></mechanism>":                      "",
		"<mechanism>SCRAM-SHA-1 PLAIN</mechanism>":              "",
		"<mechanism>DIGEST-MD5-X</mechanism>":                   "",
		"mechanism>PLAIN</mechanism>":                           "",
	} {
		_, a := identifyText(t, p, `{"banner": `+quote(t, banner)+`}`)
		if got := strings.Join(a.labels, " "); !a.kept || got != want {
			t.Errorf("%q: kept %v, labels %q, want %q", banner, a.kept, got, want)
		}
	}
}

func TestXMPPFingerprint(t *testing.T) {
	const banner = "<stream:stream from='a.example' version='1.0'><stream:features>" +
		"<starttls/><starttls xmlns='n1'/><starttls xmlns='n2'/><auth xmlns='n3'/><auth xmlns='http://jabber.org/features/iq-auth2'/>" +
		"<mechanism> A </mechanism><mechanism>A</mechanism></stream:features>"
	got, _ := identifyText(t, protocols.XMPP(), `{"banner": `+quote(t, banner)+`}`)
	want := map[string]any{
		"banner": banner, "authentication": "n3", "tls": "n1", "mechanisms": []any{"A", "A"}, "from": "a.example", "version": "1.0",
		"is_xmpp": false,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("want - got +\n%s", diff)
	}
}

func TestXMPPCertificateOfTheRecord(t *testing.T) {
	for result, want := range map[string]string{
		`{"banner": "x", "tls": {"handshake_log": {"server_certificates": {"certificate": {"raw": "leaf"}}}}}`: "leaf",
		`{"banner": "x", "tls": {"handshake_log": {"server_certificates": {"certificate": {"raw": 1}}}}}`:      "",
		`{"banner": "x", "tls": "odd"}`: "",
	} {
		_, a := identifyText(t, protocols.XMPP(), result)
		if got := strings.Join(a.certificates, " "); !a.kept || got != want {
			t.Errorf("%s: kept %v, certificates %q, want %q", result, a.kept, got, want)
		}
	}
}

func TestXMPPLongTexts(t *testing.T) {
	p := protocols.XMPP()
	for _, unit := range []string{
		"<auth", "<auth ", "<auth xmlns='", "<auth xmlns='x' ", "<mechanism>", "<mechanism>x", "</mechanism>", " a='b'", "<stream:stream from=",
	} {
		for _, prefix := range []string{"", "<auth", "<auth a='", `<stream:stream from="`} {
			start := time.Now()
			identifyText(t, p, `{"banner": `+quote(t, prefix+strings.Repeat(unit, 1<<20/len(unit)))+`}`)
			if took := time.Since(start); took > 5*time.Second {
				t.Errorf("%q and many %q took %v", prefix, unit, took)
			}
		}
	}
}
