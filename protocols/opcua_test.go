package protocols_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dice-engine/dice/internal/tape"
	"github.com/dice-engine/dice/internal/tape/tapetest"
	"github.com/dice-engine/dice/protocols"
)

// opcuaAnswer is what is made of one result; kept is false where a member has the wrong type, too.
type opcuaAnswer struct {
	kept         bool
	server       protocols.OPCUAServer
	labels       []string
	certificates []string
}

func readOPCUA(t *testing.T, result string) opcuaAnswer {
	t.Helper()
	p := protocols.OPCUA()
	in, certificates, err := tapetest.FromJSON(p.Input, []byte(result))
	if err != nil {
		return opcuaAnswer{}
	}
	fingerprint, labels, kept, err := p.Identify(true, in, nil)
	if err != nil {
		t.Fatalf("%s: %v", result, err)
	}
	a := opcuaAnswer{kept: kept, labels: labels, certificates: certificates}
	if kept {
		tape.Decode(p.Output, fingerprint, &a.server)
	}
	return a
}

const (
	policyURI   = "http://opcfoundation.org/UA/SecurityPolicy#"
	anonymous   = `{"PolicyID":"a","TokenType":0,"SecurityPolicyURI":""}`
	description = `"EndpointURL":"opc.tcp://a:4840","SecurityPolicyURI":"` + policyURI + `None","ServerCertificate":"AAAA",` +
		`"Server":{"ApplicationURI":"urn:a","ProductURI":"urn:p","ApplicationName":{"EncodingMask":2,"Locale":"","Text":"A"}},` +
		`"SecurityLevel":0,"UserIdentityTokens":[` + anonymous + `]`
)

// TestOPCUAForms reads one endpoint in the form of each scanner; all must give the same.
func TestOPCUAForms(t *testing.T) {
	want := []protocols.OPCUAEndpoint{{
		URL: ptr("opc.tcp://a:4840"), PolicyURI: ptr(policyURI + "None"), Policy: ptr("None"), Mode: ptr("Sign"),
		Level: ptr(int64(0)), Tokens: []protocols.OPCUAToken{{ID: ptr("a"), Type: ptr("ANONYMOUS_0")}},
		Certificate: ptr(int64(1)), ApplicationURI: ptr("urn:a"), ApplicationName: ptr("A"), ProductURI: ptr("urn:p"),
	}}
	inner := `{"error":null,"EndpointDescription":{` + description + `,"SecurityMode":2},"authentication":["Anonymous"],"endpoint":{},` +
		`"nodes":[{"nodeID":"i=1","nodeClass":1,"browseName":"Model","value":"M"},null,7],"namespaces":null}`
	for name, result := range map[string]string{
		"flag":         `{"is_opcua":true,"endpoints":[{` + description + `,"SecurityMode":"Sign"}],"nodes":{"opc.tcp://a:4840":[{"browse_name":"Model","value":"M"}]}}`,
		"flag lost":    `{"endpoints":[{` + description + `,"SecurityMode":"Sign"}],"nodes":{"opc.tcp://a:4840":[{"browse_name":"Model","value":"M"}]}}`,
		"descriptions": `{"endpoints":[` + inner + `]}`,
		"applications": `{"applications":[null,{"ApplicationDescription":{},"ApplicationURLS":[null,{"URL":"x"},{"URL":"y","endpoints":[null,` + inner + `]}]}]}`,
	} {
		got := readOPCUA(t, result)
		info := []protocols.OPCUAInfo{{URL: ptr("opc.tcp://a:4840"), Values: tape.Pairs[string]{{Key: "Model", Value: "M"}}}}
		if diff := cmp.Diff(protocols.OPCUAServer{Endpoints: want, Info: info}, got.server); diff != "" {
			t.Errorf("%s: want - got +\n%s", name, diff)
		}
		labels := []string{"opcua:access:anonymous", "opcua:access:weak-mode"}
		if !slices.Equal(got.labels, labels) || !slices.Equal(got.certificates, []string{"AAAA"}) {
			t.Errorf("%s: labels %q, certificates %q", name, got.labels, got.certificates)
		}
	}
}

