package protocols

import (
	"strings"

	"github.com/dice-engine/dice/internal/tape"
)

// Modbus/TCP has no credentials. A device that answers the question for its identity (function 43, MEI type 14) serves
// whoever asks: the answer is the evidence, and the objects in it say what the device is. An exception is no answer.
//
// Limits: texts end where the device ends them, so a NUL is text; an object list that was cut short has empty slots.
//
// Standard: MODBUS Application Protocol Specification V1.1b3, sections 6.20 and 6.21 (Read Device Identification).

// Modbus returns the signature of Modbus/TCP.
func Modbus() *Protocol {
	return Signature[modbusResult, ModbusDevice]{
		Name:        "modbus",
		Title:       "Modbus/TCP",
		Description: "The answer to Read Device Identification: the objects by which a controller names itself.",
		Criterion:   "status is success and mei_response is present",
		Evidence:    "mei_response",
		Ports:       []string{"502/tcp"},
		References:  []string{"MODBUS Application Protocol Specification V1.1b3, 6.21"},
		Labels: []Label{{
			ID:        "modbus:access:anonymous",
			Meaning:   "The device told its vendor to a client that gave no credentials: anyone who reaches the port can read, and usually write, its registers.",
			Severity:  High,
			Remedy:    "Take the device off the Internet: a VPN or a firewall that admits the known masters only. Where the device can, use Modbus/TCP Security (TLS with client certificates, port 802).",
			Reference: "MODBUS/TCP Security Protocol Specification v21; CISA ICS recommended practices",
			Since:     "0.1",
		}},
		Filter:   func(success bool, r *modbusResult) bool { return success && r.Identification != nil },
		Identify: identifyModbus,
		Classify: classifyModbus,
	}.Protocol()
}

// modbusResult is the scanner's result.
type modbusResult struct {
	Length         int64                 `tape:"length,check"`
	UnitID         int64                 `tape:"unit_id,check"`
	FunctionCode   int64                 `tape:"function_code,check"`
	RawResponse    string                `tape:"raw_response,check"`
	Identification *modbusIdentification `tape:"mei_response"`
	Exception      modbusException       `tape:"exception_response,check"`
	Raw            string                `tape:"raw,check"`
}

type modbusIdentification struct {
	ConformityLevel *int64             `tape:"conformity_level"`
	MoreFollows     bool               `tape:"more_follows,check"`
	NextObjectID    int64              `tape:"next_object_id,check"`
	ObjectCount     int64              `tape:"object_count,check"`
	Objects         tape.Pairs[string] `tape:"objects,pairs"`
}

type modbusException struct {
	Function int64 `tape:"exception_function"`
	Type     int64 `tape:"exception_type"`
}

// ModbusDevice is the fingerprint of a Modbus device: its identification objects, trimmed of white space. An object
// that was not given, or was empty, is absent.
type ModbusDevice struct {
	Vendor              *string            `tape:"vendor" doc:"VendorName, object 0"`
	ProductCode         *string            `tape:"product_code" doc:"ProductCode, object 1"`
	Revision            *string            `tape:"revision" doc:"MajorMinorRevision, object 2"`
	VendorURL           *string            `tape:"vendor_url" doc:"VendorUrl, object 3"`
	ProductName         *string            `tape:"product_name" doc:"ProductName, object 4"`
	ModelName           *string            `tape:"model_name" doc:"ModelName, object 5"`
	UserApplicationName *string            `tape:"user_application_name" doc:"UserApplicationName, object 6"`
	ConformityLevel     *int64             `tape:"conformity_level" doc:"what the device can tell: 1 basic, 2 regular, 3 extended; 128 more where objects can be read one by one"`
	Objects             tape.Pairs[string] `tape:"objects" doc:"other objects, by the scanner's name for them (oid_N)"`
}

func identifyModbus(r *modbusResult) ModbusDevice {
	d := ModbusDevice{ConformityLevel: r.Identification.ConformityLevel}
	for _, object := range r.Identification.Objects {
		if object.Value == "" {
			continue
		}
		text := strings.TrimSpace(object.Value)
		if field := d.field(object.Key); field != nil {
			*field = &text
		} else {
			d.Objects = append(d.Objects, tape.Pair[string]{Key: object.Key, Value: text})
		}
	}
	return d
}

// field returns where the object of that name is kept, nil for one without a field of its own.
func (d *ModbusDevice) field(name string) **string {
	switch name {
	case "vendor":
		return &d.Vendor
	case "product_code":
		return &d.ProductCode
	case "revision":
		return &d.Revision
	case "vendor_url":
		return &d.VendorURL
	case "product_name":
		return &d.ProductName
	case "model_name":
		return &d.ModelName
	case "user_application_name":
		return &d.UserApplicationName
	}
	return nil
}

func classifyModbus(d *ModbusDevice) []string {
	if d.Vendor != nil && *d.Vendor != "" {
		return []string{"modbus:access:anonymous"}
	}
	return nil
}
