package x509lite

import (
	"testing"
	"time"
)

func TestReadTime(t *testing.T) {
	for _, c := range []struct {
		tag        byte
		text, want string // want is empty where it can't be read
	}{
		{tagUTCTime, "250317093000Z", "2025-03-17T09:30:00Z"},
		{tagUTCTime, "491231235959Z", "2049-12-31T23:59:59Z"},
		{tagUTCTime, "500101000000Z", "1950-01-01T00:00:00Z"},
		{tagUTCTime, "2503170930Z", "2025-03-17T09:30:00Z"},
		{tagUTCTime, "250317093000+0130", "2025-03-17T08:00:00Z"},
		{tagUTCTime, "2503170930-0500", "2025-03-17T14:30:00Z"},
		{tagUTCTime, "250317093000", "2025-03-17T09:30:00Z"},
		{tagUTCTime, "240229000000Z", "2024-02-29T00:00:00Z"},
		{tagUTCTime, "250229000000Z", ""},
		{tagUTCTime, "251301000000Z", ""},
		{tagUTCTime, "250001000000Z", ""},
		{tagUTCTime, "250100000000Z", ""},
		{tagUTCTime, "250101240000Z", ""},
		{tagUTCTime, "250101006000Z", ""},
		{tagUTCTime, "250101000060Z", ""},
		{tagUTCTime, "250101000000ZZ", ""},
		{tagUTCTime, "250101000000X", ""},
		{tagUTCTime, "250101000000+01", ""},
		{tagUTCTime, "25010100", ""},
		{tagUTCTime, "2501010000-1", ""},
		{tagUTCTime, "", ""},
		{tagGeneralizedTime, "99991231235959Z", "9999-12-31T23:59:59Z"},
		{tagGeneralizedTime, "99991231235959.999999Z", "9999-12-31T23:59:59.999999Z"},
		{tagGeneralizedTime, "99991231235959-2359", ""},
		{tagGeneralizedTime, "00010101000000Z", "0001-01-01T00:00:00Z"},
		{tagGeneralizedTime, "00010101000000+0001", ""},
		{tagGeneralizedTime, "00001231235959Z", ""},
		{tagGeneralizedTime, "00000101000000Z", ""},
		{tagGeneralizedTime, "20250317093000.25Z", "2025-03-17T09:30:00.25Z"},
		{tagGeneralizedTime, "20250317093000,123456789Z", "2025-03-17T09:30:00.123456Z"},
		{tagGeneralizedTime, "2025031709300\xb2Z", ""},
		{tagIA5String, "20250317093000Z", ""},
	} {
		micro, ok := readTime(element{tag: c.tag, body: []byte(c.text)})
		got := ""
		if ok {
			got = time.UnixMicro(micro).UTC().Format(time.RFC3339Nano)
		}
		if got != c.want {
			t.Errorf("%q: got %q, want %q", c.text, got, c.want)
		}
	}
}
