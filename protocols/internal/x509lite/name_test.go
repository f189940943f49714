package x509lite

import "testing"

func TestAppendName(t *testing.T) {
	cn := func(tag byte, value string) []byte { return seq(attribute(t, "2.5.4.3", tag, value)) }
	two := tlv(tagSet, seq(oid(t, "2.5.4.10"), tlv(tagUTF8String, []byte("o"))), seq(oid(t, "2.5.4.11"), tlv(tagUTF8String, []byte("u"))))
	for _, c := range []struct {
		name []byte
		want string
	}{
		{seq(), ""},
		{seq(attribute(t, "2.5.4.6", tagPrintableString, "CL"), attribute(t, "2.5.4.3", tagUTF8String, "plain 1")), "CN=plain 1,C=CL"},
		{seq(two), "O=o+OU=u"},
		{cn(tagUTF8String, `a,b+c"d\e<f>g;h=i#j`), `CN=a\,b\+c\"d\\e\<f\>g\;h=i#j`},
		{cn(tagUTF8String, "# x "), `CN=\# x\ `},
		{cn(tagUTF8String, " "), `CN=\ `},
		{cn(tagUTF8String, ""), `CN=`},
		{cn(tagUTF8String, "Größe 電"), "CN=Größe 電"},
		{cn(tagUTF8String, "a\x00b\x1b[2J\u202ec"), `CN=a\00b\1b[2J\e2\80\aec`},
		{cn(tagUTF8String, "\xff\xe9"), `CN=\ff\e9`},
		{cn(tagPrintableString, "caf\xe9"), `CN=caf\e9`},
		{cn(tagTeletexString, "caf\xe9"), "CN=café"},
		{cn(tagTeletexString, "café"), "CN=café"},
		{cn(tagBMPString, "\x00a\x96\xfb"), "CN=a電"},
		{cn(tagBMPString, "\x00a\x96"), "CN=#1e03006196"},
		{cn(tagBMPString, "\xd8\x00"), "CN=\ufffd"},
		{cn(tagUniversalString, "\x00\x00\x00a"), "CN=a"},
		{cn(tagUniversalString, "\xff\xff\xff\xff"), "CN=\ufffd"},
		{cn(tagInteger, "\x05"), "CN=#020105"},
		{seq(attribute(t, "1.2.3.4", tagUTF8String, "x")), "1.2.3.4=#0c0178"},
		{seq(attribute(t, "1.2.840.113549.1.9.1", tagIA5String, "a@b")), "emailAddress=a@b"},
	} {
		got, ok := AppendName(nil, c.name)
		if !ok || string(got) != c.want {
			t.Errorf("%x: got %q, want %q", c.name, got, c.want)
		}
	}
	for _, broken := range [][]byte{
		nil, tlv(tagSet), seq(seq()), seq(tlv(tagSet, tlv(tagSet))), seq(tlv(tagSet, seq())), {tagSequence, 2, tagSet, 9},
		seq(tlv(tagSet, seq(oid(t, "2.5.4.3")))), seq(tlv(tagSet, seq(tlv(tagOID), tlv(tagUTF8String)))),
	} {
		if text, ok := AppendName(nil, broken); ok {
			t.Errorf("%x: got %q, want nothing", broken, text)
		}
	}
}
