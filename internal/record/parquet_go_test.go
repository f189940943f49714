package record

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/parquet-go/parquet-go"

	"github.com/dice-engine/dice/internal/tape/tapetest"
)

// Records as parquet-go writes them from structs: lists are repeated columns unless told otherwise, and optional plain
// fields lose their zeros.
type goRow[R any] struct {
	IP       string  `parquet:"ip"`
	Domain   *string `parquet:"domain,optional"`
	Port     uint16  `parquet:"port,optional"`
	Protocol string  `parquet:"protocol,dict"`
	Status   string  `parquet:"status,dict"`
	Time     int64   `parquet:"timestamp,timestamp(microsecond)"`
	Result   *R      `parquet:"result,optional"`
}

type goXMPP struct {
	Banner string `parquet:"banner,optional,dict" json:"banner"`
}

type goModbus struct {
	UnitID int64 `parquet:"unit_id" json:"unit_id"`
	MEI    *struct {
		Conformity int64             `parquet:"conformity_level" json:"conformity_level"`
		Objects    map[string]string `parquet:"objects,optional" json:"objects"`
	} `parquet:"mei_response,optional" json:"mei_response"`
	Raw string `parquet:"raw" json:"raw"`
}

type goMQTT struct {
	Code        int64               `parquet:"connection-code" json:"connection-code"`
	Topics      map[string][]string `parquet:"topics,optional" parquet-value:",list" json:"topics"`
	Certificate []string            `parquet:"certificate,list" json:"certificate"`
	Scheme      string              `parquet:"scheme,dict" json:"scheme"`
}

type goToken struct {
	Policy string `parquet:"PolicyID" json:"PolicyID"`
	Type   int32  `parquet:"TokenType" json:"TokenType"`
	URI    string `parquet:"SecurityPolicyURI,dict" json:"SecurityPolicyURI"`
}

type goEndpoint struct {
	URL         string    `parquet:"EndpointURL" json:"EndpointURL"`
	Certificate string    `parquet:"ServerCertificate,optional" json:"ServerCertificate"`
	Mode        string    `parquet:"SecurityMode,dict" json:"SecurityMode"`
	Policy      string    `parquet:"SecurityPolicyURI,dict" json:"SecurityPolicyURI"`
	Tokens      []goToken `parquet:"UserIdentityTokens" json:"UserIdentityTokens"`
}

type goOPCUA struct {
	Is        bool         `parquet:"is_opcua" json:"is_opcua"`
	Endpoints []goEndpoint `parquet:"endpoints" json:"endpoints"`
}

type goCoAP struct {
	Path     string `parquet:"path" json:"path"`
	Messages []struct {
		Payload *struct {
			StringRep string `parquet:"StringRep" json:"StringRep"`
		} `parquet:"payload,optional" json:"payload"`
	} `parquet:"messages,list" json:"messages"`
}

// goCoAPRow has a list as its result.
type goCoAPRow struct {
	IP       string   `parquet:"ip"`
	Protocol string   `parquet:"protocol"`
	Status   string   `parquet:"status"`
	Result   []goCoAP `parquet:"result,list"`
}

func pick(r *rand.Rand, from ...string) string { return from[r.IntN(len(from))] }

func banner(r *rand.Rand) goXMPP {
	return goXMPP{fmt.Sprintf("<?xml version='1.0'?><stream:stream xmlns='jabber:client' from='host%d.example' id='x'>", r.IntN(5000))}
}

func device(r *rand.Rand) (m goModbus) {
	m.UnitID = int64(r.IntN(3))
	m.Raw = strings.Repeat("A", r.IntN(60))
	if r.IntN(4) == 0 {
		return m
	}
	m.MEI = &struct {
		Conformity int64             `parquet:"conformity_level" json:"conformity_level"`
		Objects    map[string]string `parquet:"objects,optional" json:"objects"`
	}{Conformity: int64(r.IntN(4))}
	if r.IntN(3) > 0 {
		m.MEI.Objects = map[string]string{pick(r, "vendor", "product_code"): pick(r, "", "Schneider Electric", "TM221")}
	}
	return m
}

func broker(r *rand.Rand) (m goMQTT) {
	m.Scheme = pick(r, "tcp", "ssl", "")
	if r.IntN(3) > 0 {
		values := []string{fmt.Sprintf("mosquitto 2.0.%d", r.IntN(20)), ""}
		m.Topics = map[string][]string{pick(r, "$SYS/broker/version", "a/b", ""): values[:r.IntN(3)]}
	}
	if m.Scheme == "ssl" {
		m.Certificate = []string{certificateText(r), certificateText(r)}[:r.IntN(3)]
	}
	return m
}

func certificateText(r *rand.Rand) string { return fmt.Sprintf("MII%0500d", r.IntN(1000)) }

