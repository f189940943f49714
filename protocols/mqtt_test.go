package protocols_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/dice-engine/dice/protocols"
)

// identifyText runs one result through a protocol; the fingerprint is nil if the record is not kept.
func identifyText(t *testing.T, p *protocols.Protocol, result string) (fingerprint map[string]any, a answer) {
	t.Helper()
	a = identify(t, p, vector{Found: true, Response: response{Status: "success", Result: json.RawMessage(result)}})
	if a.kept {
		fingerprint = asJSON(t, identified{p, a.fingerprint, a.certificates})
	}
	return fingerprint, a
}

// quote writes a text as JSON.
func quote(t *testing.T, text string) string {
	t.Helper()
	quoted, err := json.Marshal(text)
	if err != nil {
		t.Fatal(err)
	}
	return string(quoted)
}

func TestMQTTBroker(t *testing.T) {
	p := protocols.MQTT()
	for topics, want := range map[string]string{
		// The text of $SYS/broker/version.
		`{"$SYS/broker/version": ["mosquitto version 2.0.11 (Debian)"]}`:   "mosquitto/2.0.11 (Debian)/mosquitto",
		`{"$SYS/broker/version": [" mosquitto\tversion  1.4.8 "]}`:         "mosquitto/1.4.8/mosquitto",
		`{"$SYS/broker/version": ["mosquitto-2.0.18"]}`:                    "mosquitto//mosquitto",
		`{"$SYS/broker/version": ["Eclipse mosquitto version 2"]}`:         "mosquitto/2/mosquitto",
		`{"$SYS/broker/version": ["Subversion 1.14"]}`:                     "Subversion/1.14/",
		`{"$SYS/broker/version": ["Broker 1."]}`:                           "Broker 1.//",
		`{"$SYS/broker/version": ["Broker v1.2"]}`:                         "Broker v1.2//",
		`{"$SYS/broker/version": ["   "]}`:                                 "//",
		`{"$SYS/broker/version": ["version"]}`:                             "//",
		`{"$SYS/broker/version": [null, "mosquitto version 1.4.8"]}`:       "//",
		`{"x/$SYS/broker/version": ["mosquitto version 1.4.8"]}`:           "//",
		`[["$SYS/broker/version", ["mosquitto version 1.4.8"]]]`:           "mosquitto/1.4.8/mosquitto",
		`[{"key": "$SYS/broker/version", "value": ["HiveMQ 4.2"]}]`:        "HiveMQ/4.2/",
		`{"$SYS/VerneMQ@a/x": null, "$SYS/broker/version": ["x"]}`:         "VerneMQ//vernemq",
		`{"home/VerneMQ": ["1"], "home/ActiveMQ": ["1"]}`:                  "//",
		`{"ActiveMQ/Advisory/x": ["1"], "$SYS/VerneMQ@a/mqtt": ["1"]}`:     "VerneMQ//vernemq",
		`{"$SYS/brokers": ["n"], "$SYS/VerneMQ@a/mqtt": ["1"]}`:            "//",
		`{"$SYS/brokers/n/version": ["5.0"], "ActiveMQ/Advisory/x": [""]}`: "/5.0/",

		// The nodes of a cluster, whatever the order of the topics.
		`{"$SYS/brokers/b/version": ["2"], "$SYS/brokers/a/version": ["1"], "$SYS/brokers/b/sysdescr": ["B"]}`:  "/1/",
		`{"$SYS/brokers/a/version": ["1"], "$SYS/brokers/b/sysdescr": ["B"], "$SYS/brokers/a/sysdescr": ["A"]}`: "A/1/",
		`{"$SYS/brokers/a/version": [""], "$SYS/brokers/b/version": ["2"], "$SYS/brokers/a/uptime": ["1"]}`:     "/2/",
		`{"$SYS/brokers/a/metrics/version": ["1"], "$SYS/brokers/version": ["2"]}`:                              "//",
	} {
		got, a := identifyText(t, p, `{"scheme": "tcp", "topics": `+topics+`}`)
		if !a.kept {
			t.Errorf("%s: not kept", topics)
			continue
		}
		text := func(name string) string { s, _ := got[name].(string); return s }
		product := strings.Split(text("cpe")+":::::", ":")[4]
		if got := text("broker") + "/" + text("version") + "/" + product; got != want {
			t.Errorf("%s: got %q, want %q", topics, got, want)
		}
	}
}

