package protocols_test

import (
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/dice-engine/dice/protocols"
)

// coapRoot is a result with one answer for /.
func coapRoot(t *testing.T, page string) string {
	t.Helper()
	return `[{"path": "/", "messages": [{"payload": {"StringRep": ` + quote(t, page) + `}}]}]`
}

const (
	californiumPage = "This server is using the Eclipse Californium (Cf) CoAP framework\n"
	outdated        = "coap:product:eclipse-californium:outdated"
)

func TestCoAPProducts(t *testing.T) {
	p := protocols.CoAP()
	for page, want := range map[string]string{
		"libcoap\nCopyright (C) 2010--2022":                                  "coap:product:libcoap:2022",
		"libcoap\ncOPYRIGHT 2010--2022":                                      "coap:product:libcoap:2022",
		"libcoap (c) x 1--2 2010--2022":                                      "coap:product:libcoap:2",
		"libcoap (c)\n2010--2022":                                            "",
		"libcoap 2010--2022 (c)":                                             "",
		"libcoap 2010--2012":                                                 "",
		"libcoap (c) none\ncopyright 2010--2019":                             "coap:product:libcoap:2019",
		"libcoap (c) 2010--2024\n(c) 2010--2019":                             "",
		"libcoap (c) 2010---2019":                                            "",
		"libcoap (c) 2010-- 2019":                                            "",
		"libcoap (c) --2019":                                                 "",
		"libcoap (c) a--2019 2010--":                                         "",
		"libcoap (c) 2010--2011--2012":                                       "coap:product:libcoap:2011",
		"libcoap (c) 2010--20110":                                            "",
		"libcoap (c) 2010--٢٠١٤":                                             "coap:product:libcoap:٢٠١٤",
		"libcoap (c) 2010--٢٠٢٣":                                             "",
		"libcoap (c) 2010--" + strings.Repeat("0", 40):                       "",
		"libcoap (c) 2010--" + strings.Repeat("9", 4000):                     "",
		"LIBCOAP (c) 2010--2019":                                             "",
		"Californium (c) 2014 Institute for Pervasive Computing":             "",
		californiumPage + "(c) 2014 Institute for Pervasive Computing":       outdated,
		californiumPage + "(c) 2014, ETH, Institute for Pervasive Computing": outdated,
		californiumPage + "(c) ٢٠١٤ Institute for Pervasive Computing":       outdated,
		californiumPage + "(c) 2014 Institute for Pervasive Computing 2024":  outdated,
		californiumPage + "(c)\n(c) 7 Institute for Pervasive Computing":     outdated,
		californiumPage + "2014 (c) Institute for Pervasive Computing":       "",
		californiumPage + "(c) 2014 2023 Institute for Pervasive Computing":  "",
		californiumPage + "(c) 20140 Institute for Pervasive Computing":      "",
		californiumPage + "(c) 2014 institute for pervasive computing":       "",
		californiumPage + "Institute for Pervasive Computing (c) 2014":       "",
	} {
		_, a := identifyText(t, p, coapRoot(t, page))
		if got := strings.Join(a.labels, " "); !a.kept || got != want {
			t.Errorf("%q: kept %v, labels %q, want %q", page, a.kept, got, want)
		}
	}
}

func TestCoAPVersions(t *testing.T) {
	p := protocols.CoAP()
	for page, want := range map[string]string{
		"libcoap 4.3.4, 2010":                             "libcoap 4.3.4",
		"libcoap is libcoap v4 or libcoap 4.2\n":          "libcoap 4.2",
		"libcoap 2010--2012 and libcoap 4.3.":             "libcoap 4.3",
		"libcoap 2010 libcoap":                            "libcoap ",
		"libcoap":                                         "libcoap ",
		"libcoap ":                                        "libcoap ",
		"CoAP RFC 7252   Cf 3.0.0-M1\n" + californiumPage: "Eclipse Californium 3.0.0-M1",
		"hello": " ",
	} {
		got, _ := identifyText(t, p, coapRoot(t, page))
		product, _ := got["product"].(string)
		version, _ := got["version"].(string)
		if got := product + " " + version; got != want {
			t.Errorf("%q: got %q, want %q", page, got, want)
		}
	}
}

