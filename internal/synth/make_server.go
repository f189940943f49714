package synth

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/dice-engine/dice/internal/tape"
	"github.com/dice-engine/dice/internal/zgrab2"
)

func mqtt(m *maker) (*zgrab2.Mqtt, labels) {
	r := &zgrab2.Mqtt{ConnectionCode: ref(int64(0)), Scheme: ref("tcp")}
	if m.traits.tls {
		r.Scheme = ref("ssl")
		r.Certificate = &[]string{slot{0, false}.text()}
		if m.in(1, 4) {
			*r.Certificate = append(*r.Certificate, "MAMCAQE=")
		}
	}
	if m.class == failed {
		return &zgrab2.Mqtt{Scheme: r.Scheme, Error: tape.Text(`"network Error : i/o timeout"`)}, 0
	}
	if m.class == other {
		r.Error = tape.Text(`"not Authorized"`)
		return r, 0
	}
	l := mqttAnonymous | mqttRead
	if m.traits.tls {
		l = mqttSelfSigned | mqttRead
	}
	topics := tape.Pairs[*[]*string]{}
	add := func(topic, message string) {
		topics = append(topics, tape.Pair[*[]*string]{Key: topic, Value: &[]*string{&message}})
	}
	if m.in(3, 4) {
		l |= mqttInternal
		switch m.n(3) {
		case 0:
			add("$SYS/broker/version", fmt.Sprintf("mosquitto version %d.%d.%d", m.n(3), m.n(7), m.n(20)))
		case 1:
			node := "$SYS/brokers/emqx@" + m.tag() + ".local"
			add(node+"/sysdescr", "EMQX")
			add(node+"/version", fmt.Sprintf("5.%d.%d", m.n(9), m.n(9)))
		default:
			add("$SYS/VerneMQ@"+m.tag()+"/mqtt/connect/received", fmt.Sprint(m.n(100000)))
		}
	}
	for i := range 1 + m.n(8) {
		add(fmt.Sprintf("home/%s/%x/%d", pick(m.random, []string{"sensor", "light", "door", "meter"}), m.variant, i), m.word("21.5", "on", "{}"))
	}
	r.Topics = &topics
	return r, l
}

const policyPrefix = "http://opcfoundation.org/UA/SecurityPolicy#"

func opcua(m *maker) (*zgrab2.Opcua, labels) {
	r := &zgrab2.Opcua{IsOpcua: ref(m.class == kept), BytesRead: ref(m.n(9000)), BytesWritten: ref(m.n(900))}
	if m.class != kept {
		r.ErrorMessage, r.ScanStatus = ref("connection closed"), ref("aborted")
		return r, 0
	}
	if m.in(1, 10) {
		r.IsOpcua = nil // lost by the scanner; the endpoints are the evidence
	}
	url := "opc.tcp://" + pick(m.random, []string{"plc", "srv", "edge"}) + m.tag() + ":4840"
	var endpoints []*zgrab2.Endpoint
	l := labels(0)
	for i := range 1 + m.n(4) {
		e, seen := m.endpoint(url, int(i))
		endpoints, l = append(endpoints, e), l|seen
	}
	// A certificate that the record is to carry must stand somewhere.
	for n := range m.traits.certificates {
		if n >= len(endpoints) {
			e, seen := m.endpoint(url, n)
			endpoints, l = append(endpoints, e), l|seen
		}
		endpoints[n].ServerCertificate = ref(slot{n, m.in(1, 6)}.text())
	}
	if m.in(1, 20) {
		endpoints = append(endpoints, nil)
	}
	r.Endpoints, r.ScanStatus = &endpoints, ref("done")
	if l&opcuaAnonymous != 0 {
		r.Nodes = m.nodes(url)
	}
	return r, l
}

