package protocols

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"

	"github.com/dice-engine/dice/protocols/internal/dnp3"
)

// DNP3 connects control centres and substations and has no credentials of its own. The scanner sends one burst of
// REQUEST_LINK_STATUS; an outstation answers LINK_STATUS with its address, and some start to report unasked.
//
// Limits: a host that sends back what it gets is told from an outstation by the request among its frames, although the
// standard lets either side ask; the addresses are not looked at.
//
// Standard: IEEE 1815-2012, clause 9 (data link layer), clause 8 (transport function).

// DNP3 returns the signature of DNP3.
func DNP3() *Protocol {
	return Signature[dnp3Result, DNP3Station]{
		Name:        "dnp3",
		Title:       "DNP3",
		Description: "Link frames with a right header checksum in what the host sent after being asked for its link status.",
		Criterion:   "is_dnp3 is true and raw_response is present",
		Evidence:    "raw_response",
		Ports:       []string{"20000/tcp"},
		References:  []string{"IEEE 1815-2012, clauses 8 and 9"},
		Labels: []Label{{
			ID:        "dnp3:access:read",
			Meaning:   "The host answered with well-formed DNP3 link frames, none of which repeats the scanner's request: an outstation or master talks to anyone, and DNP3 alone does not ask for credentials before it reports or operates.",
			Severity:  High,
			Remedy:    "Take the device off the Internet: a VPN, or a firewall that admits the control centre only. Use DNP3 Secure Authentication or TLS (IEC 62351-3 and -5).",
			Reference: "IEEE 1815-2012, clause 7 (secure authentication); IEC 62351-5",
			Since:     "0.1",
		}},
		Filter:   func(_ bool, r *dnp3Result) bool { return r.IsDNP3 && r.RawResponse != nil },
		Identify: identifyDNP3,
		Classify: classifyDNP3,
	}.Protocol()
}

// dnp3Result is the scanner's result.
type dnp3Result struct {
	IsDNP3      bool    `tape:"is_dnp3"`
	RawResponse *string `tape:"raw_response"`
}

// DNP3Station is the fingerprint of a DNP3 station: the frames that it sent.
type DNP3Station struct {
	Frames []DNP3Frame `tape:"frames" doc:"link frames in order, up to the first octets that are not a header with a right checksum"`
}

// DNP3Frame is one link frame.
type DNP3Frame struct {
	FromMaster   *bool   `tape:"from_master" doc:"DIR bit: a master sent it; else an outstation"`
	Primary      *bool   `tape:"primary" doc:"PRM bit: it begins a transaction; else it answers one"`
	FlowBits     *int64  `tape:"flow_bits" doc:"FCB and FCV of a primary frame, a reserved bit and DFC of a secondary one, 0 to 3"`
	FunctionCode *int64  `tape:"function_code" doc:"link function code, 0 to 15; its meaning depends on primary"`
	Function     string  `tape:"function" doc:"the standard's name of it, UNKNOWN where there is none"`
	Destination  *int64  `tape:"destination" doc:"link address, 0 to 65535"`
	Source       *int64  `tape:"source" doc:"link address, 0 to 65535"`
	Length       *int64  `tape:"length" doc:"length octet: 5 and the octets of user data"`
	CRC          string  `tape:"crc" doc:"checksum of the header, four digits of hex"`
	CRCOK        *bool   `tape:"crc_ok" doc:"the header's checksum holds; always true, as reading stops at one that does not"`
	Transport    *int64  `tape:"transport" doc:"transport octet: FIN 128, FIR 64, sequence 0 to 63; absent without user data"`
	Application  *string `tape:"application" doc:"application octets in lower-case hex, without the checksums of their blocks; absent where no user data was announced"`
	Complete     *bool   `tape:"complete" doc:"all blocks of user data came; absent where none was announced"`
	DataCRCOK    *bool   `tape:"data_crc_ok" doc:"the checksums of all blocks hold; absent where not all came"`
}

func identifyDNP3(r *dnp3Result) DNP3Station {
	octets, err := base64.StdEncoding.DecodeString(*r.RawResponse)
	if err != nil {
		return DNP3Station{}
	}
	var s DNP3Station
	for _, frame := range dnp3.Frames(octets) {
		s.Frames = append(s.Frames, describeDNP3(frame))
	}
	return s
}

func describeDNP3(f dnp3.Frame) DNP3Frame {
	d := DNP3Frame{
		FromMaster:   new(f.FromMaster()),
		Primary:      new(f.Primary()),
		FlowBits:     new(int64(f.FlowBits())),
		FunctionCode: new(int64(f.FunctionCode())),
		Function:     f.Function(),
		Destination:  new(int64(f.Destination)),
		Source:       new(int64(f.Source)),
		Length:       new(int64(f.Length)),
		CRC:          fmt.Sprintf("%04x", f.CRC),
		CRCOK:        new(true),
	}
	if !f.HasData() {
		return d
	}
	d.Complete, d.Application = new(f.Complete), new("")
	if f.Complete {
		d.DataCRCOK = new(f.DataCRC)
	}
	if len(f.UserData) > 0 {
		d.Transport = new(int64(f.UserData[0]))
		d.Application = new(hex.EncodeToString(f.UserData[1:]))
	}
	return d
}

func classifyDNP3(s *DNP3Station) []string {
	for _, frame := range s.Frames {
		if frame.Function == "REQUEST_LINK_STATUS" {
			return nil
		}
	}
	if len(s.Frames) == 0 {
		return nil
	}
	return []string{"dnp3:access:read"}
}
