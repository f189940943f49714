package protocols

import (
	"slices"
	"strings"

	"github.com/dice-engine/dice/protocols/internal/xmppstream"
)

// An XMPP server opens its stream with a header and the features it offers: whether the connection can be encrypted,
// and how clients may log in. Both stand in the banner before any credential was given.
//
// Limits: what is offered after STARTTLS is not seen, so PLAIN that is only ever used inside TLS is reported as well.
// Elements are recognised wherever they stand, and by the namespace that they declare themselves, which is how servers
// write them. The banner has no certificate; it comes from a side table.
//
// Standards: RFC 6120 (XMPP: Core), XEP-0078 (Non-SASL Authentication, obsolete), RFC 6331 (DIGEST-MD5 is historic).

// XMPP returns the signature of XMPP.
func XMPP() *Protocol {
	return Signature[xmppResult, XMPPServer]{
		Name:        "xmpp",
		Title:       "XMPP",
		Description: "The stream header and the features that a server offers to a client that has not logged in.",
		Criterion:   "banner is not empty",
		Evidence:    "banner",
		Ports:       []string{"5222/tcp", "5269/tcp"},
		References:  []string{"RFC 6120, sections 4, 5 and 6", "XEP-0078", "RFC 6331"},
		Labels:      xmppLabels(),
		Attach:      true,
		Filter:      func(_ bool, r *xmppResult) bool { return r.Banner != "" },
		Identify:    identifyXMPP,
		Classify:    classifyXMPP,
	}.Protocol()
}

func xmppLabels() []Label {
	return []Label{{
		ID:        "xmpp:stanza:auth:deprecated",
		Meaning:   "The server offers authentication without SASL, which is obsolete since 2004: passwords in the clear or as a plain SHA-1 digest.",
		Severity:  Medium,
		Remedy:    "Switch off legacy authentication (XEP-0078) and offer SASL mechanisms only.",
		Reference: "XEP-0078, Non-SASL Authentication",
		Since:     "0.1",
	}, {
		ID:        "xmpp:stanza:mechanisms:deprecated",
		Meaning:   "Before encryption the server offers to log in by PLAIN, DIGEST-MD5, CRAM-MD5 or ANONYMOUS: passwords that can be read or recovered on the way, or no account at all.",
		Severity:  Medium,
		Remedy:    "Require STARTTLS before authentication and offer SCRAM mechanisms; allow ANONYMOUS only where guests are meant.",
		Reference: "RFC 6120, sections 6.3.4 and 13.8; RFC 6331; RFC 4505",
		Since:     "0.1",
	}}
}

// xmppResult is the scanner's result. The study's scanner knows the banner only.
type xmppResult struct {
	Banner string    `tape:"banner"`
	TLS    tlsResult `tape:"tls,lenient"`
}

// XMPPServer is the fingerprint of an XMPP server.
type XMPPServer struct {
	Banner         *string  `tape:"banner" doc:"what the server sent first"`
	IsXMPP         *bool    `tape:"is_xmpp" doc:"the banner names the namespace jabber:client"`
	Authentication *string  `tape:"authentication" doc:"namespace of the auth element; that of XEP-0078 before others"`
	TLS            *string  `tape:"tls" doc:"namespace of the starttls element: the connection can be encrypted"`
	Mechanisms     []string `tape:"mechanisms" doc:"SASL mechanisms offered, in the server's order"`
	From           *string  `tape:"from" doc:"the server's own name, from the stream header"`
	Version        *string  `tape:"version" doc:"XMPP version, from the stream header"`
}

// iqAuth is the namespace of XEP-0078.
const iqAuth = "http://jabber.org/features/iq-auth"

func identifyXMPP(r *xmppResult) XMPPServer {
	s := XMPPServer{Banner: &r.Banner, IsXMPP: new(strings.Contains(r.Banner, "jabber:client"))}
	for tag := range xmppstream.Tags(r.Banner) {
		switch tag.Name {
		case "stream:stream":
			setFirst(&s.From, tag, "from")
			setFirst(&s.Version, tag, "version")
		case "starttls":
			setFirst(&s.TLS, tag, "xmlns")
		case "auth":
			setFirst(&s.Authentication, tag, "xmlns")
			if namespace, _ := tag.Attribute("xmlns"); namespace == iqAuth {
				s.Authentication = &namespace
			}
		case "mechanism":
			if name, ok := tag.Text(); ok {
				s.Mechanisms = append(s.Mechanisms, name)
			}
		}
	}
	return s
}

// setFirst sets field to the value of an attribute, unless it was set before.
func setFirst(field **string, tag xmppstream.Tag, attribute string) {
	if value, ok := tag.Attribute(attribute); ok && *field == nil {
		*field = &value
	}
}

func classifyXMPP(s *XMPPServer) []string {
	var labels []string
	if s.Authentication != nil && *s.Authentication == iqAuth {
		labels = append(labels, "xmpp:stanza:auth:deprecated")
	}
	if slices.ContainsFunc(s.Mechanisms, isDeprecatedMechanism) {
		labels = append(labels, "xmpp:stanza:mechanisms:deprecated")
	}
	return labels
}

func isDeprecatedMechanism(name string) bool {
	switch name {
	case "PLAIN", "DIGEST-MD5", "CRAM-MD5", "ANONYMOUS":
		return true
	}
	return false
}