func (m *maker) endpoint(url string, n int) (*zgrab2.Endpoint, labels) {
	policy := pick(m.random, []string{"None", "None", "Basic128Rsa15", "Basic256", "Basic256Sha256", "Aes128_Sha256_RsaOaep"})
	mode := pick(m.random, []string{"Sign", "SignAndEncrypt", "SignAndEncrypt"})
	if policy == "None" {
		mode = "None"
	}
	l := labels(0)
	if mode != "SignAndEncrypt" {
		l |= opcuaMode
	}
	weak := func(p string) bool { return p == "Basic128Rsa15" || p == "Basic256" }
	if weak(policy) {
		l |= opcuaPolicies
	}
	var tokens []*zgrab2.Token
	for i, kind := range some(m.random, []int64{0, 1, 2}) {
		token := &zgrab2.Token{PolicyID: ref(fmt.Sprint("policy", i)), TokenType: ref(kind), SecurityPolicyURI: quoted("")}
		if own := pick(m.random, []string{"", "", "None", "Basic256", "Basic256Sha256"}); own != "" {
			token.SecurityPolicyURI = quoted(policyPrefix + own)
			if weak(own) {
				l |= opcuaPolicies
			}
		}
		if kind == 0 && policy == "None" {
			l |= opcuaAnonymous
		}
		tokens = append(tokens, token)
	}
	return &zgrab2.Endpoint{
		EndpointURL: ref(url), SecurityMode: quoted(mode), SecurityPolicyURI: quoted(policyPrefix + policy), SecurityLevel: ref(int64(n)),
		TransportProfileURI: ref("http://opcfoundation.org/UA-Profile/Transport/uatcp-uasc-uabinary"), UserIdentityTokens: &tokens,
		Server: &zgrab2.Application{
			ApplicationURI: ref("urn:" + m.tag() + ":server"), ProductURI: ref("urn:example:product"), ApplicationType: ref(int64(0)),
			ApplicationName: &zgrab2.LocalizedText{EncodingMask: ref(int64(2)), Text: ref(m.word("Server", "PLC", "Gateway"))},
			DiscoveryURLs:   &[]string{url},
		},
	}, l
}

// quoted returns the JSON of a text that needs no escapes.
func quoted(text string) tape.Text { return tape.Text(`"` + text + `"`) }

func (m *maker) nodes(url string) *tape.Pairs[*[]*zgrab2.Node] {
	build := `{"ProductURI":"urn:example","ManufacturerName":"Example AG","ProductName":"Example ` + m.tag() +
		`","SoftwareVersion":"2.1","BuildNumber":"7","BuildDate":"2023-01-01T00:00:00Z"}`
	list := []*zgrab2.Node{{NodeID: ref("i=2260"), BrowseName: ref("BuildInfo"), NodeClass: ref("Variable"), Value: tape.Text(build)}}
	values := []tape.Text{`21.5`, `"text"`, `true`, `[1,2,3]`, `{"Text":"a"}`}
	for i := range m.n(10) {
		list = append(list, &zgrab2.Node{
			NodeID: ref(fmt.Sprintf("ns=2;i=%d", i)), BrowseName: ref(m.word("Temperature", "Pressure")), AccessLevel: ref(1 + 2*m.n(2)),
			Value: pick(m.random, values),
		})
	}
	return &tape.Pairs[*[]*zgrab2.Node]{{Key: url, Value: &list}}
}

func xmpp(m *maker) (*zgrab2.Xmpp, labels) {
	switch m.class {
	case failed:
		return nil, 0
	case other:
		return &zgrab2.Xmpp{}, 0
	}
	quote := pick(m.random, []string{`"`, `'`})
	q := func(s string) string { return quote + s + quote }
	var b strings.Builder
	b.WriteString("<?xml version=" + q("1.0") + "?><stream:stream xmlns:stream=" + q("http://etherx.jabber.org/streams") +
		" from=" + q("im"+m.tag()+".example") + " version=" + q("1.0") + "><stream:features>")
	l := labels(0)
	if m.in(3, 4) {
		b.WriteString("<starttls xmlns=" + q("urn:ietf:params:xml:ns:xmpp-tls") + "/>")
	}
	if m.in(1, 3) {
		b.WriteString("<auth xmlns=" + q("http://jabber.org/features/iq-auth") + "/>")
		l |= xmppAuth
	}
	weak := []string{"PLAIN", "DIGEST-MD5", "CRAM-MD5", "ANONYMOUS"}
	if m.in(4, 5) {
		b.WriteString("<mechanisms xmlns=" + q("urn:ietf:params:xml:ns:xmpp-sasl") + ">")
		for _, name := range some(m.random, append(weak, "SCRAM-SHA-1", "SCRAM-SHA-256", "EXTERNAL", "X-OAUTH2", "LOGIN")) {
			b.WriteString("<mechanism>" + name + "</mechanism>")
			if slices.Contains(weak, name) {
				l |= xmppMechanisms
			}
		}
		b.WriteString("</mechanisms>")
	}
	b.WriteString("</stream:features>")
	if m.in(1, 60) {
		b.WriteString(pick(m.random, hostile()))
	}
	return &zgrab2.Xmpp{Banner: ref(b.String())}, l
}

