package x509lite

import (
	"encoding/base64"
	"errors"
	"strings"
	"testing"
)

func TestDecode(t *testing.T) {
	der := plain(t).encode()
	text := base64.StdEncoding.EncodeToString(der)
	wrapped := text[:64] + "\n" + text[64:128] + "\r\n" + text[128:]
	pem := "-----BEGIN CERTIFICATE-----\n" + wrapped + "\n-----END CERTIFICATE-----\n"
	for name, form := range map[string]string{
		"octets":            string(der),
		"one line":          text,
		"wrapped":           wrapped,
		"line end":          text + "\r\n",
		"pem":               pem,
		"crlf":              strings.ReplaceAll(pem, "\n", "\r\n"),
		"one line of pem":   "-----BEGIN CERTIFICATE-----" + text + "-----END CERTIFICATE-----",
		"no end":            "-----BEGIN CERTIFICATE-----\n" + wrapped,
		"no begin":          wrapped + "\n-----END CERTIFICATE-----",
		"leading newline":   "\n" + pem,
		"explanatory text":  "subject=CN = x -----\n" + pem,
		"another before":    "-----BEGIN PRIVATE KEY-----\nAA==\n-----END PRIVATE KEY-----\n" + pem,
		"two":               pem + "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n",
		"text after":        pem + "that was it",
		"old boundary":      strings.ReplaceAll(pem, "CERTIFICATE", "X509 CERTIFICATE"),
		"indented":          strings.ReplaceAll(pem, "\n", "\n \t"),
		"unterminated line": "-----BEGIN something\n" + pem,
	} {
		if got, err := Decode(nil, []byte(form)); err != nil || string(got) != string(der) {
			t.Errorf("%s: %v, %x", name, err, got)
		}
	}
	for name, c := range map[string]struct {
		text string
		want error
	}{
		"not base64":       {"<certificate/>", ErrBase64},
		"blank":            {text[:8] + " " + text[8:], ErrBase64},
		"no padding":       {"AAA", ErrBase64},
		"after padding":    {"AA==AA==", ErrBase64},
		"url alphabet":     {"_-__", ErrBase64},
		"another PEM":      {"-----BEGIN PUBLIC KEY-----\nAA==\n-----END PUBLIC KEY-----\n", ErrPEM},
		"broken PEM":       {"-----BEGIN CERTIFICATE-----\n<>\n-----END CERTIFICATE-----\n", ErrBase64},
		"boundary in text": {"-----BEGIN\nCERTIFICATE-----\nAA==", ErrBase64},
	} {
		if got, err := Decode(nil, []byte(c.text)); !errors.Is(err, c.want) {
			t.Errorf("%s: %x, %v, want %v", name, got, err, c.want)
		}
	}
	if got, err := Decode(nil, []byte{tagSequence, 3, 2, 1, 0xff}); err != nil || len(got) != 5 {
		t.Errorf("short octets: %x, %v", got, err)
	}
}
