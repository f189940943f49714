package zgrab2

import "github.com/dice-engine/dice/internal/tape"

// Row is a record in the layout <scan>/protocol=<p>/<p>.parquet: one record a row.
type Row[R any] struct {
	IP        string     `tape:"ip" doc:"address of the host; null where it was scanned by name and not recorded"`
	Port      int64      `tape:"port" doc:"port that was scanned; null where the scanner did not say"`
	Domain    string     `tape:"domain" doc:"name by which the host was scanned"`
	Protocol  string     `tape:"protocol" doc:"the scanner's module"`
	Status    string     `tape:"status" doc:"success, connection-refused, connection-timeout, connection-closed, io-timeout, protocol-error, application-error or unknown-error"`
	Timestamp *tape.Time `tape:"timestamp" doc:"start of the scan of this host, UTC; null where it could not be read"`
	Error     string     `tape:"error" doc:"why the scan of this host failed"`
	Result    *R         `tape:"result" doc:"what the scanner found, of CoAP a LIST<STRUCT>; null where it found nothing"`
}

// Head is what records of all protocols have in common. Empty members are left out.
type Head struct {
	IP, Domain, Protocol, Status, Error string

	Port int64
	Time *tape.Time
	Text string // the timestamp as text, for AppendRawRow
}

// AppendRow appends the tape of a [Row] to dst: result is the tape of the protocol's result, null or not.
func AppendRow(dst []byte, h *Head, result []byte) []byte {
	dst = append(dst, tape.Present)
	dst = appendText(dst, 1, h.IP)
	if h.Port != 0 {
		dst = tape.AppendInt(append(dst, 2), h.Port)
	}
	dst = appendText(dst, 3, h.Domain)
	dst = appendText(dst, 4, h.Protocol)
	dst = appendText(dst, 5, h.Status)
	if h.Time != nil {
		dst = tape.AppendInt(append(dst, 6), int64(*h.Time))
	}
	dst = appendText(dst, 7, h.Error)
	return append(appendResult(dst, 8, result), tape.End)
}

func appendText(dst []byte, field byte, s string) []byte {
	if s == "" {
		return dst
	}
	return tape.AppendString(append(dst, field), s)
}

// appendResult appends a nullable field from a whole tape.
func appendResult(dst []byte, field byte, result []byte) []byte {
	if len(result) == 0 || result[0] == tape.End {
		return dst
	}
	return append(append(dst, field), result[1:]...)
}

// RawRow is a line of the scanner as a row: all protocols side by side below data.
type RawRow struct {
	IP     string  `tape:"ip" doc:"address of the host"`
	Domain string  `tape:"domain" doc:"name by which the host was scanned"`
	Port   int64   `tape:"port" doc:"port that was scanned"`
	Data   RawData `tape:"data" doc:"one member per protocol that was scanned; null where it was not"`
}

// RawData holds the responses of a [RawRow].
type RawData struct {
	Bacnet *Response[Bacnet] `tape:"bacnet"`
	Coap   *Response[Coap]   `tape:"coap"`
	Dnp3   *Response[Dnp3]   `tape:"dnp3"`
	Modbus *Response[Modbus] `tape:"modbus"`
	Mqtt   *Response[Mqtt]   `tape:"mqtt"`
	Opcua  *Response[Opcua]  `tape:"opcua"`
	Rtps   *Response[Rtps]   `tape:"rtps"`
	Xmpp   *Response[Xmpp]   `tape:"xmpp"`
}

// Response is what a module says about a host.
type Response[R any] struct {
	Status    string `tape:"status"`
	Protocol  string `tape:"protocol"`
	Timestamp string `tape:"timestamp"`
	Result    *R     `tape:"result"`
	Error     string `tape:"error"`
}

// Raw compiles the shape of a [RawRow].
func Raw() *tape.Shape { return tape.Of[RawRow]() }

// Answer is one response of a raw row: Index is the protocol's place in [All].
type Answer struct {
	Index  int
	Head   *Head
	Result []byte
}

// AppendRawRow appends the tape of a [RawRow] to dst. The answers stand in the order of [All], one per protocol at the most.
func AppendRawRow(dst []byte, h *Head, answers []Answer) []byte {
	dst = append(dst, tape.Present)
	dst = appendText(dst, 1, h.IP)
	dst = appendText(dst, 2, h.Domain)
	if h.Port != 0 {
		dst = tape.AppendInt(append(dst, 3), h.Port)
	}
	if len(answers) == 0 {
		return append(dst, tape.End)
	}
	dst = append(dst, 4)
	for _, a := range answers {
		dst = appendText(append(dst, byte(a.Index+1)), 1, a.Head.Status)
		dst = appendText(dst, 2, a.Head.Protocol)
		dst = appendText(dst, 3, a.Head.Text)
		dst = appendText(appendResult(dst, 4, a.Result), 5, a.Head.Error)
		dst = append(dst, tape.End)
	}
	return append(dst, tape.End, tape.End)
}
