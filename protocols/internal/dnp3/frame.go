// Package dnp3 reads the data link layer of DNP3 (IEEE 1815-2012, clause 9) from whatever octets a stranger sent.
//
// A frame is a header of ten octets, the last two its CRC, followed by blocks of up to sixteen octets of user data, each
// with a CRC of its own. The first octet of the user data is the transport function's, the rest belongs to the
// application layer:
//
//	for _, frame := range dnp3.Frames(octets) {
//		fmt.Println(frame.Source, frame.Function())
//	}
package dnp3

import "encoding/binary"

const (
	headerSize = 10 // with its CRC
	blockSize  = 16 // the user data between two CRCs
	crcSize    = 2
	minLength  = 5 // control, destination and source: what the length octet counts of the header
)

// Frame is one link frame whose header is whole and holds.
type Frame struct {
	Length      int    // the length octet: 5 plus the number of octets of user data
	Control     byte   // DIR, PRM, FCB, FCV or DFC, and four bits of function code
	Destination uint16 // link address
	Source      uint16 // link address
	CRC         uint16 // of the header
	UserData    []byte // without the CRCs of its blocks, as far as it came
	Complete    bool   // all blocks came, with their CRCs
	DataCRC     bool   // all blocks came and their CRCs hold
}

// Frames reads frames up to the first octets that are not the header of one: not 05 64, a length below 5, or a wrong
// CRC. A last frame that was cut after its header is still given.
func Frames(octets []byte) []Frame {
	var frames []Frame
	for {
		frame, rest, ok := next(octets)
		if !ok {
			return frames
		}
		frames = append(frames, frame)
		octets = rest
	}
}

func next(octets []byte) (frame Frame, rest []byte, ok bool) {
	if len(octets) < headerSize || octets[0] != 0x05 || octets[1] != 0x64 || octets[2] < minLength || !holds(octets[:headerSize]) {
		return frame, nil, false
	}
	frame = Frame{
		Length:      int(octets[2]),
		Control:     octets[3],
		Destination: binary.LittleEndian.Uint16(octets[4:]),
		Source:      binary.LittleEndian.Uint16(octets[6:]),
		CRC:         binary.LittleEndian.Uint16(octets[8:]),
	}
	return frame, frame.readBlocks(octets[headerSize:]), true
}

// readBlocks takes the user data from the octets that follow the header and returns what follows the frame.
func (f *Frame) readBlocks(octets []byte) (rest []byte) {
	f.Complete, f.DataCRC = true, true
	for missing := f.Length - minLength; missing > 0; missing -= blockSize {
		size := min(missing, blockSize)
		if len(octets) < size+crcSize {
			f.UserData = append(f.UserData, octets[:min(size, len(octets))]...)
			f.Complete, f.DataCRC = false, false
			return nil
		}
		f.UserData = append(f.UserData, octets[:size]...)
		f.DataCRC = f.DataCRC && holds(octets[:size+crcSize])
		octets = octets[size+crcSize:]
	}
	return octets
}

// FromMaster is the DIR bit: whether a master sent the frame, or else an outstation.
func (f Frame) FromMaster() bool { return f.Control&0x80 != 0 }

// Primary is the PRM bit: whether the frame begins a transaction, or else answers one.
func (f Frame) Primary() bool { return f.Control&0x40 != 0 }

// FlowBits are FCB and FCV of a primary frame, a reserved bit and DFC of a secondary one, as a number from 0 to 3.
func (f Frame) FlowBits() int { return int(f.Control >> 4 & 3) }

// FunctionCode is what the frame asks or answers; its meaning depends on Primary.
func (f Frame) FunctionCode() int { return int(f.Control & 0x0f) }

// HasData says whether the header announces user data.
func (f Frame) HasData() bool { return f.Length > minLength }

// Function returns the standard's name of the function code, UNKNOWN for one that it does not define.
func (f Frame) Function() string {
	if f.Primary() {
		switch f.FunctionCode() {
		case 0:
			return "RESET_LINK_STATES"
		case 2:
			return "TEST_LINK_STATES"
		case 3:
			return "CONFIRMED_USER_DATA"
		case 4:
			return "UNCONFIRMED_USER_DATA"
		case 9:
			return "REQUEST_LINK_STATUS"
		}
		return "UNKNOWN"
	}
	switch f.FunctionCode() {
	case 0:
		return "ACK"
	case 1:
		return "NACK"
	case 11:
		return "LINK_STATUS"
	case 15:
		return "NOT_SUPPORTED"
	}
	return "UNKNOWN"
}