func coap(m *maker) (*zgrab2.Coap, labels) {
	if m.class != kept {
		return nil, 0
	}
	links, l := m.links()
	home, seen := m.home()
	entries := zgrab2.Coap{m.entry(".well-known/core", "application/link-format", links, 1), m.entry("/", "text/plain", home, 1+int(m.n(2)))}
	return &entries, l | seen
}

func (m *maker) links() (string, labels) {
	switch m.n(12) {
	case 0:
		return "<!DOCTYPE html><title>" + m.tag() + "</title>", 0
	case 1:
		return "", 0
	}
	var links []string
	for i := range 1 + m.n(5) {
		links = append(links, fmt.Sprintf(`</%s/%x/%d>;rt="%s";ct=0`, pick(m.random, []string{"sensors", "light", "time"}), m.variant, i, pick(m.random, []string{"temp, C", "x;y", "obs"})))
	}
	return strings.Join(links, ","), coapRead
}

func (m *maker) home() (string, labels) {
	switch kind := m.n(10); {
	case kind < 4:
		year := libcoapFrom + int(m.n(libcoapTo-libcoapFrom+3))
		text := fmt.Sprintf("This is a test server made with libcoap (see https://libcoap.net) build %x\nCopyright (C) 2009--%d Olaf Bergmann <bergmann@tzi.org> and others\n\n", m.variant, year)
		if year > libcoapTo {
			return text, 0
		}
		return text, libcoap(year)
	case kind < 6:
		year := 2014 + m.n(11)
		text := fmt.Sprintf("CoAP RFC 7252 Eclipse Californium %d.%d.%x\n(c) 2014-%d Institute for Pervasive Computing, ETH Zurich and others", 1+m.n(3), m.n(12), m.variant, year)
		if year >= 2023 {
			return text, 0
		}
		return text, coapCalifornium
	}
	return m.word("hello", "Welcome"), 0
}

// entry returns the answer for a path in so many blocks.
func (m *maker) entry(path, format, body string, blocks int) *zgrab2.CoapEntry {
	e := &zgrab2.CoapEntry{Path: &path}
	for i := range blocks {
		part := body[runeStart(body, len(body)*i/blocks):runeStart(body, len(body)*(i+1)/blocks)]
		e.Messages = append(e.Messages, &zgrab2.CoapMessage{
			Header: &zgrab2.CoapHeader{
				MessageID: ref(m.n(65536)), Version: ref(int64(1)), Type: ref(int64(2)), TokenLen: ref(int64(0)), Token: ref(""), Code: ref("2.05"),
			},
			Payload: &zgrab2.CoapPayload{
				ContentFormat: &zgrab2.CoapContentFormat{Name: ref("AppLinkFormat"), StringRep: &format},
				Body:          ref(b64([]byte(part))), StringRep: &part,
			},
			Options: tape.Pairs[*zgrab2.CoapOption]{{Key: "12", Value: &zgrab2.CoapOption{ID: ref(int64(12)), Name: ref("ContentFormat"), Value: ref("KA==")}}},
		})
	}
	return e
}

// runeStart moves a cut back to where a character begins.
func runeStart(s string, at int) int {
	for at > 0 && at < len(s) && !utf8.RuneStart(s[at]) {
		at--
	}
	return at
}
