package zgrab2

import "github.com/dice-engine/dice/internal/tape"

// Bacnet is the result of the module bacnet. It asks for the properties in this order and stops at the first failure.
type Bacnet struct {
	IsBacnet         *bool   `tape:"is_bacnet" doc:"the host speaks BACnet"`
	InstanceNumber   *int64  `tape:"instance_number" doc:"device instance, 22 bits"`
	VendorID         *int64  `tape:"vendor_id" doc:"ASHRAE's number of the vendor"`
	VendorName       *string `tape:"vendor_name" doc:"property 121"`
	FirmwareRevision *string `tape:"firmware_revision" doc:"property 44; 0.0 where it was empty"`
	ApplicationSW    *string `tape:"application_software_revision" doc:"property 12; 0.0 where it was empty"`
	ObjectName       *string `tape:"object_name" doc:"property 77"`
	ModelName        *string `tape:"model_name" doc:"property 70"`
	Description      *string `tape:"description" doc:"property 28"`
	Location         *string `tape:"location" doc:"property 58"`
}

// Coap is the result of the module coap: an entry for each path that was asked.
type Coap []*CoapEntry

// CoapEntry holds the answers for one path.
type CoapEntry struct {
	Path     *string        `tape:"path" doc:"as asked, like .well-known/core"`
	Messages []*CoapMessage `tape:"messages" doc:"the answer's messages, one per block"`
}

// CoapMessage is a message of an answer.
type CoapMessage struct {
	Header  *CoapHeader             `tape:"header" doc:"the message's first octets"`
	Payload *CoapPayload            `tape:"payload" doc:"null where the answer named no content format"`
	Options tape.Pairs[*CoapOption] `tape:"options,pairs" doc:"options by number"`
}

// CoapHeader is the header of a message (RFC 7252, 3).
type CoapHeader struct {
	MessageID *int64  `tape:"message-id" doc:"message ID"`
	Version   *int64  `tape:"version" doc:"always 1"`
	Type      *int64  `tape:"type" doc:"0 confirmable, 1 non-confirmable, 2 acknowledgement, 3 reset"`
	TokenLen  *int64  `tape:"token-len" doc:"octets of the token"`
	Token     *string `tape:"token" doc:"base64"`
	Code      *string `tape:"code" doc:"class and detail, like 2.05"`
}

// CoapPayload is the payload of a message.
type CoapPayload struct {
	ContentFormat *CoapContentFormat `tape:"ContentFormat" doc:"what the payload is"`
	Body          *string            `tape:"Body" doc:"base64"`
	StringRep     *string            `tape:"StringRep" doc:"the body as text, without NULs"`
}

// CoapContentFormat names a content format.
type CoapContentFormat struct {
	Name      *string `tape:"Name" doc:"the scanner's name for it"`
	StringRep *string `tape:"StringRep" doc:"media type"`
}

// CoapOption is an option of a message.
type CoapOption struct {
	ID    *int64  `tape:"ID" doc:"number"`
	Name  *string `tape:"Name" doc:"the scanner's name for it"`
	Value *string `tape:"Value" doc:"base64"`
}

// Dnp3 is the result of the module dnp3: what arrived after a burst of link status requests.
type Dnp3 struct {
	IsDnp3      *bool   `tape:"is_dnp3" doc:"the answer begins with a link frame's start octets"`
	RawResponse *string `tape:"raw_response" doc:"the answer's octets, base64"`
}

// Modbus is the result of the module modbus: the answer to Read Device Identification.
type Modbus struct {
	Length       *int64           `tape:"length" doc:"of the frame, from the unit on"`
	UnitID       *int64           `tape:"unit_id" doc:"unit that answered"`
	FunctionCode *int64           `tape:"function_code" doc:"43, or 171 for an exception"`
	RawResponse  *string          `tape:"raw_response" doc:"octets after the function code, base64"`
	MEIResponse  *ModbusMEI       `tape:"mei_response" doc:"the identification"`
	Exception    *ModbusException `tape:"exception_response" doc:"the refusal"`
	Raw          *string          `tape:"raw" doc:"the whole frame, base64"`
}

// ModbusMEI is a device identification.
type ModbusMEI struct {
	ConformityLevel *int64              `tape:"conformity_level" doc:"what the device can tell"`
	MoreFollows     *bool               `tape:"more_follows" doc:"the list was cut by the device"`
	NextObjectID    *int64              `tape:"next_object_id" doc:"where it goes on"`
	ObjectCount     *int64              `tape:"object_count" doc:"objects in this answer"`
	Objects         *tape.Pairs[string] `tape:"objects,pairs" doc:"vendor, product_code, revision, vendor_url, product_name, model_name, user_application_name or oid_N, and their texts"`
}

// ModbusException is a refusal.
type ModbusException struct {
	Function *int64 `tape:"exception_function" doc:"function that was refused"`
	Type     *int64 `tape:"exception_type" doc:"exception code"`
}

// Rtps is the result of the module rtps: the first datagram that came back.
type Rtps struct {
	RawMessage  *string      `tape:"raw-message" doc:"the datagram, base64"`
	RawResponse *string      `tape:"raw_response" doc:"the same in other versions"`
	Message     *RtpsMessage `tape:"message" doc:"the datagram taken apart"`
}

// RtpsMessage is a datagram taken apart.
type RtpsMessage struct {
	Header  *RtpsHeader `tape:"header" doc:"null where the datagram is not RTPS"`
	Payload *string     `tape:"payload" doc:"octets after the header, base64"`
}

// RtpsHeader is the header of a message (DDSI-RTPS 2.5, 9.4.4).
type RtpsHeader struct {
	Magic      []int64 `tape:"Magic" doc:"R, T, P, S"`
	Version    []int64 `tape:"protocol-version" doc:"major, minor"`
	VendorID   []int64 `tape:"vendor-id" doc:"two octets"`
	GUIDPrefix []int64 `tape:"guid-prefix" doc:"twelve octets"`
}