func server(r *rand.Rand) (m goOPCUA) {
	m.Is = r.IntN(10) > 0
	certificate := certificateText(r)
	for i := range r.IntN(6) {
		e := goEndpoint{URL: "opc.tcp://host:4840", Certificate: certificate, Mode: pick(r, "None", "Sign", "SignAndEncrypt"),
			Policy: "http://opcfoundation.org/UA/SecurityPolicy#" + pick(r, "None", "Basic256", "Basic256Sha256")}
		if i == 4 {
			e.Certificate = ""
		}
		for range r.IntN(3) {
			e.Tokens = append(e.Tokens, goToken{pick(r, "0", "1"), int32(r.IntN(4)), pick(r, "", e.Policy)})
		}
		m.Endpoints = append(m.Endpoints, e)
	}
	return m
}

// goRows makes rows of one protocol, most of them with a result.
func goRows[R any](protocol string, n int, make func(*rand.Rand) R) []goRow[R] {
	r := rand.New(rand.NewPCG(1, 2))
	rows := slices.Grow([]goRow[R](nil), n)
	for i := range n {
		row := goRow[R]{IP: fmt.Sprintf("10.%d.%d.%d", i>>16, i>>8&255, i&255), Port: uint16(i), Protocol: protocol, Status: "success", Time: 1738555533e6 + int64(i)}
		if r.IntN(5) < 3 {
			result := make(r)
			row.Result = &result
		} else {
			row.Status = "io-timeout"
		}
		rows = append(rows, row)
	}
	return rows
}

func writeGo[R any](t testing.TB, rows []R, options ...parquet.WriterOption) []byte {
	t.Helper()
	var out bytes.Buffer
	w := parquet.NewGenericWriter[R](&out, options...)
	if _, err := w.Write(rows); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// checkGo writes rows with parquet-go and compares what is read with the JSON of the same structs.
func checkGo[R any](t *testing.T, rows []goRow[R], options ...parquet.WriterOption) {
	t.Helper()
	wants := allWants()
	data := writeGo(t, rows, options...)
	got, counts := readParquet(t, objectOf("go.parquet", data), everything, wants, DefaultLimits)
	if len(got) != len(rows) || counts.WithRecords != int64(len(rows)) {
		t.Fatalf("read %d records, %+v, want %d", len(got), counts, len(rows))
	}
	for i, row := range rows {
		want := found{Protocol: row.Protocol, IP: row.IP, Status: row.Status, Port: int64(row.Port), Time: row.Time, HasTime: true, Row: int64(i + 1)}
		text, err := json.Marshal(row.Result)
		if err != nil {
			t.Fatal(err)
		}
		for _, w := range wants {
			if w.Protocol != row.Protocol {
				continue
			}
			tape, certificates, err := tapetest.FromJSON(w.Result, text)
			if err != nil {
				t.Fatal(err)
			}
			want.Result, want.Certificates = fmt.Sprintf("%x", tape), certificates
		}
		if diff := cmp.Diff(want, got[i]); diff != "" {
			t.Fatalf("row %d: %s: want - got +\n%s", i, text, diff)
		}
	}
}

func TestParquetGoEqualsJSON(t *testing.T) {
	for name, options := range map[string][]parquet.WriterOption{
		"one group": {parquet.Compression(&parquet.Zstd)},
		"groups":    {parquet.MaxRowsPerRowGroup(1000), parquet.Compression(&parquet.Snappy)},
		"v1 pages":  {parquet.DataPageVersion(1), parquet.PageBufferSize(1000)},
		"v2 pages":  {parquet.DataPageVersion(2), parquet.PageBufferSize(1000), parquet.Compression(&parquet.Lz4Raw)},
	} {
		t.Run(name, func(t *testing.T) {
			checkGo(t, goRows("xmpp", 3000, banner), options...)
			checkGo(t, goRows("modbus", 3000, device), options...)
			checkGo(t, goRows("mqtt", 3000, broker), options...)
			checkGo(t, goRows("opcua", 3000, server), options...)
		})
	}
}

func TestParquetListAsResult(t *testing.T) {
	rows := []goCoAPRow{{IP: "::1", Protocol: "coap", Status: "success", Result: []goCoAP{{Path: "/"}, {Path: "a"}}}, {IP: "::2", Protocol: "coap"}}
	wants := wantOnly("coap")
	got, _ := readParquet(t, objectOf("x", writeGo(t, rows)), everything, wants, DefaultLimits)
	for i, row := range rows {
		text, err := json.Marshal(row.Result)
		if err != nil {
			t.Fatal(err)
		}
		if row.Result == nil {
			text = []byte("[]") // a required list cannot be null
		}
		tape, _, err := tapetest.FromJSON(wants[0].Result, text)
		if err != nil {
			t.Fatal(err)
		}
		if want := fmt.Sprintf("%x", tape); got[i].Result != want {
			t.Errorf("row %d: got %s, want %s", i, got[i].Result, want)
		}
	}
}
