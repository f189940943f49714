package protocols

import (
	"slices"
	"strings"

	"github.com/dice-engine/dice/internal/tape"
)

// An OPC UA server lists its endpoints to anybody who asks (GetEndpoints): where to connect, with which message security
// (mode and policy), which kinds of users it takes, and its certificate. Recognition rests on that list. Where a scanner
// also walked the address space as an anonymous user, the server's own description (BuildInfo) or its nameplate tells the
// product.
//
// Three forms of the result are read: COMSYS's ZGrab2, with endpoints as in the standard and nodes by EndpointURL; the
// same with its flag is_opcua lost (two members of one name); and the later fork, with an EndpointDescription in each
// endpoint, these in a list of their own or below applications, and modes as numbers. Only nodes and endpoints must have
// the right JSON type, as it is with the study's scripts; any other member of another type counts as absent, except that
// an is_opcua that is neither true nor null is false, and a policy that is no text is an unrecognised one.
//
// Limits: what a server offers is not what it enforces; no session is opened here. Standards: OPC 10000-4 (GetEndpoints,
// EndpointDescription, MessageSecurityMode, UserTokenPolicy), OPC 10000-5 (BuildInfo), OPC 10000-6 (6.2.6: certificate
// chains), OPC 10000-7 (security policies), OPC 10000-100 (nameplate).

// OPCUA returns the signature of OPC UA.
func OPCUA() *Protocol {
	return Signature[opcuaResult, OPCUAServer]{
		Name:        "opcua",
		Title:       "OPC UA",
		Description: "The list of endpoints that a server gives to anybody: security modes and policies, kinds of users, certificate; the product by its own description where nodes were read.",
		Criterion:   "is_opcua is true; where it is null or absent (a known fault of a scanner): at least one endpoint that is not null",
		Evidence:    "endpoints",
		Ports:       []string{"4840/tcp"},
		References: []string{
			"OPC 10000-4, GetEndpoints, EndpointDescription and UserTokenPolicy", "OPC 10000-5, BuildInfo", "OPC 10000-6, 6.2.6", "OPC 10000-7",
		},
		Labels:   opcuaLabels(),
		Chains:   true,
		Filter:   isOPCUA,
		Identify: identifyOPCUA,
		Classify: classifyOPCUA,
	}.Protocol()
}

func opcuaLabels() []Label {
	return []Label{{
		ID:        "opcua:access:anonymous",
		Meaning:   "An endpoint without message security takes users without credentials: anyone who reaches the port can open a session, unencrypted and unsigned.",
		Severity:  High,
		Remedy:    "Remove the endpoint with policy None, or its Anonymous user token; give anonymous users no rights.",
		Reference: "OPC 10000-4, UserTokenPolicy; OPC 10000-2",
		Since:     "0.1",
	}, {
		ID:        "opcua:access:weak-mode",
		Meaning:   "An endpoint leaves messages readable: its security mode is None (neither signed nor encrypted) or Sign (not encrypted).",
		Severity:  Medium,
		Remedy:    "Offer endpoints with mode SignAndEncrypt only.",
		Reference: "OPC 10000-4, MessageSecurityMode",
		Since:     "0.1",
	}, {
		ID:        "opcua:access:weak-policies",
		Meaning:   "An endpoint or one of its user tokens is protected by Basic128Rsa15 or Basic256, which rest on SHA-1 and are withdrawn.",
		Severity:  Medium,
		Remedy:    "Disable both policies and offer Basic256Sha256, Aes128_Sha256_RsaOaep or Aes256_Sha256_RsaPss.",
		Reference: "OPC 10000-7, SecurityPolicy [D] Basic128Rsa15 and Basic256",
		Since:     "0.1",
	}}
}

// opcuaResult is the scanner's result. Of members that only one scanner prints the others are absent.
type opcuaResult struct {
	IsOPCUA      tape.Text                `tape:"is_opcua"`
	Endpoints    []*opcuaEndpoint         `tape:"endpoints,elements"`
	Nodes        tape.Pairs[[]*opcuaNode] `tape:"nodes,elements"`
	Applications []*opcuaApplication      `tape:"applications,lenient,elements"`
}

// opcuaApplication is a server that a discovery server (or the server itself) names, and the endpoints behind its addresses.
type opcuaApplication struct {
	Addresses []*struct {
		Endpoints []*opcuaEndpoint `tape:"endpoints,lenient,elements"`
	} `tape:"ApplicationURLS,lenient,elements"`
}

