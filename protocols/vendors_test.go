package protocols

import (
	"strconv"
	"strings"
	"testing"
)

func TestVendorTables(t *testing.T) {
	for name, c := range map[string]struct {
		table   string
		columns int
		least   int
		known   map[string]string
		valid   func(id string) bool
	}{
		"bacnet": {bacnetVendorTable, 2, 130, map[string]string{"2": "The Trane Company", "415": "Beckhoff Automation GmbH"}, func(id string) bool {
			n, err := strconv.ParseUint(id, 10, 16)
			return err == nil && strconv.FormatUint(n, 10) == id
		}},
		"rtps": {rtpsVendorTable, 3, 20, map[string]string{"0101": "Connext DDS", "0114": "Dust DDS"}, func(id string) bool {
			_, err := strconv.ParseUint(id, 16, 16)
			return err == nil && len(id) == 4 && id == strings.ToLower(id)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			rows := readTable(c.table, c.columns)
			if len(rows) < c.least {
				t.Errorf("%d rows, want at least %d", len(rows), c.least)
			}
			for id, row := range rows {
				if !c.valid(id) || strings.TrimSpace(row[0]) != row[0] || row[0] == "" {
					t.Errorf("row %q: %q", id, row)
				}
			}
			for id, want := range c.known {
				if got := rows[id]; got == nil || got[0] != want {
					t.Errorf("%s: got %q, want %s", id, got, want)
				}
			}
			if !strings.HasPrefix(c.table, "#") || !strings.Contains(c.table, "# Source: ") {
				t.Error("the table does not say where it is from")
			}
		})
	}
}

func TestBrokenTablePanics(t *testing.T) {
	for _, table := range []string{"1\ta\tb\n", "1\ta\n1\tb\n", "1\n"} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%q: no panic", table)
				}
			}()
			readTable(table, 2)
		}()
	}
}

func TestUnknownVendorsStayVisible(t *testing.T) {
	vendors := map[string][]string{"5": {"Five"}}
	for id, want := range map[int64]string{5: "Five", 6: "", -1: ""} {
		d := identifyBACnet(&bacnetResult{VendorID: &id}, vendors)
		if *d.VendorID != id || (d.Vendor == nil) != (want == "") || d.Vendor != nil && *d.Vendor != want {
			t.Errorf("%d: got %+v", id, d)
		}
	}
}
