package protocols

import "strconv"

// BACnet/IP answers ReadProperty without asking who wants to know (the security of Clause 24 is hardly deployed and was
// withdrawn for BACnet/SC). The scanner asks the device object for its properties one by one, so a text that came back, be
// it empty, shows that strangers can read.
//
// Limits: the scanner drops the character set octet, so UCS-2 texts show NULs and Latin-1 texts replacement characters;
// it stops at the first property that fails, and says 0 for numbers that it did not get to.
//
// Standard: ANSI/ASHRAE 135-2020, 12.11 (Device object), 15.5 (ReadProperty), Annex J (BACnet/IP).

// BACnet returns the signature of BACnet/IP.
func BACnet() *Protocol {
	vendors := readTable(bacnetVendorTable, 2)
	return Signature[bacnetResult, BACnetDevice]{
		Name:        "bacnet",
		Title:       "BACnet/IP",
		Description: "Properties of the device object, as far as the device let a stranger read them.",
		Criterion:   "is_bacnet is true",
		Evidence:    "is_bacnet",
		Ports:       []string{"47808/udp"},
		References:  []string{"ANSI/ASHRAE 135-2020, 12.11, 15.5 and Annex J", "ASHRAE's list of BACnet vendor identifiers"},
		Labels: []Label{{
			ID:        "bacnet:access:read",
			Meaning:   "Vendor name, model name or firmware revision of the device object was read without credentials: the building's controllers answer the Internet, and ReadProperty is rarely all they answer.",
			Severity:  High,
			Remedy:    "Take the device off the Internet: put BACnet/IP behind a VPN or a firewall, or migrate to BACnet Secure Connect (TLS with client certificates).",
			Reference: "ANSI/ASHRAE 135-2020, Annex AB (BACnet/SC)",
			Since:     "0.1",
		}},
		Filter:   func(_ bool, r *bacnetResult) bool { return r.IsBACnet },
		Identify: func(r *bacnetResult) BACnetDevice { return identifyBACnet(r, vendors) },
		Classify: classifyBACnet,
	}.Protocol()
}

// bacnetResult is the scanner's result.
type bacnetResult struct {
	IsBACnet            bool    `tape:"is_bacnet"`
	InstanceNumber      *int64  `tape:"instance_number"`
	VendorID            *int64  `tape:"vendor_id"`
	VendorName          *string `tape:"vendor_name"`
	FirmwareRevision    *string `tape:"firmware_revision"`
	ApplicationRevision *string `tape:"application_software_revision"`
	ObjectName          *string `tape:"object_name"`
	ModelName           *string `tape:"model_name"`
	Description         *string `tape:"description"`
	Location            *string `tape:"location"`
}

// BACnetDevice is the fingerprint of a BACnet device: properties of its device object, as given. An empty text was read
// and is empty; an absent one was not read.
type BACnetDevice struct {
	VendorName          *string `tape:"vendor_name" doc:"Vendor_Name, as the device says it"`
	ModelName           *string `tape:"model_name" doc:"Model_Name"`
	FirmwareRevision    *string `tape:"firmware_revision" doc:"Firmware_Revision"`
	ApplicationRevision *string `tape:"application_software_revision" doc:"Application_Software_Version"`
	ObjectName          *string `tape:"object_name" doc:"Object_Name of the device object"`
	Description         *string `tape:"description" doc:"Description, free text"`
	Location            *string `tape:"location" doc:"Location, free text"`
	Instance            *int64  `tape:"instance" doc:"instance number of the device object, 0 to 4194303; 4194303 is unconfigured"`
	VendorID            *int64  `tape:"vendor_id" doc:"Vendor_Identifier, assigned by ASHRAE; 0 may mean that it was not read"`
	Vendor              *string `tape:"vendor" doc:"registered name of vendor_id, absent where the table of DICE does not have it"`
}

func identifyBACnet(r *bacnetResult, vendors map[string][]string) BACnetDevice {
	d := BACnetDevice{
		VendorName:          r.VendorName,
		ModelName:           r.ModelName,
		FirmwareRevision:    r.FirmwareRevision,
		ApplicationRevision: r.ApplicationRevision,
		ObjectName:          r.ObjectName,
		Description:         r.Description,
		Location:            r.Location,
		Instance:            r.InstanceNumber,
		VendorID:            r.VendorID,
	}
	if r.VendorID != nil {
		if row, known := vendors[strconv.FormatInt(*r.VendorID, 10)]; known {
			d.Vendor = &row[0]
		}
	}
	return d
}

func classifyBACnet(d *BACnetDevice) []string {
	if d.VendorName != nil || d.ModelName != nil || d.FirmwareRevision != nil {
		return []string{"bacnet:access:read"}
	}
	return nil
}
