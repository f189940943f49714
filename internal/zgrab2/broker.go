package zgrab2

import "github.com/dice-engine/dice/internal/tape"

// Mqtt is the result of the module mqtt, of either ZGrab2.
type Mqtt struct {
	ConnectionCode *int64                  `tape:"connection-code" doc:"return code of CONNACK"`
	Topics         *tape.Pairs[*[]*string] `tape:"topics,pairs" doc:"topics that were received, each with its first messages"`
	Certificate    *[]string               `tape:"certificate" doc:"the server's certificates, base64 DER, leaf first"`
	Scheme         *string                 `tape:"scheme" doc:"tcp or ssl"`
	Error          tape.Text               `tape:"error" doc:"as JSON"`
	SessionPresent *bool                   `tape:"session_present" doc:"flag of CONNACK"`
	ReturnCode     *int64                  `tape:"connect_return_code" doc:"return code of CONNACK"`
	Response       *string                 `tape:"response" doc:"CONNACK, hex"`
	TLS            *TLS                    `tape:"tls" doc:"the TLS handshake"`
}

// TLS is what is kept of a TLS log: the certificates.
type TLS struct {
	HandshakeLog *HandshakeLog `tape:"handshake_log,lenient" doc:"messages of the handshake"`
}

// HandshakeLog holds messages of a handshake.
type HandshakeLog struct {
	ServerCertificates *ServerCertificates `tape:"server_certificates" doc:"the Certificate message"`
}

// ServerCertificates is a Certificate message.
type ServerCertificates struct {
	Certificate *RawCertificate   `tape:"certificate" doc:"the leaf"`
	Chain       []*RawCertificate `tape:"chain,lenient,elements" doc:"the others"`
}

// RawCertificate is a certificate in a TLS log.
type RawCertificate struct {
	Raw *string `tape:"raw" doc:"base64 DER"`
}

// Xmpp is the result of the module xmpp.
type Xmpp struct {
	Banner *string `tape:"banner" doc:"stream header and features as text"`
	TLS    *TLS    `tape:"tls,lenient" doc:"the TLS handshake, of scanners that start TLS"`
}
