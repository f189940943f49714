package x509lite

import (
	"bytes"
	"errors"
	"testing"
)

func TestParseReadsThePlain(t *testing.T) {
	p := plain(t)
	c, rest, err := Parse(append(p.encode(), "tail"...))
	if err != nil || string(rest) != "tail" {
		t.Fatalf("rest %q, %v", rest, err)
	}
	if !bytes.Equal(c.Raw, p.encode()) || !bytes.Equal(c.SPKI, p.spki) || !bytes.Equal(c.Serial, []byte{1}) {
		t.Errorf("raw %x, key %x, serial %x", c.Raw, c.SPKI, c.Serial)
	}
	if (c.Key != Key{"RSA", 2048, false}) || (c.Signature != Algorithm{"sha256WithRSAEncryption", "SHA-256"}) {
		t.Errorf("key %+v, signature %+v", c.Key, c.Signature)
	}
	if c.NotAfter-c.NotBefore != 366*24*3600*1_000_000 || c.SelfIssued() {
		t.Errorf("valid from %d to %d, self-issued %v", c.NotBefore, c.NotAfter, c.SelfIssued())
	}
}

func TestParseForgives(t *testing.T) {
	for name, change := range map[string]func(p *parts){
		"no serial":            func(p *parts) { p.serial = nil },
		"negative serial":      func(p *parts) { p.serial = tlv(tagInteger, []byte{0x80}) },
		"empty serial":         func(p *parts) { p.serial = tlv(tagInteger) },
		"empty algorithm":      func(p *parts) { p.algorithm = seq() },
		"empty names":          func(p *parts) { p.issuer, p.subject = seq(), seq() },
		"garbage in a name":    func(p *parts) { p.subject = seq([]byte{1, 2, 3, 4}) },
		"key without a NULL":   func(p *parts) { p.spki = seq(seq(oid(t, "1.2.840.113549.1.1.1")), tlv(tagBitString)) },
		"unknown key":          func(p *parts) { p.spki = seq(seq(oid(t, "1.2.3")), tlv(tagBitString, []byte{0})) },
		"broken extensions":    func(p *parts) { p.rest = []byte{0xa3, 0x7f, 1} },
		"algorithm unreadable": func(p *parts) { p.algorithm = seq(tlv(tagOID, []byte{0xff})) },
	} {
		p := plain(t)
		change(&p)
		if _, rest, err := Parse(p.encode()); err != nil || len(rest) > 0 {
			t.Errorf("%s: %v, rest %x", name, err, rest)
		}
	}
}

func TestVersionOfAWrongLength(t *testing.T) {
	der := plain(t).encode()
	for _, length := range []byte{0, 2, 3, 7} {
		odd := bytes.Replace(der, []byte{tagVersion, 3, tagInteger, 1, 2}, []byte{tagVersion, length, tagInteger, 1, 2}, 1)
		if _, _, err := Parse(odd); err != nil {
			t.Errorf("length %d: %v", length, err)
		}
	}
}

func TestParseTakesLongLengths(t *testing.T) {
	der := plain(t).encode()
	long := append([]byte{der[0], 0x84, 0, 0}, der[2:]...)
	c, rest, err := Parse(long)
	if err != nil || len(rest) > 0 || !bytes.Equal(c.Raw, long) {
		t.Errorf("%v, rest %x", err, rest)
	}
}

func TestParseRefuses(t *testing.T) {
	broken := func(change func(p *parts)) []byte {
		p := plain(t)
		change(&p)
		return p.encode()
	}
	whole := plain(t).encode()
	for _, c := range []struct {
		name string
		der  []byte
		want error
	}{
		{"nothing", nil, ErrSequence},
		{"text", []byte("<certificate/>"), ErrSequence},
		{"one octet", whole[:1], ErrLength},
		{"cut", whole[:len(whole)-1], ErrLength},
		{"indefinite length", append([]byte{tagSequence, 0x80}, whole[4:]...), ErrLength},
		{"huge length", []byte{tagSequence, 0x88, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0}, ErrLength},
		{"empty sequence", seq(), ErrNames},
		{"empty body", seq(seq()), ErrNames},
		{"issuer is a set", broken(func(p *parts) { p.issuer = tlv(tagSet) }), ErrNames},
		{"subject is a set", broken(func(p *parts) { p.subject = tlv(tagSet) }), ErrNames},
		{"one date", broken(func(p *parts) { p.validity = seq(tlv(tagUTCTime, []byte("240101000000Z"))) }), ErrDates},
		{"no dates", broken(func(p *parts) { p.validity = nil }), ErrDates},
		{"month 13", broken(func(p *parts) { p.validity = bytes.Replace(p.validity, []byte("2401"), []byte("2413"), 1) }), ErrDates},
		{"key without bits", broken(func(p *parts) { p.spki = seq(seq(oid(t, "1.2.3"))) }), ErrKey},
		{"no key", broken(func(p *parts) { p.spki = nil }), ErrKey},
	} {
		if _, _, err := Parse(c.der); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
}

func TestOuterSignatureCounts(t *testing.T) {
	p := plain(t)
	tbs := seq(p.serial, p.algorithm, p.issuer, p.validity, p.subject, p.spki)
	md5 := seq(oid(t, "1.2.840.113549.1.1.4"), tlv(tagNull))
	for want, der := range map[string][]byte{"MD5": seq(tbs, md5, tlv(tagBitString)), "SHA-256": seq(tbs)} {
		if c, _, err := Parse(der); err != nil || c.Signature.Digest != want {
			t.Errorf("digest %s, want %s; %v", c.Signature.Digest, want, err)
		}
	}
}

// TestLinearTime would not end if reading took more than linear time.
func TestLinearTime(t *testing.T) {
	p := plain(t)
	var names [][]byte
	for range 400 {
		names = append(names, attribute(t, "2.5.4.3", tagTeletexString, "\xe9 \x00,"))
	}
	p.subject = seq(names...)
	p.serial = tlv(tagInteger, bytes.Repeat([]byte{0xfe}, 20_000))
	c, _, err := Parse(p.encode())
	if err != nil {
		t.Fatal(err)
	}
	if text, ok := AppendName(nil, c.Subject); !ok || len(text) < 400*10 {
		t.Errorf("name of %d octets", len(text))
	}
	for _, mark := range []string{"-----BEGIN ", "-----BEGIN CERTIFICATE", "-----", "\n", "A"} {
		if _, err := Decode(nil, bytes.Repeat([]byte(mark), 1<<20/len(mark)+1)); err == nil && mark != "A" && mark != "\n" {
			t.Errorf("%q again and again was decoded", mark)
		}
	}
}