func TestOPCUAFilter(t *testing.T) {
	for result, want := range map[string]bool{
		`{"is_opcua":true}`:                                           true,
		`{"is_opcua":false,"endpoints":[{}]}`:                         false,
		`{"is_opcua":null,"endpoints":[{}]}`:                          true,
		`{"endpoints":[{}]}`:                                          true,
		`{"endpoints":[null]}`:                                        false,
		`{"endpoints":[]}`:                                            false,
		`{}`:                                                          false,
		`{"is_opcua":"true","endpoints":[{}]}`:                        false,
		`{"is_opcua":1,"endpoints":[{}]}`:                             false,
		`{"is_opcua":{},"endpoints":[{}]}`:                            false,
		`{"is_opcua":true,"endpoints":{}}`:                            false,
		`{"is_opcua":true,"endpoints":"x"}`:                           false,
		`{"is_opcua":true,"nodes":[]}`:                                false,
		`{"is_opcua":true,"nodes":"x"}`:                               false,
		`{"is_opcua":true,"nodes":{"u":7,"v":[7]}}`:                   true,
		`{"is_opcua":true,"endpoints":[7,"x",[],true]}`:               true,
		`{"endpoints":[7,"x",[],true]}`:                               false,
		`{"is_opcua":true,"applications":7}`:                          true,
		`{"applications":[{"ApplicationURLS":[{"endpoints":[{}]}]}]}`: true,
		`{"applications":[{"ApplicationURLS":[{"endpoints":7}]}]}`:    false,
	} {
		if got := readOPCUA(t, result); got.kept != want {
			t.Errorf("%s: kept %v, want %v", result, got.kept, want)
		}
	}
}

func TestOPCUALabels(t *testing.T) {
	const mode = `"SecurityMode":"SignAndEncrypt"`
	endpoint := func(members ...string) string { return strings.Join(append(members, `"EndpointURL":"u"`), ",") }
	policy := func(name string) string { return `"SecurityPolicyURI":"` + policyURI + name + `"` }
	tokens := func(list ...string) string { return `"UserIdentityTokens":[` + strings.Join(list, ",") + `]` }
	const anon, weakMode, weakPolicies = "opcua:access:anonymous", "opcua:access:weak-mode", "opcua:access:weak-policies"
	for members, want := range map[string][]string{
		endpoint(mode, tokens(anonymous)):                                         {anon},
		endpoint(mode, tokens(anonymous), `"SecurityPolicyURI":null`):             {anon},
		endpoint(mode, tokens(anonymous), `"SecurityPolicyURI":""`):               {anon},
		endpoint(mode, tokens(anonymous), policy("None")):                         {anon},
		endpoint(mode, tokens(anonymous), policy("")):                             nil,
		endpoint(mode, tokens(anonymous), policy("none")):                         nil,
		endpoint(mode, tokens(anonymous), policy("Basic256Sha256")):               nil,
		endpoint(mode, tokens(anonymous), policy("Basic256")):                     {weakPolicies},
		endpoint(mode, tokens(anonymous), `"SecurityPolicyURI":7`):                nil,
		endpoint(mode, tokens(anonymous), `"SecurityPolicyURI":"Basic256"`):       {weakPolicies},
		endpoint(mode, tokens(`{"TokenType":0.0}`)):                               {anon},
		endpoint(mode, tokens(`{"TokenType":"0"}`)):                               nil,
		endpoint(mode, tokens(`{"TokenType":"Anonymous"}`)):                       nil,
		endpoint(mode, tokens(`{"TokenType":false}`)):                             nil,
		endpoint(mode, tokens(`{"TokenType":null}`, `{}`, `null`, `7`)):           nil,
		endpoint(mode, tokens(`{"TokenType":4}`, `{"TokenType":-1}`)):             nil,
		endpoint(mode, tokens(`{"TokenType":99999999999999999999}`)):              nil,
		endpoint(mode, `"UserIdentityTokens":7`):                                  nil,
		endpoint(mode, tokens(`{"TokenType":1,`+policy("Basic128Rsa15")+`}`)):     {weakPolicies},
		endpoint(mode, tokens(`{"TokenType":"x",`+policy("Basic128Rsa15")+`}`)):   {weakPolicies},
		endpoint(mode, tokens(`{"TokenType":1,`+policy("Basic128Rsa15Sha2")+`}`)): nil,
		endpoint(`"SecurityMode":"None"`):                                         {weakMode},
		endpoint(`"SecurityMode":"Sign"`):                                         {weakMode},
		endpoint(`"SecurityMode":1`):                                              {weakMode},
		endpoint(`"SecurityMode":2`):                                              {weakMode},
		endpoint(`"SecurityMode":2.0`):                                            {weakMode},
		endpoint(`"SecurityMode":"sign"`):                                         nil,
		endpoint(`"SecurityMode":"1"`):                                            nil,
		endpoint(`"SecurityMode":0`):                                              nil,
		endpoint(`"SecurityMode":3`):                                              nil,
		endpoint(`"SecurityMode":4`):                                              nil,
		endpoint(`"SecurityMode":null`):                                           nil,
		endpoint(`"SecurityMode":{"a":1}`):                                        nil,
		endpoint(`"SecurityMode":"S\u0069gn"`):                                    {weakMode},
	} {
		got := readOPCUA(t, `{"is_opcua":true,"endpoints":[{`+members+`}]}`)
		if !got.kept || !slices.Equal(got.labels, want) {
			t.Errorf("%s: kept %v, labels %q, want %q", members, got.kept, got.labels, want)
		}
	}
}