// opcuaEndpoint is an EndpointDescription, or holds one; then it may hold the nodes that were found behind it, too.
type opcuaEndpoint struct {
	URL         *string       `tape:"EndpointURL,lenient"`
	Server      opcuaServer   `tape:"Server,lenient"`
	Certificate tape.Cert     `tape:"ServerCertificate,lenient"`
	Mode        tape.Text     `tape:"SecurityMode"` // a name, or a number
	Policy      tape.Text     `tape:"SecurityPolicyURI"`
	Tokens      []*opcuaToken `tape:"UserIdentityTokens,lenient,elements"`
	Level       *int64        `tape:"SecurityLevel,lenient"`

	Description *opcuaDescription `tape:"EndpointDescription,lenient"`
	Nodes       []*opcuaNode      `tape:"nodes,lenient,elements"`
}

// opcuaDescription is an EndpointDescription within an endpoint.
type opcuaDescription struct {
	URL         *string       `tape:"EndpointURL,lenient"`
	Server      opcuaServer   `tape:"Server,lenient"`
	Certificate tape.Cert     `tape:"ServerCertificate,lenient"`
	Mode        tape.Text     `tape:"SecurityMode"`
	Policy      tape.Text     `tape:"SecurityPolicyURI"`
	Tokens      []*opcuaToken `tape:"UserIdentityTokens,lenient,elements"`
	Level       *int64        `tape:"SecurityLevel,lenient"`
}

// opcuaServer is the part of an ApplicationDescription that tells products apart.
type opcuaServer struct {
	URI     *string `tape:"ApplicationURI,lenient"`
	Product *string `tape:"ProductURI,lenient"`
	Name    struct {
		Text *string `tape:"Text,lenient"`
	} `tape:"ApplicationName,lenient"`
}

// opcuaToken is a UserTokenPolicy.
type opcuaToken struct {
	ID     *string   `tape:"PolicyID,lenient"`
	Type   tape.Text `tape:"TokenType"` // counts as a number only
	Policy tape.Text `tape:"SecurityPolicyURI"`
}

// opcuaNode is a node of the address space. Only one of the scanners reads values, of any type.
type opcuaNode struct {
	Name  *string   `tape:"browse_name|browseName,lenient"`
	Value tape.Text `tape:"value"`
}

// OPCUAServer is what is known of an OPC UA server.
type OPCUAServer struct {
	Endpoints []OPCUAEndpoint `tape:"endpoints" doc:"the endpoints in the order of the record, without null ones"`
	Info      []OPCUAInfo     `tape:"info" doc:"what the server says of its product, once per endpoint URL of which something is known"`
}

// OPCUAEndpoint is one way to connect to the server.
type OPCUAEndpoint struct {
	URL             *string      `tape:"url" doc:"EndpointURL"`
	PolicyURI       *string      `tape:"policy_uri" doc:"SecurityPolicyURI as sent"`
	Policy          *string      `tape:"policy" doc:"security policy by its short name (None where none was sent); an unrecognised one by its whole URI"`
	Mode            *string      `tape:"mode" doc:"message security: None, Sign, SignAndEncrypt, Invalid, or as sent"`
	Level           *int64       `tape:"security_level" doc:"the server's ranking of its endpoints, higher is better"`
	Tokens          []OPCUAToken `tape:"tokens" doc:"the kinds of users it takes"`
	Certificate     *int64       `tape:"certificate" doc:"place of the server's certificate in certificates, from 1"`
	ApplicationURI  *string      `tape:"application_uri" doc:"ApplicationURI of the server"`
	ApplicationName *string      `tape:"application_name" doc:"ApplicationName of the server"`
	ProductURI      *string      `tape:"product_uri" doc:"ProductURI of the server"`
}

// OPCUAToken is a kind of users that an endpoint takes.
type OPCUAToken struct {
	ID     *string `tape:"id" doc:"PolicyID, often typical of a product"`
	Type   *string `tape:"type" doc:"ANONYMOUS_0, USERNAME_1, CERTIFICATE_2 or ISSUEDTOKEN_3; null where it is none of them"`
	Policy *string `tape:"policy" doc:"security policy that protects the token, as with endpoints; null: the endpoint's"`
}

// OPCUAInfo is a server's description of its product.
type OPCUAInfo struct {
	URL    *string            `tape:"url" doc:"EndpointURL of the endpoints it belongs to"`
	Values tape.Pairs[string] `tape:"values" doc:"the members of BuildInfo, else the nameplate: values by name, those that are no text as JSON"`
}

// isOPCUA keeps results with the flag, and those that lost it but have an endpoint.
func isOPCUA(_ bool, r *opcuaResult) bool {
	if r.IsOPCUA != "" {
		return r.IsOPCUA == "true"
	}
	return len(r.endpoints()) > 0
}

