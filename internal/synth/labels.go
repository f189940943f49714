package synth

import (
	"fmt"
	"math/bits"
	"sort"
)

// labels is a set of labels that were planted.
type labels uint64

// The labels that can be planted. The years of libcoap follow the last one.
const (
	bacnetRead labels = 1 << iota
	coapRead
	coapCalifornium
	dnp3Read
	modbusAnonymous
	mqttAnonymous
	mqttSelfSigned
	mqttRead
	mqttInternal
	opcuaAnonymous
	opcuaPolicies
	opcuaMode
	rtpsRead
	rtpsLeak
	xmppAuth
	xmppMechanisms
	certExpired
	certFuture
	certNegative
	certLong
	certHash
	certEncryption
	certShort
	certMalformed
	certReused
	keyReused
	firstYear
)

// The years of libcoap that are planted and outdated.
const (
	libcoapFrom = 2010
	libcoapTo   = 2022
)

func libcoap(year int) labels { return firstYear << (year - libcoapFrom) }

// names lists the labels' identifiers by bit.
func names() []string {
	list := []string{
		"bacnet:access:read",
		"coap:access:read", "coap:product:eclipse-californium:outdated",
		"dnp3:access:read",
		"modbus:access:anonymous",
		"mqtt:access:anonymous", "mqtt:access:self-signed-certificate", "mqtt:access:read", "mqtt:access:read-internal",
		"opcua:access:anonymous", "opcua:access:weak-policies", "opcua:access:weak-mode",
		"rtps:access:read", "rtps:access:leak",
		"xmpp:stanza:auth:deprecated", "xmpp:stanza:mechanisms:deprecated",
		"certificate:validity:expired", "certificate:validity:future", "certificate:validity:negative",
		"certificate:validity:long-lasting", "certificate:hash:weak", "certificate:encryption:weak",
		"certificate:key:short", "certificate:malformed", "certificate:reused", "certificate:key:reused",
	}
	for year := libcoapFrom; year <= libcoapTo; year++ {
		list = append(list, fmt.Sprintf("coap:product:libcoap:%d", year))
	}
	return list
}

// sorted returns the identifiers of a set in bytewise order.
func (l labels) sorted(names []string) []string {
	list := []string{}
	for ; l != 0; l &= l - 1 {
		list = append(list, names[bits.TrailingZeros64(uint64(l))])
	}
	sort.Strings(list)
	return list
}
