package protocols

import (
	"encoding/base64"
	"encoding/hex"
	"strconv"
	"strings"
)

// RTPS is the wire protocol of DDS, the bus of robots, vehicles and naval systems, meant for closed networks. Whoever
// answers a datagram from the Internet with an RTPS message can be joined, and tells by its header which implementation
// it runs and by its GUID prefix which participant on which host it is.
//
// Limits: the header alone is read. The scanner's own packet, sent back by an echo service, has a header too. A datagram
// that is not RTPS but long enough is still spelt out, for those who look for what else answers there.
//
// Standard: OMG DDSI-RTPS 2.5, 8.3.3 and 9.4.4 (the header), 9.3.1 (GUID), 8.3.5.7 and the OMG's list (VendorId).

// rtpsHeader is the size of an RTPS message header: magic, version, vendor, GUID prefix.
const rtpsHeader = 4 + 2 + 2 + 12

// RTPS returns the signature of RTPS (DDS).
func RTPS() *Protocol {
	vendors := readTable(rtpsVendorTable, 3)
	return Signature[rtpsResult, RTPSParticipant]{
		Name:        "rtps",
		Title:       "RTPS (DDS)",
		Description: "The header of the message that a DDS participant sent back: version, vendor and GUID prefix.",
		Criterion:   "the raw message is present (raw_response or raw-message)",
		Evidence:    "raw-message",
		Ports:       []string{"7400/udp", "7401/udp", "7410/udp", "7411/udp"},
		References:  []string{"OMG DDSI-RTPS 2.5, 8.3.3 and 9.4.4", "OMG's list of DDS RTPS vendor and product identifiers"},
		Labels: []Label{{
			ID:        "rtps:access:read",
			Meaning:   "The host answered a stranger with an RTPS message: its data space can be discovered, and without DDS Security joined, from the Internet.",
			Severity:  High,
			Remedy:    "Keep DDS inside a closed network (firewall, no public address), and use DDS Security so that participants authenticate each other.",
			Reference: "OMG DDS Security 1.1; CISA ICSA-21-315-02",
			Since:     "0.1",
		}, {
			ID:        "rtps:access:leak",
			Meaning:   "The header of the answer tells implementation, host, application and instance, which attackers use to choose an exploit and to forge messages.",
			Severity:  Medium,
			Remedy:    "As for rtps:access:read; with DDS Security, choose RTPS protection, so that unauthenticated messages are dropped.",
			Reference: "OMG DDSI-RTPS 2.5, 9.4.4; OMG DDS Security 1.1, 8.4.2",
			Since:     "0.1",
		}},
		Filter:   func(_ bool, r *rtpsResult) bool { return r.RawMessage != nil },
		Identify: func(r *rtpsResult) RTPSParticipant { return identifyRTPS(r, vendors) },
		Classify: classifyRTPS,
	}.Protocol()
}

// rtpsResult is the scanner's result.
type rtpsResult struct {
	RawMessage *string     `tape:"raw_response|raw-message"`
	Message    rtpsMessage `tape:"message,check"`
}

type rtpsMessage struct {
	Header struct {
		Magic      []int64 `tape:"Magic"`
		Version    []int64 `tape:"protocol-version"`
		Vendor     []int64 `tape:"vendor-id"`
		GUIDPrefix []int64 `tape:"guid-prefix"`
	} `tape:"header"`
	Payload string `tape:"payload"`
}

// RTPSParticipant is the fingerprint of a DDS participant: the header of its message. All fields are absent where the
// message is shorter than a header.
type RTPSParticipant struct {
	Magic    *string `tape:"magic" doc:"first four octets as text, bad UTF-8 dropped: RTPS where it is one"`
	Version  *string `tape:"version" doc:"protocol version, MAJOR.MINOR"`
	Vendor   *string `tape:"vendor" doc:"vendor identifier, two octets in lower-case hex"`
	Product  *string `tape:"product" doc:"product of that vendor identifier, absent where the table of DICE does not have it"`
	Company  *string `tape:"company" doc:"company of that vendor identifier, likewise"`
	Host     *string `tape:"host" doc:"first four octets of the GUID prefix, by custom the host, in lower-case hex"`
	App      *string `tape:"app" doc:"second four octets, by custom the application"`
	Instance *string `tape:"instance" doc:"last four octets, by custom the instance"`
}

func identifyRTPS(r *rtpsResult, vendors map[string][]string) RTPSParticipant {
	message, err := base64.StdEncoding.DecodeString(*r.RawMessage)
	if err != nil || len(message) < rtpsHeader {
		return RTPSParticipant{}
	}
	p := RTPSParticipant{
		Magic:    new(strings.ToValidUTF8(string(message[:4]), "")),
		Version:  new(strconv.Itoa(int(message[4])) + "." + strconv.Itoa(int(message[5]))),
		Vendor:   new(hex.EncodeToString(message[6:8])),
		Host:     new(hex.EncodeToString(message[8:12])),
		App:      new(hex.EncodeToString(message[12:16])),
		Instance: new(hex.EncodeToString(message[16:20])),
	}
	if row, known := vendors[*p.Vendor]; known {
		p.Company = &row[1]
		if row[0] != "-" {
			p.Product = &row[0]
		}
	}
	return p
}

func classifyRTPS(p *RTPSParticipant) []string {
	if p.Magic != nil && *p.Magic == "RTPS" {
		return []string{"rtps:access:read", "rtps:access:leak"}
	}
	return nil
}