func TestOPCUAProduct(t *testing.T) {
	for nodes, want := range map[string]string{
		`[{"browse_name":"ServerStatus","value":{"State":0,"BuildInfo":{"ProductName":"P","BuildNumber":7,"Other":{"a":[1]},"X":null}}}]`: `BuildNumber=7 Other={"a":[1]} ProductName=P `,
		`[{"browse_name":"BuildInfo","value":{"ProductName":"P"}},{"browse_name":"Model","value":"M"}]`:                                   `ProductName=P `,
		`[{"browse_name":"Model","value":"M"},{"browse_name":"BuildInfo","value":{"ProductName":"P"}}]`:                                   `ProductName=P `,
		`[{"browse_name":"BuildInfo","value":{}},{"browse_name":"Model","value":"M"}]`:                                                    `Model=M `,
		`[{"browse_name":"BuildInfo","value":"x"},{"browse_name":"ServerStatus","value":[1]},{"browse_name":"Model","value":5}]`:          `Model=5 `,
		`[{"browse_name":"Model","value":"a"},{"browse_name":"Model","value":"b"},{"browse_name":"Model","value":null}]`:                  `Model=b `,
		`[{"browse_name":"Model","value":"a\"\\\u00e9"}]`:                                                                                 `Model=a"\é `,
		`[{"browse_name":7,"value":"a"},null,{"browse_name":"Objects","value":"x"}]`:                                                      ``,
		`[{"browse_name":"ServerStatus","value":{"buildinfo":{"ProductName":"P"}}}]`:                                                      ``,
		`[{"browse_name":"SerialNumber","value":""},{"browse_name":"ProductUri","value":"urn:x"}]`:                                        `ProductURI=urn:x SerialNumber= `,
		`[{"browse_name":"ServerStatus","value":` + strings.Repeat("[", 500) + strings.Repeat("]", 500) + `}]`:                            ``,
	} {
		got := readOPCUA(t, `{"is_opcua":true,"endpoints":[{"EndpointURL":"u"}],"nodes":{"u":`+nodes+`}}`)
		text := ""
		for _, info := range got.server.Info {
			for _, pair := range info.Values {
				text += fmt.Sprintf("%s=%s ", pair.Key, pair.Value)
			}
		}
		if !got.kept || text != want {
			t.Errorf("%s: got %q, want %q", nodes, text, want)
		}
	}
}

// TestOPCUAPolicyIsKeptOnce sees that many tokens cannot multiply the policy of their endpoint.
func TestOPCUAPolicyIsKeptOnce(t *testing.T) {
	const size, tokens = 100_000, 3000
	list := strings.TrimSuffix(strings.Repeat(`{},`, tokens), ",")
	got := readOPCUA(t, `{"endpoints":[{"SecurityPolicyURI":"`+strings.Repeat("x", size)+`","UserIdentityTokens":[`+list+`]}]}`)
	text, err := json.Marshal(got.server)
	if err != nil {
		t.Fatal(err)
	}
	if !got.kept || len(got.server.Endpoints[0].Tokens) != tokens || len(text) > 2*size+100*tokens {
		t.Errorf("kept %v, %d octets", got.kept, len(text))
	}
}

// TestOPCUAInfoIsKeptOnce sees that many endpoints of one URL cannot make the answer larger than the record.
func TestOPCUAInfoIsKeptOnce(t *testing.T) {
	const endpoints, size = 3000, 100_000
	node := `{"browse_name":"Model","value":"` + strings.Repeat("M", size) + `"}`
	result := `{"is_opcua":true,"endpoints":[` + strings.TrimSuffix(strings.Repeat(`{"EndpointURL":"u"},`, endpoints), ",") + `],"nodes":{"u":[` + node + `],"v":[` + node + `]}}`
	got := readOPCUA(t, result)
	text, err := json.Marshal(got.server.Info)
	if err != nil {
		t.Fatal(err)
	}
	if len(got.server.Endpoints) != endpoints || len(got.server.Info) != 1 || len(text) > size+1000 {
		t.Errorf("%d endpoints, %d descriptions of %d octets", len(got.server.Endpoints), len(got.server.Info), len(text))
	}
}
