package protocols

import (
	"strings"

	"github.com/dice-engine/dice/internal/tape"
)

// An MQTT broker hands out messages by topic. Whether a client must log in, and which topics it may read, is up to the
// broker's configuration. The scanner connects without credentials (scheme tcp) or with a self-signed certificate of its
// own (scheme ssl) and subscribes to everything: each topic that it received is one that any stranger can read. What the
// broker says of itself stands under $SYS/.
//
// Limits: a broker that lets strangers in but shows no topic looks like one that refuses them. The names under $SYS/ are
// conventions of single products, not part of the standard. Where a record has the topics of several brokers (a bridge
// copies them), the order of the topics does not matter: EMQX, VerneMQ, ActiveMQ, others.
//
// Standard: OASIS MQTT Version 5.0, sections 4.7.2 (topics beginning with $) and 5.4 (security).

// MQTT returns the signature of MQTT.
func MQTT() *Protocol {
	return Signature[mqttResult, MQTTBroker]{
		Name:        "mqtt",
		Title:       "MQTT",
		Description: "The topics and messages that a broker delivered to a client without an account; the broker by its own topics under $SYS/.",
		Criterion:   "topics has at least one entry",
		Evidence:    "topics",
		Ports:       []string{"1883/tcp", "8883/tcp"},
		References:  []string{"OASIS MQTT Version 5.0, 4.7.2 and 5.4", "OASIS MQTT Version 3.1.1, 5.4"},
		Labels:      mqttLabels(),
		Filter:      func(_ bool, r *mqttResult) bool { return len(r.Topics) > 0 },
		Identify:    identifyMQTT,
		Classify:    classifyMQTT,
	}.Protocol()
}

func mqttLabels() []Label {
	return []Label{{
		ID:        "mqtt:access:anonymous",
		Meaning:   "The broker delivered topics over plain TCP to a client that gave no credentials: anyone who reaches the port can read, and often publish.",
		Severity:  High,
		Remedy:    "Require authentication (in mosquitto: allow_anonymous false) and offer MQTT over TLS only.",
		Reference: "OASIS MQTT Version 5.0, 5.4.1 and 5.4.2",
		Since:     "0.1",
	}, {
		ID:        "mqtt:access:self-signed-certificate",
		Meaning:   "The broker delivered topics over TLS to a client whose only credential was a self-signed certificate: it does not check whom it talks to.",
		Severity:  High,
		Remedy:    "Accept client certificates of your own authority only (in mosquitto: require_certificate true with cafile), or require a user name and password.",
		Reference: "OASIS MQTT Version 5.0, 5.4.1",
		Since:     "0.1",
	}, {
		ID:        "mqtt:access:read",
		Meaning:   "A stranger could read at least one topic.",
		Severity:  Medium,
		Remedy:    "Restrict by access control lists which client may subscribe to which topics.",
		Reference: "OASIS MQTT Version 5.0, 5.4.2",
		Since:     "0.1",
	}, {
		ID:        "mqtt:access:read-internal",
		Meaning:   "A stranger could read the broker's internal topics under $SYS/: version, load, numbers or names of clients.",
		Severity:  Low,
		Remedy:    "Deny subscriptions to $SYS/# for all but administrators.",
		Reference: "OASIS MQTT Version 5.0, 4.7.2",
		Since:     "0.1",
	}}
}

// mqttTopics holds the messages by topic; both a list and a message may be null.
type mqttTopics = tape.Pairs[*[]*string]

// mqttResult is the scanner's result: first what the study's ZGrab2 says, then what upstream's does.
type mqttResult struct {
	ConnectionCode int64          `tape:"connection-code,check"`
	Topics         mqttTopics     `tape:"topics,pairs"`
	Certificate    tape.CertChain `tape:"certificate"`
	Scheme         string         `tape:"scheme"`
	Error          tape.Text      `tape:"error,check"`

	SessionPresent bool      `tape:"session_present,check"`
	ReturnCode     int64     `tape:"connect_return_code,check"`
	Response       string    `tape:"response,check"`
	TLS            tlsResult `tape:"tls"`
}

// tlsResult is what ZGrab2 says of a TLS handshake. Of it only the server's own certificate is read, and a log of
// another shape is one without a certificate.
type tlsResult struct {
	Log tlsLog `tape:"handshake_log,lenient"`
}

type tlsLog struct {
	Server tlsServer `tape:"server_certificates"`
}

type tlsServer struct {
	Leaf tlsLeaf `tape:"certificate"`
}

type tlsLeaf struct {
	Raw tape.Cert `tape:"raw"`
}

// MQTTBroker is the fingerprint of an MQTT broker.
type MQTTBroker struct {
	Broker  *string    `tape:"broker" doc:"the product, as it names itself"`
	Version *string    `tape:"version" doc:"the product's version, as written"`
	CPE     *string    `tape:"cpe" doc:"the product's CPE 2.3 name, without version, where it is known"`
	Scheme  *string    `tape:"scheme" doc:"how the scanner connected: tcp (no credentials) or ssl (a self-signed client certificate)"`
	Topics  mqttTopics `tape:"topics" doc:"the messages received, by topic"`
}

func identifyMQTT(r *mqttResult) MQTTBroker {
	b := identifyBroker(r.Topics)
	b.Scheme, b.Topics = textOrNil(r.Scheme), r.Topics
	return b
}

func classifyMQTT(b *MQTTBroker) []string {
	if len(b.Topics) == 0 {
		return nil
	}
	labels := []string{"mqtt:access:read"}
	if b.Scheme != nil && *b.Scheme == "tcp" {
		labels = append(labels, "mqtt:access:anonymous")
	}
	if b.Scheme != nil && *b.Scheme == "ssl" {
		labels = append(labels, "mqtt:access:self-signed-certificate")
	}
	for _, t := range b.Topics {
		if strings.HasPrefix(t.Key, "$SYS/") {
			return append(labels, "mqtt:access:read-internal")
		}
	}
	return labels
}

// textOrNil returns nil for the empty text.
func textOrNil(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}
