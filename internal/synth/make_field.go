package synth

import (
	"encoding/binary"
	"fmt"

	"github.com/dice-engine/dice/internal/tape"
	"github.com/dice-engine/dice/internal/zgrab2"
)

// hostile are words that a device may say to harm who prints them.
func hostile() []string {
	return []string{
		"\x1b[31mred\x1b[0m", "line\r\nbreak", "tab\there", "\u2028separator", "right\u202eleft", "=cmd|' /C calc'!A0",
		"'; DROP TABLE hosts; --", "<script>alert(1)</script>", "naïve – 工業", "\\\"quoted\\\"", "bell\a",
	}
}

// word returns a word of the list with the variant's number, now and then followed by a hostile one.
func (m *maker) word(words ...string) string {
	w := pick(m.random, words) + " " + m.tag()
	if m.in(1, 50) {
		w += " " + pick(m.random, hostile())
	}
	return w
}

func bacnet(m *maker) (*zgrab2.Bacnet, labels) {
	switch m.class {
	case failed:
		return nil, 0
	case other:
		return &zgrab2.Bacnet{IsBacnet: ref(false)}, 0
	}
	b := &zgrab2.Bacnet{IsBacnet: ref(true), InstanceNumber: ref(int64(m.variant % (1 << 22))), VendorID: ref(m.n(1500))}
	if m.in(1, 12) { // told its number and no more
		b.ObjectName = ref(m.word("AHU", "Chiller"))
		return b, 0
	}
	b.VendorName = ref(m.word("Trane", "Johnson Controls", "Siemens", "Delta Controls", "Honeywell"))
	if m.in(1, 30) {
		b.VendorName = ref("")
	}
	if m.in(4, 5) {
		b.FirmwareRevision = ref(fmt.Sprintf("%d.%d.%x", m.n(9), m.n(20), m.variant))
		b.ApplicationSW = ref("0.0")
		b.ObjectName = ref(m.word("NAE", "VAV", "Boiler"))
		b.ModelName = ref(m.word("Tracer SC+", "MS-NAE5510", "PXC36", "DSC-1212"))
		b.Description, b.Location = ref(m.word("Roof", "Basement")), ref("unknown")
	}
	return b, bacnetRead
}

func dnp3(m *maker) (*zgrab2.Dnp3, labels) {
	switch {
	case m.class == failed:
		return nil, 0
	case m.class == other && m.in(1, 2):
		return &zgrab2.Dnp3{IsDnp3: ref(true)}, 0
	case m.class == other:
		return &zgrab2.Dnp3{IsDnp3: ref(false), RawResponse: ref(b64(m.octets(make([]byte, 12))))}, 0
	}
	var raw []byte
	l := dnp3Read
	switch kind := m.n(20); {
	case kind < 12: // link status
		for range 1 + m.n(5) {
			raw = m.frame(raw, 0x0b, nil)
		}
	case kind < 14:
		raw = m.frame(raw, 0x01, nil) // NACK
	case kind < 17: // unsolicited data, then link status
		raw = m.frame(raw, 0x44, m.octets(make([]byte, 1+m.n(60))))
		raw = m.frame(raw, 0x0b, nil)
	case kind < 19: // an echo of the probe, after data that hides it from a careless reader
		if kind == 18 {
			raw = m.frame(raw, 0x44, m.octets(make([]byte, 40)))
		}
		raw, l = m.frame(raw, 0xc9, nil), 0
	default: // start octets and no frame: the checksum is wrong
		raw, l = m.frame(raw, 0x0b, nil), 0
		raw[8] ^= 0x5a
	}
	return &zgrab2.Dnp3{IsDnp3: ref(true), RawResponse: ref(b64(raw))}, l
}

// frame appends a link frame (IEEE 1815, 9.2.4) whose addresses carry the variant's number.
func (m *maker) frame(dst []byte, control byte, user []byte) []byte {
	header := []byte{0x05, 0x64, byte(5 + len(user)), control}
	header = binary.LittleEndian.AppendUint16(header, uint16(m.variant>>16))
	header = binary.LittleEndian.AppendUint16(header, uint16(m.variant))
	dst = binary.LittleEndian.AppendUint16(append(dst, header...), dnpCRC(header))
	for len(user) > 0 {
		size := min(16, len(user))
		dst = binary.LittleEndian.AppendUint16(append(dst, user[:size]...), dnpCRC(user[:size]))
		user = user[size:]
	}
	return dst
}