func TestMQTTKeepsTopicsAsReceived(t *testing.T) {
	got, _ := identifyText(t, protocols.MQTT(), `{"topics": {"b": null, "a": [], "c": [null, "", "1"], "": ["x"]}}`)
	want := map[string]any{"topics": map[string]any{"b": nil, "a": []any{}, "c": []any{nil, "", "1"}, "": []any{"x"}}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("want - got +\n%s", diff)
	}
}

func TestMQTTLabels(t *testing.T) {
	p := protocols.MQTT()
	for result, want := range map[string]string{
		`{"topics": {"a": null}}`:                                  "mqtt:access:read",
		`{"topics": {"$SYS/": null}, "scheme": "tcp"}`:             "mqtt:access:read mqtt:access:anonymous mqtt:access:read-internal",
		`{"topics": {"$sys/x": null}, "scheme": "ssl"}`:            "mqtt:access:read mqtt:access:self-signed-certificate",
		`{"topics": {"$SYSTEM/x": null}, "scheme": "tcp "}`:        "mqtt:access:read",
		`{"topics": {"a": null}, "error": {"any": 1}, "tls": {}}`:  "mqtt:access:read",
		`{"topics": {"a": null}, "tls": {"handshake_log": "odd"}}`: "mqtt:access:read",
	} {
		_, a := identifyText(t, p, result)
		if got := strings.Join(a.labels, " "); !a.kept || got != want {
			t.Errorf("%s: kept %v, labels %q, want %q", result, a.kept, got, want)
		}
	}
}

// TestMQTTTypes: a member of another type than the scanner gives it means that this is not the scanner's record.
func TestMQTTTypes(t *testing.T) {
	p := protocols.MQTT()
	for _, member := range []string{
		`"connection-code": "0"`, `"scheme": 1`, `"certificate": "x"`, `"certificate": [1]`, `"session_present": 1`,
		`"connect_return_code": "x"`, `"response": 1`, `"tls": "x"`,
	} {
		if _, a := identifyText(t, p, `{"topics": {"a": ["1"]}, `+member+`}`); a.kept {
			t.Errorf("kept with %s", member)
		}
	}
	for _, topics := range []string{`{"a": [1]}`, `{"a": {}}`, `{"a": 1}`, `"a"`, `[["a", ["1"]], 2]`, `[]`} {
		if _, a := identifyText(t, p, `{"topics": `+topics+`}`); a.kept {
			t.Errorf("kept with topics %s", topics)
		}
	}
}

func TestMQTTCertificates(t *testing.T) {
	for result, want := range map[string]string{
		`{"topics": {"a": null}, "certificate": ["leaf", "issuer"]}`:                                                           "leaf",
		`{"topics": {"a": null}, "certificate": [null, "issuer"]}`:                                                             "",
		`{"topics": {"a": null}, "tls": {"handshake_log": {"server_certificates": {"certificate": {"raw": "leaf", "x": 1}}}}}`: "leaf",
	} {
		_, a := identifyText(t, protocols.MQTT(), result)
		if got := strings.Join(a.certificates, " "); got != want {
			t.Errorf("%s: certificates %q, want %q", result, got, want)
		}
	}
}

func TestMQTTLongTexts(t *testing.T) {
	p := protocols.MQTT()
	for _, unit := range []string{"version ", "1.", " ", "1 ", "x"} {
		start := time.Now()
		text := quote(t, strings.Repeat(unit, 1<<20/len(unit)))
		identifyText(t, p, `{"topics": {"$SYS/broker/version": [`+text+`]}}`)
		if took := time.Since(start); took > 5*time.Second {
			t.Errorf("many %q took %v", unit, took)
		}
	}
}
