package zgrab2

import "github.com/dice-engine/dice/internal/tape"

// Opcua is the result of the module opcua, of either ZGrab2.
type Opcua struct {
	IsOpcua          *bool                          `tape:"is_opcua" doc:"the host speaks OPC UA; some versions lose this member"`
	Endpoints        *[]*Endpoint                   `tape:"endpoints,elements" doc:"what GetEndpoints returned"`
	DiscoveryServers *[]*Application                `tape:"discovery_servers,lenient,elements" doc:"what FindServers returned"`
	SecurityPolicies []string                       `tape:"security_policies,lenient" doc:"never filled"`
	Nodes            *tape.Pairs[*[]*Node]          `tape:"nodes,elements" doc:"nodes that could be read, by EndpointURL"`
	SecurityUsed     *tape.Pairs[*EndpointSecurity] `tape:"endpoint_sec_used,pairs,lenient,elements" doc:"how the scanner connected, by EndpointURL"`
	ErrorMessage     *string                        `tape:"errormsg,lenient" doc:"why the scan stopped"`
	Incomplete       tape.Text                      `tape:"incomplete" doc:"as JSON"`
	ScanStatus       *string                        `tape:"scan_status,lenient" doc:"how far the scan came"`
	AbortStage       *string                        `tape:"abort_stage,lenient" doc:"where it stopped"`
	RDNS             *string                        `tape:"rdns,lenient" doc:"reverse name of the address"`
	ScanDuration     *int64                         `tape:"scan_duration,lenient" doc:"nanoseconds"`
	ReadDuration     *int64                         `tape:"read_duration,lenient" doc:"nanoseconds"`
	BrowseDuration   *int64                         `tape:"browse_duration,lenient" doc:"nanoseconds"`
	ReadRequests     *int64                         `tape:"num_read_req,lenient" doc:"read requests sent"`
	BrowseRequests   *int64                         `tape:"num_browse_req,lenient" doc:"browse requests sent"`
	BytesRead        *int64                         `tape:"bytes_read,lenient" doc:"octets received"`
	BytesWritten     *int64                         `tape:"bytes_written,lenient" doc:"octets sent"`
	CertificateTest  *tape.Pairs[string]            `tape:"endpoint_cert_test,pairs,lenient" doc:"what became of the scanner's certificate, by EndpointURL"`
	Applications     tape.Text                      `tape:"applications" doc:"applications and their endpoints, as JSON (versions of 2025)"`
}

// Endpoint describes an endpoint (OPC 10000-4, 7.14).
type Endpoint struct {
	EndpointURL         *string      `tape:"EndpointURL,lenient" doc:"where it is reached"`
	Server              *Application `tape:"Server,lenient" doc:"the application behind it"`
	ServerCertificate   *string      `tape:"ServerCertificate,lenient" doc:"DER after DER, leaf first, base64"`
	SecurityMode        tape.Text    `tape:"SecurityMode,bare" doc:"None, Sign, SignAndEncrypt or Invalid; anything else as JSON, like the number 1"`
	SecurityPolicyURI   tape.Text    `tape:"SecurityPolicyURI,bare" doc:"security policy; what is no text as JSON"`
	UserIdentityTokens  *[]*Token    `tape:"UserIdentityTokens,lenient,elements" doc:"how users may identify themselves"`
	TransportProfileURI *string      `tape:"TransportProfileURI,lenient" doc:"transport profile"`
	SecurityLevel       *int64       `tape:"SecurityLevel,lenient" doc:"the server's own ranking"`
	Description         tape.Text    `tape:"EndpointDescription" doc:"the description, as JSON (versions of 2024 and 2025)"`
	Error               tape.Text    `tape:"error" doc:"as JSON (versions of 2024 and 2025)"`
	Authentication      tape.Text    `tape:"authentication" doc:"as JSON (versions of 2024 and 2025)"`
	Endpoint            tape.Text    `tape:"endpoint" doc:"as JSON (versions of 2024 and 2025)"`
	Nodes               tape.Text    `tape:"nodes" doc:"as JSON (versions of 2024 and 2025)"`
	Namespaces          tape.Text    `tape:"namespaces" doc:"as JSON (versions of 2024 and 2025)"`
}

// Token is a user token policy (OPC 10000-4, 7.41).
type Token struct {
	PolicyID          *string   `tape:"PolicyID,lenient" doc:"the server's name for it"`
	TokenType         *int64    `tape:"TokenType,lenient" doc:"0 anonymous, 1 user name, 2 certificate, 3 issued"`
	IssuedTokenType   *string   `tape:"IssuedTokenType,lenient" doc:"kind of an issued token"`
	IssuerEndpointURL *string   `tape:"IssuerEndpointURL,lenient" doc:"who issues it"`
	SecurityPolicyURI tape.Text `tape:"SecurityPolicyURI,bare" doc:"policy that protects the token, as with endpoints; empty: the endpoint's"`
}

