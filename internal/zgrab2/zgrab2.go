// Package zgrab2 says what the results of the ZGrab2 scanners look like: for each protocol every member that one of
// its versions prints, with its type and meaning.
//
// Signatures declare only the members that they need (see protocols). These are the whole results, for the commands that copy
// records from one layout into another or make them up. [All] lists them; [AppendRow] and [AppendRawRow] put a record
// together in one of the two layouts that a scan has as Parquet.
//
// A pointer is a member whose null and whose zero differ; see internal/tape.
package zgrab2

import "github.com/dice-engine/dice/internal/tape"

// Result is a protocol's result as its scanner prints it.
type Result struct {
	Protocol string
	Title    string
	Shape    *tape.Shape // of the result alone
	Row      *tape.Shape // of a record in the layout of a folder per protocol
}

// All lists the protocols in alphabetical order. Each call compiles the shapes anew; callers keep them.
func All() []Result {
	return []Result{
		result[Bacnet]("bacnet", "BACnet/IP"),
		result[Coap]("coap", "CoAP"),
		result[Dnp3]("dnp3", "DNP3"),
		result[Modbus]("modbus", "Modbus/TCP"),
		result[Mqtt]("mqtt", "MQTT"),
		result[Opcua]("opcua", "OPC UA"),
		result[Rtps]("rtps", "RTPS"),
		result[Xmpp]("xmpp", "XMPP"),
	}
}

func result[R any](protocol, title string) Result {
	return Result{Protocol: protocol, Title: title, Shape: tape.Of[R](), Row: tape.Of[Row[R]]()}
}

// Names lists the protocols of [All].
func Names() []string {
	return []string{"bacnet", "coap", "dnp3", "modbus", "mqtt", "opcua", "rtps", "xmpp"}
}
