package protocols

import (
	"strings"

	"github.com/dice-engine/dice/internal/tape"
	"github.com/dice-engine/dice/protocols/internal/linkformat"
)

// CoAP is HTTP for small devices, over UDP. The scanner asks for two resources: .well-known/core, where a server lists
// what it has, and the root, where the common libraries introduce themselves with name and years of copyright.
//
// Limits: the year of a notice is a proxy for the version, which these pages seldom name. The code of an answer is not
// looked at: what an error says counts like any other text. The paths must have been asked exactly so.
//
// Standards: RFC 7252 (CoAP), RFC 6690 (the list of links), RFC 7959 (answers in blocks).

// CoAP returns the signature of CoAP.
func CoAP() *Protocol {
	return Signature[coapResult, CoAPServer]{
		Name:        "coap",
		Title:       "CoAP",
		Description: "The resources listed at .well-known/core, and the page at / by which the common CoAP libraries introduce themselves.",
		Criterion:   "result is present",
		Evidence:    "result",
		Ports:       []string{"5683/udp"},
		References:  []string{"RFC 7252", "RFC 6690", "RFC 7959"},
		Labels:      coapLabels(),
		Filter:      func(bool, *coapResult) bool { return true },
		Identify:    identifyCoAP,
		Classify:    classifyCoAP,
	}.Protocol()
}

func coapLabels() []Label {
	return []Label{{
		ID:        "coap:access:read",
		Meaning:   "The server lists its resources to a client without credentials.",
		Severity:  Medium,
		Remedy:    "Offer CoAP over DTLS or with OSCORE only, or admit known clients only; a UDP service that answers anyone can also be used to amplify attacks.",
		Reference: "RFC 7252, section 11; RFC 6690, section 6",
		Since:     "0.1",
	}, {
		ID:        "coap:product:libcoap:YEAR",
		Meaning:   "The server runs libcoap with a copyright notice that ends in YEAR, before 2023: a release before 4.3.1, with known flaws.",
		Severity:  Medium,
		Remedy:    "Update libcoap to a supported release.",
		Reference: "libcoap releases, https://libcoap.net",
		Since:     "0.1",
	}, {
		ID:        "coap:product:eclipse-californium:outdated",
		Meaning:   "The server runs Eclipse Californium with a copyright notice of years before 2023 only: an outdated release.",
		Severity:  Medium,
		Remedy:    "Update Eclipse Californium to a supported release.",
		Reference: "Eclipse Californium releases, https://eclipse.dev/californium",
		Since:     "0.1",
	}}
}

// coapResult holds one entry for each path that the scanner asked for. Nulls in its lists are entries without a path
// and messages without a payload.
type coapResult []coapEntry

type coapEntry struct {
	Path     string        `tape:"path"`
	Messages []coapMessage `tape:"messages"`
}

// coapMessage is one block of an answer.
type coapMessage struct {
	Header  coapHeader  `tape:"header,check"`
	Payload coapPayload `tape:"payload"`
	Options coapOptions `tape:"options,check,pairs"`
}

type coapHeader struct {
	MessageID   int64  `tape:"message-id"`
	Version     int64  `tape:"version"`
	Type        int64  `tape:"type"`
	TokenLength int64  `tape:"token-len"`
	Token       string `tape:"token"`
	Code        string `tape:"code"`
}

type coapPayload struct {
	ContentFormat coapFormat `tape:"ContentFormat,check"`
	Body          string     `tape:"Body,check"`
	Text          *string    `tape:"StringRep"`
}

type coapOptions = tape.Pairs[coapOption]

type coapOption struct {
	ID    int64  `tape:"ID"`
	Name  string `tape:"Name"`
	Value string `tape:"Value"`
}

type coapFormat struct {
	Name string `tape:"Name"`
	Text string `tape:"StringRep"`
}

// CoAPServer is the fingerprint of a CoAP server.
type CoAPServer struct {
	Capabilities   *[]linkformat.Link `tape:"capabilities" doc:"resources listed at .well-known/core; null where it was not asked for"`
	Payload        *string            `tape:"payload" doc:"text of the answer for /"`
	Product        *string            `tape:"product" doc:"libcoap or Eclipse Californium, where / names it"`
	Version        *string            `tape:"version" doc:"the product's version, where / has it"`
	CopyrightYears []string           `tape:"copyright_years" doc:"numbers of the product's copyright notice, as written; of libcoap the two ends of a range"`
}

const (
	libcoap     = "libcoap"
	californium = "Eclipse Californium"
)

// identifyCoAP lets the last entry of a path count.
func identifyCoAP(r *coapResult) CoAPServer {
	var s CoAPServer
	var core *string
	for _, entry := range *r {
		switch entry.Path {
		case ".well-known/core":
			core = new(valueOrEmpty(entry.text()))
		case "/":
			s.Payload = entry.text()
		}
	}
	if core != nil {
		s.Capabilities = new(linkformat.Parse(*core))
	}
	s.identifyProduct()
	return s
}

// text joins the blocks of an answer. It is nil if no message has a text.
func (e coapEntry) text() *string {
	var blocks []string
	for _, m := range e.Messages {
		if m.Payload.Text != nil {
			blocks = append(blocks, *m.Payload.Text)
		}
	}
	if blocks == nil {
		return nil
	}
	return new(strings.Join(blocks, ""))
}

func valueOrEmpty(text *string) string {
	if text == nil {
		return ""
	}
	return *text
}

// identifyProduct reads the page at /. One that names both libraries is libcoap's.
func (s *CoAPServer) identifyProduct() {
	page := valueOrEmpty(s.Payload)
	switch {
	case strings.Contains(page, libcoap):
		s.Product = new(libcoap)
		s.Version = versionAfter(page, libcoap+" ")
		s.CopyrightYears = libcoapYears(page)
	case strings.Contains(page, californium):
		s.Product = new(californium)
		s.Version = versionAfter(page, "Cf ")
		s.CopyrightYears = californiumYears(page)
	}
}

func classifyCoAP(s *CoAPServer) []string {
	var labels []string
	if s.Capabilities != nil && len(*s.Capabilities) > 0 {
		labels = append(labels, "coap:access:read")
	}
	switch years := s.CopyrightYears; {
	case s.Product == nil || len(years) == 0:
	case *s.Product == libcoap:
		if year := years[len(years)-1]; isPlainYear(year) && yearOf(year) < firstCurrentYear {
			labels = append(labels, "coap:product:libcoap:"+year)
		}
	case *s.Product == californium && latest(years) < firstCurrentYear:
		labels = append(labels, "coap:product:eclipse-californium:outdated")
	}
	return labels
}

// firstCurrentYear: notices of this year or later are those of releases that are not called outdated.
const firstCurrentYear = 2023