// Application describes an application (OPC 10000-4, 7.2).
type Application struct {
	ApplicationURI      *string        `tape:"ApplicationURI,lenient" doc:"its identity"`
	ProductURI          *string        `tape:"ProductURI,lenient" doc:"the product's"`
	ApplicationName     *LocalizedText `tape:"ApplicationName,lenient" doc:"its name"`
	ApplicationType     *int64         `tape:"ApplicationType,lenient" doc:"0 server, 1 client, 2 both, 3 discovery server"`
	GatewayServerURI    *string        `tape:"GatewayServerURI,lenient" doc:"gateway before it"`
	DiscoveryProfileURI *string        `tape:"DiscoveryProfileURI,lenient" doc:"discovery profile"`
	DiscoveryURLs       *[]string      `tape:"DiscoveryURLs,lenient" doc:"where it can be discovered"`
}

// LocalizedText is a text with its language.
type LocalizedText struct {
	EncodingMask *int64  `tape:"EncodingMask,lenient" doc:"which members are there"`
	Locale       *string `tape:"Locale,lenient" doc:"language"`
	Text         *string `tape:"Text,lenient" doc:"the text"`
}

// EndpointSecurity says how the scanner connected to an endpoint.
type EndpointSecurity struct {
	SecurityMode      *string `tape:"security_mode,lenient" doc:"mode in use"`
	SecurityLevel     *int64  `tape:"security_level,lenient" doc:"the server's ranking of it"`
	SecurityPolicyURI *string `tape:"security_policy_uri,lenient" doc:"policy in use"`
	RejectsSelfSigned *bool   `tape:"rejects_self_signed,lenient" doc:"the server refused a self-signed client certificate"`
	CertificateError  *string `tape:"certificate_error,lenient" doc:"what it said"`
}

// Node is a node of the address space.
type Node struct {
	NodeID          *string    `tape:"node_id,lenient" doc:"its identity"`
	NodeClass       *string    `tape:"node_class,lenient" doc:"object, variable, method …"`
	BrowseName      *string    `tape:"browse_name|browseName,lenient" doc:"its name"`
	DisplayName     *string    `tape:"display_name,lenient" doc:"its name for people"`
	Description     *string    `tape:"description,lenient" doc:"what it is"`
	DataType        *string    `tape:"data_type,lenient" doc:"type of its value"`
	Parent          *string    `tape:"parent,lenient" doc:"node it was reached from"`
	RelationType    *string    `tape:"relation_type,lenient" doc:"by which reference"`
	AccessLevel     *int64     `tape:"access_level,lenient" doc:"what can be done with its value"`
	UserAccessLevel *int64     `tape:"user_access_level,lenient" doc:"the same for this user"`
	WriteMask       *int64     `tape:"write_mask,lenient" doc:"attributes that can be written"`
	UserWriteMask   *int64     `tape:"user_write_mask,lenient" doc:"the same for this user"`
	ValueRank       *int64     `tape:"value_rank,lenient" doc:"scalar or array"`
	Writable        *bool      `tape:"writable,lenient" doc:"its value can be written"`
	Historizing     *bool      `tape:"historizing,lenient" doc:"its history is kept"`
	Executable      *bool      `tape:"executable,lenient" doc:"it can be called"`
	UserExecutable  *bool      `tape:"user_executable,lenient" doc:"the same for this user"`
	IsAbstract      *bool      `tape:"is_abstract,lenient" doc:"a type without instances"`
	Symmetric       *bool      `tape:"symmetric,lenient" doc:"of a reference type"`
	ContainsNoLoops *bool      `tape:"contains_no_loops,lenient" doc:"of a view"`
	InverseName     *string    `tape:"inverse_name,lenient" doc:"of a reference type"`
	EventNotifier   *string    `tape:"event_notifier,lenient" doc:"of an object or view"`
	ValueStatus     *string    `tape:"value_status,lenient" doc:"status of the read"`
	ValueRaw        *string    `tape:"value_raw,lenient" doc:"the value's octets, base64"`
	ArrayDimensions []int64    `tape:"array_dimensions,lenient" doc:"of an array"`
	RolePermissions tape.Text  `tape:"role_permissions" doc:"as JSON"`
	UserPermissions tape.Text  `tape:"user_role_permissions" doc:"as JSON"`
	Value           tape.Text  `tape:"value" doc:"the value, as JSON"`
	ReadTime        *tape.Time `tape:"read_time,lenient" doc:"when it was read"`
	ServerTime      *tape.Time `tape:"server_time,lenient" doc:"the server's clock then"`
	ResponseTime    *tape.Time `tape:"response_time,lenient" doc:"when the answer came"`
}
