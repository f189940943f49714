package x509lite

import (
	"bytes"
	"testing"
)

func TestReadKey(t *testing.T) {
	bits := func(parts ...[]byte) []byte { return tlv(tagBitString, append([][]byte{{0}}, parts...)...) }
	rsa := func(kind string, modulus, exponent []byte) []byte {
		return append(seq(oid(t, kind)), bits(seq(tlv(tagInteger, modulus), tlv(tagInteger, exponent)))...)
	}
	ec := func(parameters []byte) []byte {
		return append(seq(oid(t, "1.2.840.10045.2.1"), parameters), bits([]byte{4, 1, 2})...)
	}
	dsa := seq(tlv(tagInteger, []byte{0, 0x80}, make([]byte, 127)), tlv(tagInteger, []byte{3}), tlv(tagInteger, []byte{2}))
	prime := seq(oid(t, "1.2.840.10045.1.1"), tlv(tagInteger, bytes.Repeat([]byte{0x7f}, 24)))
	full := bytes.Repeat([]byte{0xff}, 256)
	for _, c := range []struct {
		name string
		spki []byte
		want Key
	}{
		{"rsa", rsa("1.2.840.113549.1.1.1", append([]byte{0}, full...), []byte{1, 0, 1}), Key{"RSA", 2048, false}},
		{"rsa for pss", rsa("1.2.840.113549.1.1.10", []byte{0, 1, 0xff}, []byte{3}), Key{"RSA", 9, false}},
		{"rsa without the leading zero", rsa("1.2.840.113549.1.1.1", full, []byte{3}), Key{"RSA", 2048, false}},
		{"rsa with exponent 1", rsa("1.2.840.113549.1.1.1", full, []byte{1}), Key{"RSA", 2048, true}},
		{"rsa with exponent 2", rsa("1.2.840.113549.1.1.1", full, []byte{2}), Key{"RSA", 2048, true}},
		{"rsa with an even exponent", rsa("1.2.840.113549.1.1.1", full, []byte{1, 0, 0}), Key{"RSA", 2048, true}},
		{"rsa with exponent 0", rsa("1.2.840.113549.1.1.1", full, []byte{0}), Key{"RSA", 2048, true}},
		{"rsa with modulus 0", rsa("1.2.840.113549.1.1.1", []byte{0}, []byte{3}), Key{"RSA", 0, false}},
		{"rsa garbage", append(seq(oid(t, "1.2.840.113549.1.1.1")), bits([]byte{9})...), Key{"RSA", -1, false}},
		{"rsa nothing", append(seq(oid(t, "1.2.840.113549.1.1.1")), tlv(tagBitString)...), Key{"RSA", -1, false}},
		{"dsa", append(seq(oid(t, "1.2.840.10040.4.1"), dsa), bits(tlv(tagInteger, []byte{5}))...), Key{"DSA", 1024, false}},
		{"dsa with inherited parameters", append(seq(oid(t, "1.2.840.10040.4.1")), bits()...), Key{"DSA", -1, false}},
		{"p-192", ec(oid(t, "1.2.840.10045.3.1.1")), Key{"EC", 192, false}},
		{"p-224", ec(oid(t, "1.3.132.0.33")), Key{"EC", 224, false}},
		{"p-521", ec(oid(t, "1.3.132.0.35")), Key{"EC", 521, false}},
		{"secp256k1", ec(oid(t, "1.3.132.0.10")), Key{"EC", 256, false}},
		{"brainpoolP512t1", ec(oid(t, "1.3.36.3.3.2.8.1.1.14")), Key{"EC", 512, false}},
		{"unknown curve", ec(oid(t, "1.2.3.4")), Key{"EC", -1, false}},
		{"explicit curve", ec(seq(tlv(tagInteger, []byte{1}), prime)), Key{"EC", -1, false}},
		{"implicit curve", ec(tlv(tagNull)), Key{"EC", -1, false}},
		{"ed25519", append(seq(oid(t, "1.3.101.112")), bits(make([]byte, 32))...), Key{"Ed25519", -1, false}},
		{"unknown", append(seq(oid(t, "1.2.3.4")), bits()...), Key{"1.2.3.4", -1, false}},
		{"unreadable OID", append(seq(tlv(tagOID, []byte{0x80})), bits()...), Key{"", -1, false}},
	} {
		if got, ok := readKey(c.spki); !ok || got != c.want {
			t.Errorf("%s: got %+v, want %+v", c.name, got, c.want)
		}
	}
}

func TestReadSignature(t *testing.T) {
	hash := func(dotted string) []byte { return seq(oid(t, dotted), tlv(tagNull)) }
	pss := func(parts ...[]byte) []byte { return append(oid(t, oidPSS), bytes.Join(parts, nil)...) }
	for _, c := range []struct {
		name string
		body []byte
		want Algorithm
	}{
		{"md2", oid(t, "1.2.840.113549.1.1.2"), Algorithm{"md2WithRSAEncryption", "MD2"}},
		{"ecdsa sha1", oid(t, "1.2.840.10045.4.1"), Algorithm{"ecdsa-with-SHA1", "SHA-1"}},
		{"ed25519", oid(t, "1.3.101.112"), Algorithm{"Ed25519", ""}},
		{"unknown", oid(t, "1.2.3.4"), Algorithm{"1.2.3.4", ""}},
		{"nothing", nil, Algorithm{"", ""}},
		{"pss, no parameters", pss(), Algorithm{"RSASSA-PSS-SHA-1", "SHA-1"}},
		{"pss, null", pss(tlv(tagNull)), Algorithm{"RSASSA-PSS-SHA-1", "SHA-1"}},
		{"pss, default", pss(seq()), Algorithm{"RSASSA-PSS-SHA-1", "SHA-1"}},
		{"pss, salt only", pss(seq(tlv(0xa2, tlv(tagInteger, []byte{32})))), Algorithm{"RSASSA-PSS-SHA-1", "SHA-1"}},
		{"pss, sha-256", pss(seq(tlv(tagPSSHash, hash("2.16.840.1.101.3.4.2.1")))), Algorithm{"RSASSA-PSS-SHA-256", "SHA-256"}},
		{"pss, md5", pss(seq(tlv(tagPSSHash, hash("1.2.840.113549.2.5")))), Algorithm{"RSASSA-PSS-MD5", "MD5"}},
		{"pss, unknown", pss(seq(tlv(tagPSSHash, hash("1.2.3.4")))), Algorithm{"RSASSA-PSS", ""}},
		{"ecdsa, specified", append(oid(t, oidECDSASpecified), hash("1.3.14.3.2.26")...), Algorithm{"ecdsa-with-Specified-SHA-1", "SHA-1"}},
	} {
		if got := readSignature(c.body); got != c.want {
			t.Errorf("%s: got %+v, want %+v", c.name, got, c.want)
		}
	}
}
