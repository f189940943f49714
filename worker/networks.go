package worker

import (
	"net/netip"
	"slices"
	"sort"

	"github.com/dice-engine/dice/reduce"
)

// networks are ranges of addresses in ascending order, none of which lies in another.
type networks []netip.Prefix

// parseNetworks reads networks in CIDR notation. One of IPv4 that is written as IPv6 (::ffff:192.0.2.0/120) is that of IPv4.
func parseNetworks(texts []string) (networks, error) {
	var all networks
	for _, text := range texts {
		prefix, err := netip.ParsePrefix(text)
		if err != nil {
			return nil, err
		}
		if a := prefix.Addr(); a.Is4In6() && prefix.Bits() >= 96 {
			prefix = netip.PrefixFrom(a.Unmap(), prefix.Bits()-96)
		}
		all = append(all, prefix.Masked())
	}
	slices.SortFunc(all, netip.Prefix.Compare) // the wider of two that begin alike comes first
	kept := all[:0]
	for _, prefix := range all {
		if !kept.contain(prefix.Addr()) {
			kept = append(kept, prefix)
		}
	}
	return kept, nil
}

// contain says whether an address, which is not of IPv4 in the form of IPv6, is in one of the networks.
func (n networks) contain(addr netip.Addr) bool {
	after := sort.Search(len(n), func(i int) bool { return addr.Less(n[i].Addr()) })
	return after > 0 && n[after-1].Contains(addr)
}

// containText is contain for an address as a scanner wrote it.
func (n networks) containText(ip []byte) bool {
	if len(n) == 0 {
		return false
	}
	addr, ok := reduce.ParseAddress(ip)
	return ok && n.contain(addr)
}
