package worker

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"
)

// TestNetworks compares the search with looking at each network, of lists in which networks lie in others.
func TestNetworks(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	address := func() netip.Addr {
		if four := [4]byte{10, byte(r.IntN(3)), byte(r.Uint32()), byte(r.Uint32())}; r.IntN(2) == 0 {
			return netip.AddrFrom4(four)
		}
		return netip.AddrFrom16([16]byte{0x20, 1, 0xd, 0xb8, byte(r.IntN(3)), byte(r.Uint32()), 15: byte(r.Uint32())})
	}
	inside := 0
	for range 300 {
		var texts []string
		var each []netip.Prefix
		for range r.IntN(12) {
			a := address()
			prefix := netip.PrefixFrom(a, r.IntN(a.BitLen()+1))
			each, texts = append(each, prefix), append(texts, prefix.String())
		}
		list, err := parseNetworks(texts)
		if err != nil {
			t.Fatal(err)
		}
		for range 100 {
			a, want := address(), false
			for _, prefix := range each {
				want = want || prefix.Contains(a)
			}
			if want {
				inside++
			}
			if list.contain(a) != want {
				t.Fatalf("%s in %s: want %t", a, texts, want)
			}
		}
	}
	if inside < 1000 || inside > 29000 {
		t.Errorf("%d of 30000 addresses are in a network", inside)
	}
}

// TestMappedNetworks: a network of IPv4 may be written as one of IPv6; addresses are looked up as those of IPv4.
func TestMappedNetworks(t *testing.T) {
	list, err := parseNetworks([]string{"::ffff:192.0.2.0/120", "::ffff:198.51.100.7/128"})
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]bool{
		"192.0.2.0": true, "192.0.2.255": true, "192.0.3.0": false, "198.51.100.7": true, "198.51.100.8": false, "2001:db8::1": false, "::": false,
	} {
		if got := list.contain(netip.MustParseAddr(text)); got != want {
			t.Errorf("%s: %t", text, got)
		}
	}
	if _, err := parseNetworks([]string{"192.0.2.1"}); err == nil {
		t.Error("an address is no network")
	}
}

// BenchmarkNetworks looks addresses up in a list of ten thousand networks.
func BenchmarkNetworks(b *testing.B) {
	var texts []string
	for i := range 10_000 {
		texts = append(texts, fmt.Sprintf("%d.%d.%d.0/24", 10+i/2500, i/50%50, i%50*3))
	}
	list, err := parseNetworks(texts)
	if err != nil {
		b.Fatal(err)
	}
	addr := netip.MustParseAddr("11.20.30.40")
	b.ReportAllocs()
	for b.Loop() {
		list.contain(addr)
	}
}