// TestCoAPDigits: the years 2022 and 2023 are told apart in every script that has digits.
func TestCoAPDigits(t *testing.T) {
	p := protocols.CoAP()
	var zeros []rune
	count := func(lo, hi rune) {
		for zero := lo; zero < hi; zero += 10 {
			zeros = append(zeros, zero)
		}
	}
	for _, block := range unicode.Nd.R16 {
		count(rune(block.Lo), rune(block.Hi))
	}
	for _, block := range unicode.Nd.R32 {
		count(rune(block.Lo), rune(block.Hi))
	}
	for _, zero := range zeros {
		year := string([]rune{zero + 2, zero, zero + 2})
		_, last := identifyText(t, p, coapRoot(t, "libcoap (c) 1--"+year+string(zero+2)))
		_, first := identifyText(t, p, coapRoot(t, "libcoap (c) 1--"+year+string(zero+3)))
		if len(last.labels) != 1 || len(first.labels) != 0 {
			t.Errorf("digits from %U: 2022 gives %q, 2023 %q", zero, last.labels, first.labels)
		}
	}
	for year, want := range map[string]int{"002008": 1, "0002008": 0, "20\u0660\u0668": 0, "\u0662\u0660\u0660\u0668": 1} {
		if _, got := identifyText(t, p, coapRoot(t, "libcoap (c) 1--"+year)); len(got.labels) != want {
			t.Errorf("year %s gives %q", year, got.labels)
		}
	}
}

func TestCoAPBlocksAndPaths(t *testing.T) {
	p := protocols.CoAP()
	for result, want := range map[string]string{
		`[{"path": ".well-known/core", "messages": [{"payload": {"StringRep": "</a"}}, null, {"payload": null}, {"payload": {"StringRep": ">"}}]}]`: "coap:access:read",
		`[{"path": ".well-known/core", "messages": [{"payload": {"StringRep": "</a>"}}]}, {"path": ".well-known/core"}]`:                            "",
		`[{"path": "/.well-known/core", "messages": [{"payload": {"StringRep": "</a>"}}]}]`:                                                         "",
		`[{"path": "'.well-known/core'", "messages": [{"payload": {"StringRep": "</a>"}}]}]`:                                                        "",
		`[{"path": ".well-known/core", "messages": [{"options": {"12": {"ID": 12, "Name": "ContentFormat", "Value": "KA=="}}}]}]`:                   "",
	} {
		_, a := identifyText(t, p, result)
		if got := strings.Join(a.labels, " "); !a.kept || got != want {
			t.Errorf("%s: kept %v, labels %q, want %q", result, a.kept, got, want)
		}
	}
}

// TestCoAPTypes: a member of another type than the scanner gives it means that this is not the scanner's record.
func TestCoAPTypes(t *testing.T) {
	p := protocols.CoAP()
	for _, result := range []string{
		`{}`, `"x"`, `[1]`, `[{"path": 1}]`, `[{"messages": {}}]`, `[{"messages": ["x"]}]`,
	} {
		if _, a := identifyText(t, p, result); a.kept {
			t.Errorf("kept: %s", result)
		}
	}
	for _, message := range []string{
		`{"header": []}`, `{"header": {"message-id": "1"}}`, `{"header": {"token": 1}}`, `{"options": "x"}`,
		`{"options": {"1": {"ID": "x"}}}`, `{"payload": []}`, `{"payload": {"StringRep": 1}}`, `{"payload": {"Body": 1}}`,
		`{"payload": {"ContentFormat": "x"}}`,
	} {
		if _, a := identifyText(t, p, `[{"path": "/", "messages": [`+message+`]}]`); a.kept {
			t.Errorf("kept with message %s", message)
		}
	}
}

func TestCoAPLongTexts(t *testing.T) {
	p := protocols.CoAP()
	for _, unit := range []string{"(c", "(c)", "copyright", "--", "1--", "1", "1-", "\n", "libcoap ", "Cf ", "(c)1", "٢--"} {
		for _, prefix := range []string{"libcoap (c) ", californiumPage + "(c) "} {
			start := time.Now()
			identifyText(t, p, coapRoot(t, prefix+strings.Repeat(unit, 1<<20/len(unit))))
			if took := time.Since(start); took > 5*time.Second {
				t.Errorf("%q and many %q took %v", prefix, unit, took)
			}
		}
	}
}