// endpoints lists the endpoints that are not null, from wherever the scanner put them.
func (r *opcuaResult) endpoints() []*opcuaEndpoint {
	var list []*opcuaEndpoint
	add := func(some []*opcuaEndpoint) {
		for _, e := range some {
			if e != nil {
				list = append(list, e)
			}
		}
	}
	add(r.Endpoints)
	for _, application := range r.Applications {
		if application == nil {
			continue
		}
		for _, address := range application.Addresses {
			if address != nil {
				add(address.Endpoints)
			}
		}
	}
	return list
}

// describe returns the endpoint's description, wherever it stands.
func (e *opcuaEndpoint) describe() opcuaDescription {
	if e.Description != nil {
		return *e.Description
	}
	return opcuaDescription{e.URL, e.Server, e.Certificate, e.Mode, e.Policy, e.Tokens, e.Level}
}

func identifyOPCUA(r *opcuaResult) OPCUAServer {
	endpoints := r.endpoints()
	server := OPCUAServer{Endpoints: make([]OPCUAEndpoint, 0, len(endpoints))}
	catalogue := opcuaCatalogue{nodes: map[string][]*opcuaNode{}, done: map[string]bool{}}
	for _, list := range r.Nodes {
		catalogue.nodes[list.Key] = list.Value
	}
	for _, e := range endpoints {
		d := e.describe()
		server.Endpoints = append(server.Endpoints, identifyEndpoint(&d))
		catalogue.add(d.URL, e.Nodes)
	}
	server.Info = catalogue.info
	return server
}

func identifyEndpoint(d *opcuaDescription) OPCUAEndpoint {
	e := OPCUAEndpoint{
		URL: d.URL, PolicyURI: textPointer(d.Policy), Mode: opcuaMode(d.Mode), Level: d.Level,
		ApplicationURI: d.Server.URI, ApplicationName: d.Server.Name.Text, ProductURI: d.Server.Product,
	}
	if e.Policy = opcuaPolicy(d.Policy); e.Policy == nil {
		none := "None"
		e.Policy = &none
	}
	if d.Certificate != 0 {
		place := int64(d.Certificate)
		e.Certificate = &place
	}
	for _, token := range d.Tokens {
		if token != nil {
			e.Tokens = append(e.Tokens, OPCUAToken{token.ID, opcuaTokenType(token.Type), opcuaPolicy(token.Policy)})
		}
	}
	return e
}

// opcuaPolicy returns the short name of a policy that is given as a URI, or nil where none is given. A URI that is not one of
// the OPC Foundation's policies stays whole.
func opcuaPolicy(given tape.Text) *string {
	policy := textOf(given)
	if policy == "" {
		return nil
	}
	const foundation, mark = "http://opcfoundation.org/UA/", "/SecurityPolicy#"
	if at := strings.LastIndex(policy, mark); at >= 0 && strings.HasPrefix(policy, foundation) {
		policy = policy[at+len(mark):]
	}
	return &policy
}

// opcuaMode returns the name of a MessageSecurityMode that is given by name or number.
func opcuaMode(given tape.Text) *string {
	names := []string{"Invalid", "None", "Sign", "SignAndEncrypt"}
	if i, ok := enumOf(given, len(names)); ok {
		return &names[i]
	}
	return textPointer(given)
}

// opcuaTokenType returns the name of a UserTokenType that is given by number.
func opcuaTokenType(given tape.Text) *string {
	names := []string{"ANONYMOUS_0", "USERNAME_1", "CERTIFICATE_2", "ISSUEDTOKEN_3"}
	if i, ok := enumOf(given, len(names)); ok {
		return &names[i]
	}
	return nil
}

func classifyOPCUA(server *OPCUAServer) []string {
	var labels []string
	for _, e := range server.Endpoints {
		if e.anonymous() {
			labels = append(labels, "opcua:access:anonymous")
		}
		if e.weakPolicy() {
			labels = append(labels, "opcua:access:weak-policies")
		}
		if e.Mode != nil && (*e.Mode == "None" || *e.Mode == "Sign") {
			labels = append(labels, "opcua:access:weak-mode")
		}
	}
	slices.Sort(labels)
	return slices.Compact(labels)
}

// anonymous says whether the endpoint, without message security itself, takes users without credentials.
func (e *OPCUAEndpoint) anonymous() bool {
	return *e.Policy == "None" && slices.ContainsFunc(e.Tokens, func(t OPCUAToken) bool {
		return t.Type != nil && *t.Type == "ANONYMOUS_0"
	})
}

func (e *OPCUAEndpoint) weakPolicy() bool {
	withdrawn := func(policy *string) bool {
		return policy != nil && (*policy == "Basic128Rsa15" || *policy == "Basic256")
	}
	return withdrawn(e.Policy) || slices.ContainsFunc(e.Tokens, func(t OPCUAToken) bool { return withdrawn(t.Policy) })
}
