package x509lite

// The tags that matter here.
const (
	tagInteger         = 0x02
	tagBitString       = 0x03
	tagNull            = 0x05
	tagOID             = 0x06
	tagUTF8String      = 0x0c
	tagNumericString   = 0x12
	tagPrintableString = 0x13
	tagTeletexString   = 0x14
	tagIA5String       = 0x16
	tagUTCTime         = 0x17
	tagGeneralizedTime = 0x18
	tagVisibleString   = 0x1a
	tagUniversalString = 0x1c
	tagBMPString       = 0x1e
	tagSequence        = 0x30
	tagSet             = 0x31
	tagVersion         = 0xa0 // [0] of TBSCertificate
	tagPSSHash         = 0xa0 // [0] of RSASSA-PSS-params
)

// element is one ASN.1 value.
type element struct {
	tag  byte   // class, form and number; 31 stands for all higher numbers
	raw  []byte // with tag and length
	body []byte
}

// cursor takes elements off the front of its octets.
type cursor []byte

// next takes one element. Lengths need not be minimal; an indefinite one is not understood.
func (c *cursor) next() (e element, ok bool) {
	b := *c
	header := 1
	if len(b) > 0 && b[0]&0x1f == 0x1f {
		for header < len(b) && b[header]&0x80 != 0 {
			header++
		}
		header++
	}
	if len(b) <= header {
		return e, false
	}
	size := int(b[header])
	header++
	if size >= 0x80 {
		if size, header, ok = longLength(b, header, size&0x7f); !ok {
			return e, false
		}
	}
	if size > len(b)-header {
		return e, false
	}
	end := header + size
	*c = b[end:]
	return element{b[0], b[:end:end], b[header:end:end]}, true
}

// longLength reads a length of n octets at b[at:] and returns it with the place after it.
func longLength(b []byte, at, n int) (size, after int, ok bool) {
	if n == 0 || n > len(b)-at {
		return 0, 0, false
	}
	for _, octet := range b[at : at+n] {
		if size > len(b) {
			return 0, 0, false
		}
		size = size<<8 | int(octet)
	}
	return size, at + n, true
}

// expect takes one element, which must have the tag.
func (c *cursor) expect(tag byte) (element, bool) {
	e, ok := c.next()
	return e, ok && e.tag == tag
}

// optional takes one element if it has the tag.
func (c *cursor) optional(tag byte) (e element, ok bool) {
	if len(*c) == 0 || (*c)[0] != tag {
		return e, false
	}
	return c.next()
}