// dnpCRC is the checksum of DNP3: the polynomial 0x3D65, reflected, inverted at the end.
func dnpCRC(p []byte) uint16 {
	crc := uint16(0)
	for _, b := range p {
		crc ^= uint16(b)
		for range 8 {
			if crc&1 != 0 {
				crc = crc>>1 ^ 0xa6bc
			} else {
				crc >>= 1
			}
		}
	}
	return ^crc
}

func modbus(m *maker) (*zgrab2.Modbus, labels) {
	switch m.class {
	case failed:
		return nil, 0
	case other:
		return &zgrab2.Modbus{
			Length: ref(int64(3)), UnitID: ref(m.n(255)), FunctionCode: ref(int64(171)), Raw: ref("AAAAAAADAKsB"),
			Exception: &zgrab2.ModbusException{Function: ref(int64(43)), Type: ref(1 + m.n(4))},
		}, 0
	}
	objects, l := tape.Pairs[string]{}, labels(0)
	add := func(key, value string) { objects = append(objects, tape.Pair[string]{Key: key, Value: value}) }
	if m.in(1, 6) {
		add("oid_128", m.word("serial"))
	}
	if m.in(9, 10) {
		add("product_code", m.word("BMX P34 2020", "TM221CE40R", "750-881"))
		add("revision", fmt.Sprintf("v%d.%x", m.n(9), m.variant))
	}
	switch m.n(12) {
	case 0: // none
	case 1:
		add("vendor", "  \t")
	default:
		add("vendor", m.word("Schneider Electric", "WAGO", "ABB", "Moxa", "Siemens"))
		l = modbusAnonymous
	}
	raw := m.octets(make([]byte, 20))
	return &zgrab2.Modbus{
		Length: ref(m.n(200)), UnitID: ref(m.n(255)), FunctionCode: ref(int64(43)), RawResponse: ref(b64(raw)), Raw: ref(b64(raw)),
		MEIResponse: &zgrab2.ModbusMEI{
			ConformityLevel: ref(1 + m.n(3)), MoreFollows: ref(false), NextObjectID: ref(int64(0)),
			ObjectCount: ref(int64(len(objects))), Objects: &objects,
		},
	}, l
}

func rtps(m *maker) (*zgrab2.Rtps, labels) {
	message := &zgrab2.RtpsMessage{}
	if m.class != kept {
		return &zgrab2.Rtps{Message: message}, 0
	}
	prefix := m.octets(make([]byte, 12))
	binary.BigEndian.PutUint64(prefix, m.variant)
	datagram := append([]byte{'R', 'T', 'P', 'S', 2, byte(m.n(5)), 1, byte(m.n(22))}, prefix...)
	datagram = append(datagram, m.octets(make([]byte, 8+m.n(60)))...)
	l := rtpsRead | rtpsLeak
	switch m.n(15) {
	case 0:
		datagram, l = append([]byte("HTTP/1.1 400 Bad Request\r\n"), prefix...), 0
	case 1:
		datagram, l = append([]byte("RTPS"), prefix[:m.n(12)]...), 0
	default:
		message.Header = &zgrab2.RtpsHeader{
			Magic: ints(datagram[:4]), Version: ints(datagram[4:6]), VendorID: ints(datagram[6:8]), GUIDPrefix: ints(datagram[8:20]),
		}
		message.Payload = ref(b64(datagram[20:]))
	}
	if m.in(1, 20) {
		return &zgrab2.Rtps{RawResponse: ref(b64(datagram)), Message: message}, l
	}
	return &zgrab2.Rtps{RawMessage: ref(b64(datagram)), Message: message}, l
}

func ints(p []byte) []int64 {
	list := make([]int64, len(p))
	for i, b := range p {
		list[i] = int64(b)
	}
	return list
}
