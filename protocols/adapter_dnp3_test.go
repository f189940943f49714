package protocols_test

import (
	"fmt"
	"strconv"
	"testing"

	"github.com/dice-engine/dice/internal/tape"
	"github.com/dice-engine/dice/protocols"
)

func adaptDNP3(t *testing.T, in identified) map[string]any {
	t.Helper()
	var station protocols.DNP3Station
	if !tape.Decode(in.Protocol.Output, in.Fingerprint, &station) {
		t.Fatal("null fingerprint")
	}
	frames := []any{}
	for _, frame := range station.Frames {
		frames = append(frames, adaptDNP3Frame(t, frame))
	}
	return map[string]any{"frames": frames}
}

func adaptDNP3Frame(t *testing.T, f protocols.DNP3Frame) map[string]any {
	t.Helper()
	bit := map[bool]int{true: 1}
	crc, err := strconv.ParseUint(f.CRC, 16, 16)
	if err != nil || !*f.CRCOK {
		t.Errorf("checksum %q, holds %v: %v", f.CRC, f.CRCOK, err)
	}
	form := map[string]any{
		"data_link_layer": map[string]any{
			"start":  "0x6405",
			"length": f.Length,
			"control": map[string]any{
				"direction": bit[*f.FromMaster], "primary": bit[*f.Primary],
				"fcb_fcv_or_dfc": f.FlowBits, "function_code": f.FunctionCode,
			},
			"destination": f.Destination, "source": f.Source,
			"crc": fmt.Sprintf("%#x", crc), "function_name": f.Function,
		},
		"application_layer": "",
		"complete":          f.Complete,
		"data_crc_ok":       f.DataCRCOK,
	}
	if f.Transport != nil {
		form["transport_layer"] = map[string]any{"transport_control": fmt.Sprintf("%#b", *f.Transport)}
	}
	if f.Application != nil {
		form["application_layer"] = *f.Application
	}
	return form
}
