package dnp3

import "encoding/binary"

// polynomial is x^16 + x^13 + x^12 + x^11 + x^10 + x^8 + x^6 + x^5 + x^2 + 1, bits reversed.
const polynomial = 0xa6bc

// crcTable gives the remainder of each octet.
var crcTable = makeTable()

func makeTable() (table [256]uint16) {
	for i := range table {
		crc := uint16(i)
		for range 8 {
			if crc&1 != 0 {
				crc = crc>>1 ^ polynomial
			} else {
				crc >>= 1
			}
		}
		table[i] = crc
	}
	return table
}

// Checksum returns the CRC of octets as it follows them, little endian (IEEE 1815-2012, 9.2.4.4).
func Checksum(octets []byte) uint16 {
	var crc uint16
	for _, octet := range octets {
		crc = crc>>8 ^ crcTable[byte(crc)^octet]
	}
	return ^crc
}

// holds says whether the last two octets are the CRC of those before.
func holds(octets []byte) bool {
	n := len(octets) - crcSize
	return Checksum(octets[:n]) == binary.LittleEndian.Uint16(octets[n:])
}
