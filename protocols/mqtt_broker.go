package protocols

import "strings"

// The names by which brokers are known in the National Vulnerability Database.
const (
	cpeMosquitto = "cpe:2.3:a:eclipse:mosquitto:*:*:*:*:*:*:*:*"
	cpeVerneMQ   = "cpe:2.3:a:octavolabs:vernemq:*:*:*:*:*:*:*:*"
	cpeActiveMQ  = "cpe:2.3:a:apache:activemq:*:*:*:*:*:*:*:*"
)

// identifyBroker tells the product by the topics that only it has.
func identifyBroker(topics mqttTopics) MQTTBroker {
	var brokers, verneMQ, activeMQ bool
	var text string
	for _, t := range topics {
		brokers = brokers || t.Key == "$SYS/brokers" || strings.HasPrefix(t.Key, brokersPrefix)
		verneMQ = verneMQ || strings.HasPrefix(t.Key, "$SYS/VerneMQ")
		activeMQ = activeMQ || strings.HasPrefix(t.Key, "ActiveMQ/") || strings.HasPrefix(t.Key, "$SYS/ActiveMQ")
		if t.Key == "$SYS/broker/version" {
			text = firstMessage(t.Value)
		}
	}
	switch {
	case brokers:
		return identifyNode(topics)
	case verneMQ:
		return MQTTBroker{Broker: new("VerneMQ"), CPE: new(cpeVerneMQ)}
	case activeMQ:
		return MQTTBroker{Broker: new("ActiveMQ"), CPE: new(cpeActiveMQ)}
	}
	name, version := splitVersion(text)
	if strings.Contains(name, "mosquitto") {
		return MQTTBroker{Broker: new("mosquitto"), Version: textOrNil(version), CPE: new(cpeMosquitto)}
	}
	return MQTTBroker{Broker: textOrNil(name), Version: textOrNil(version)}
}

// brokersPrefix begins the topics of the nodes of a cluster: $SYS/brokers/NODE/version and so on (EMQX).
const brokersPrefix = "$SYS/brokers/"

// identifyNode reads what the first node by name says of itself. Nodes that say nothing are passed over.
func identifyNode(topics mqttTopics) MQTTBroker {
	var first string
	var b MQTTBroker
	for _, t := range topics {
		path, ok := strings.CutPrefix(t.Key, brokersPrefix)
		node, leaf, _ := strings.Cut(path, "/")
		message := firstMessage(t.Value)
		if !ok || message == "" || leaf != "version" && leaf != "sysdescr" {
			continue
		}
		known := b.Broker != nil || b.Version != nil
		if known && node > first {
			continue
		}
		if node != first {
			first, b = node, MQTTBroker{}
		}
		if leaf == "version" {
			b.Version = &message
		} else {
			b.Broker = &message
		}
	}
	return b
}

// firstMessage returns the first message of a topic, the empty text where there is none.
func firstMessage(messages *[]*string) string {
	if messages == nil || len(*messages) == 0 || (*messages)[0] == nil {
		return ""
	}
	return *(*messages)[0]
}

// splitVersion splits the text of $SYS/broker/version. The version follows the word "version"; without that word it is
// the last word, if that is a number with dots.
func splitVersion(text string) (name, version string) {
	words := strings.Fields(text)
	for i, word := range words {
		if word == "version" {
			return strings.Join(words[:i], " "), strings.Join(words[i+1:], " ")
		}
	}
	if last := len(words) - 1; last >= 0 && isDotted(words[last]) {
		return strings.Join(words[:last], " "), words[last]
	}
	return strings.TrimSpace(text), ""
}

// isDotted says whether word is digits, or digits.digits and so on.
func isDotted(word string) bool {
	for part := range strings.SplitSeq(word, ".") {
		if part == "" || strings.Trim(part, "0123456789") != "" {
			return false
		}
	}
	return true
}
