package reduce

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dice-engine/dice/internal/run"
	"github.com/dice-engine/dice/shard"
)

const partitions = 3

func testConfig(t testing.TB) Config {
	return Config{Key: [16]byte([]byte("0123456789abcdef")), Partitions: partitions, Budget: 1 << 16, Scratch: t.TempDir()}
}

// stored are sightings of one task in an object.
type stored struct {
	body    []byte
	extents [2][]shard.Extent
}

func store(t testing.TB, s *Sightings) stored {
	t.Helper()
	var b bytes.Buffer
	extents, err := s.Store(&b)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return stored{b.Bytes(), extents}
}

// opener opens an extent of an object.
func opener(body []byte, e shard.Extent) func() (io.ReadCloser, error) {
	return func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(body[e.Offset : e.Offset+e.Length])), nil
	}
}

func merged(t testing.TB, round Round, partition int, all ...stored) run.Iterator {
	t.Helper()
	var inputs []func() (io.ReadCloser, error)
	for _, s := range all {
		inputs = append(inputs, opener(s.body, s.extents[round][partition]))
	}
	it, err := run.Merge(inputs, 1<<20, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return it
}

// seen is a record of the naive model.
type seen struct {
	at       Address
	identity string
	host     netip.Addr
	cert     string // carried
	index    uint32 // of the carried certificate
	asks     bool
}

// world is a random job: records by shard, and offers by host.
type world struct {
	shards [][]seen
	offers []offer
}

type offer struct {
	host  netip.Addr
	shard uint32
	row   uint64
	cert  string
}

func pick(r *rand.Rand, prefix string, n int) string { return fmt.Sprintf("%s%d", prefix, r.IntN(n)) }

func host(r *rand.Rand, n int) netip.Addr {
	if r.IntN(2) == 0 {
		return netip.AddrFrom4([4]byte{10, 0, 0, byte(r.IntN(n))})
	}
	return netip.AddrFrom16([16]byte{0x20, 1, 15: byte(r.IntN(n))})
}

func randomWorld(r *rand.Rand) world {
	var w world
	hosts := 1 + r.IntN(60)
	for s := range 1 + r.IntN(5) {
		var records []seen
		next := map[uint8]uint32{}
		certs := map[string]uint32{}
		for range r.IntN(80) {
			p := uint8(r.IntN(2))
			rec := seen{at: Address{p, uint32(s), next[p]}, identity: pick(r, "host", 40), host: host(r, hosts)}
			next[p]++
			switch r.IntN(3) {
			case 0:
				rec.cert = pick(r, "cert", 10)
				key := fmt.Sprint(p, rec.cert)
				if _, ok := certs[key]; !ok {
					certs[key] = uint32(len(certs))
				}
				rec.index = certs[key]
			case 1:
				rec.asks = true
			}
			records = append(records, rec)
		}
		w.shards = append(w.shards, records)
	}
	for row := range r.IntN(40) {
		w.offers = append(w.offers, offer{host(r, hosts), uint32(len(w.shards) + row%2), uint64(row), pick(r, "cert", 10)})
	}
	return w
}

// keyOf is the key of a certificate: pairs of certificates share one. A forged offer may have none.
func keyOf(cert string) string {
	if cert == "" {
		return "key"
	}
	return "key" + string(cert[len(cert)-1]/2)
}

// sight does what map tasks do, and tells which records they found to be duplicates by themselves.
func sight(t testing.TB, w world) (all []stored, repeated []Verdict) {
	t.Helper()
	for _, records := range w.shards {
		s := NewSightings(testConfig(t))
		claimed := map[string]bool{}
		for _, rec := range records {
			again, err := s.Duplicate(rec.at, []byte(fmt.Sprint(rec.at.Protocol, rec.identity)))
			if again {
				repeated = append(repeated, Verdict{Address: rec.at, Kind: Duplicate})
			}
			if rec.asks && err == nil {
				err = s.Ask(rec.host, rec.at)
			}
			if rec.cert != "" && err == nil {
				h := Holder{Address{rec.at.Protocol, rec.at.Shard, rec.index}, true}
				err = sightCert(s, rec, h, claimed)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		all = append(all, store(t, s))
	}
	s := NewSightings(testConfig(t))
	for _, o := range w.offers {
		if err := s.Offer(o.host, o.shard, o.row, []byte(o.cert)); err != nil {
			t.Fatal(err)
		}
	}
	return append(all, store(t, s)), repeated
}

func sightCert(s *Sightings, rec seen, h Holder, claimed map[string]bool) error {
	shas := map[Kind][32]byte{Certificate: sha256.Sum256([]byte(rec.cert)), Key: sha256.Sum256([]byte(keyOf(rec.cert)))}
	for kind, sha := range shas {
		if id := fmt.Sprint(rec.at.Protocol, rec.cert, kind); !claimed[id] {
			claimed[id] = true
			if err := s.Claim(kind, sha, h); err != nil {
				return err
			}
		}
		if err := s.Evidence(kind, sha, rec.host, rec.at.Protocol); err != nil {
			return err
		}
	}
	return nil
}

func describe(payload []byte) (cert, key [32]byte, ok bool, err error) {
	return sha256.Sum256(payload), sha256.Sum256([]byte(keyOf(string(payload)))), string(payload) != "cert9", nil
}

// resolve runs both rounds over all partitions and returns the verdicts in order, and what is shared.
func resolve(t testing.TB, w world, minHosts int) (verdicts []Verdict, shared []Shared) {
	t.Helper()
	mapped, repeated := sight(t, w)
	var attached []stored
	var objects []stored
	ranges := []Range{{0, 0, 2}, {0, 2, 9}, {1, 0, 9}}
	keep := func(v *Verdicts) {
		var b bytes.Buffer
		extents, err := v.Store(&b, ranges)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range extents {
			objects = append(objects, stored{b.Bytes(), [2][]shard.Extent{e[:]}})
		}
	}
	for p := range partitions {
		v, next := NewVerdicts(1<<16, t.TempDir()), NewSightings(testConfig(t))
		if err := ResolveIdentity(merged(t, Identity, p, mapped...), v, next, describe); err != nil {
			t.Fatal(err)
		}
		keep(v)
		attached = append(attached, store(t, next))
	}
	for p := range partitions {
		v := NewVerdicts(1<<16, t.TempDir())
		err := ResolveReuse(merged(t, Reuse, p, append(mapped, attached...)...), minHosts, v, func(s Shared) error {
			s.Addresses, s.Protocols = slices.Clone(s.Addresses), slices.Clone(s.Protocols)
			shared = append(shared, s)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		keep(v)
	}
	for _, piece := range layOut(ranges) {
		var inputs []func() (io.ReadCloser, error)
		for i := piece.at; i < len(objects); i += len(ranges) {
			inputs = append(inputs, opener(objects[i].body, objects[i].extents[0][piece.space]))
		}
		r, err := ReadVerdicts(inputs, 1<<20, t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		for {
			v, err := r.Next()
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			v.Payload = slices.Clone(v.Payload)
			verdicts = append(verdicts, v)
		}
	}
	if !slices.IsSortedFunc(verdicts, byAddress) {
		t.Errorf("verdicts are out of order: %v", verdicts)
	}
	return append(verdicts, repeated...), shared
}

func byAddress(a, b Verdict) int { return bytes.Compare(a.append(nil), b.append(nil)) }

// naive answers the same with maps.
func naive(w world, minHosts int) (verdicts []Verdict, hosts map[string]map[netip.Addr]bool) {
	given := map[netip.Addr]offer{}
	for _, o := range w.offers {
		if g, ok := given[o.host]; !ok || o.shard < g.shard || o.shard == g.shard && o.row < g.row {
			given[o.host] = o
		}
	}
	first := map[string]bool{}
	hosts = map[string]map[netip.Addr]bool{}
	note := func(cert string, h netip.Addr) {
		for _, id := range []string{cert, keyOf(cert)} {
			if hosts[id] == nil {
				hosts[id] = map[netip.Addr]bool{}
			}
			hosts[id][h] = true
		}
	}
	type claim struct {
		id string
		v  Verdict
	}
	var claims []claim
	ask := func(cert string, v Verdict) {
		v.Kind = CertificateHosts
		claims = append(claims, claim{cert, v})
		v.Kind = KeyHosts
		claims = append(claims, claim{keyOf(cert), v})
	}
	for _, records := range w.shards {
		claimed := map[string]bool{}
		for _, rec := range records {
			id := fmt.Sprint(rec.at.Protocol, rec.identity)
			if first[id] {
				verdicts = append(verdicts, Verdict{Address: rec.at, Kind: Duplicate})
			}
			first[id] = true
			if g, ok := given[rec.host]; ok && rec.asks {
				verdicts = append(verdicts, Verdict{Address: rec.at, Kind: Attach, Payload: []byte(g.cert)})
				if g.cert != "cert9" {
					note(g.cert, rec.host)
					ask(g.cert, Verdict{Address: rec.at})
				}
			}
			if rec.cert != "" {
				note(rec.cert, rec.host)
				if c := fmt.Sprint(rec.at.Protocol, rec.cert); !claimed[c] {
					claimed[c] = true
					ask(rec.cert, Verdict{Address: Address{rec.at.Protocol, rec.at.Shard, rec.index}, Certificate: true})
				}
			}
		}
	}
	for _, c := range claims {
		if n := len(hosts[c.id]); n >= 2 || n >= minHosts {
			c.v.Hosts = uint32(n)
			verdicts = append(verdicts, c.v)
		}
	}
	return verdicts, hosts
}

// TestResolveAgreesWithMaps: for random jobs, sorting and merging give what maps in memory give.
func TestResolveAgreesWithMaps(t *testing.T) {
	total := 0
	for seed := range uint64(150) {
		w := randomWorld(rand.New(rand.NewPCG(seed, 9)))
		minHosts := 1 + int(seed%3)
		got, shared := resolve(t, w, minHosts)
		want, hosts := naive(w, minHosts)
		slices.SortFunc(want, byAddress)
		slices.SortFunc(got, byAddress)
		for i := range want {
			if want[i].Payload == nil {
				want[i].Payload = []byte{}
			}
		}
		for i := range got {
			if got[i].Payload == nil {
				got[i].Payload = []byte{}
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("seed %d: want - got +\n%s", seed, diff)
		}
		checkShared(t, shared, hosts, minHosts)
		total += len(got)
	}
	if total < 1000 {
		t.Errorf("%d verdicts in all prove little", total)
	}
}

func checkShared(t *testing.T, shared []Shared, hosts map[string]map[netip.Addr]bool, minHosts int) {
	t.Helper()
	want := 0
	byHash := map[[32]byte]map[netip.Addr]bool{}
	for id, h := range hosts {
		byHash[sha256.Sum256([]byte(id))] = h
		if len(h) >= minHosts {
			want++
		}
	}
	if len(shared) != want {
		t.Errorf("%d shared, want %d", len(shared), want)
	}
	for _, s := range shared {
		h := byHash[s.SHA256]
		if int64(len(h)) != s.Hosts || len(s.Addresses) != min(len(h), MaxAddresses) {
			t.Errorf("%d hosts and %d addresses, want %d", s.Hosts, len(s.Addresses), len(h))
		}
		if !slices.IsSortedFunc(s.Addresses, netip.Addr.Compare) || len(s.Protocols) == 0 {
			t.Errorf("addresses %v, protocols %v", s.Addresses, s.Protocols)
		}
		for _, a := range s.Addresses {
			if !h[a] {
				t.Errorf("%s does not hold it", a)
			}
		}
	}
}

// TestOneCertificateOnEveryHost: no group is held in memory, however large.
func TestOneCertificateOnEveryHost(t *testing.T) {
	const hosts = 300_000
	s := NewSightings(Config{Partitions: 1, Budget: 1 << 20, Scratch: t.TempDir()})
	sha := sha256.Sum256([]byte("default"))
	if err := s.Claim(Certificate, sha, Holder{Certificate: true}); err != nil {
		t.Fatal(err)
	}
	for i := range uint32(hosts) {
		addr := netip.AddrFrom4([4]byte{byte(i >> 24), byte(i >> 16), byte(i >> 8), byte(i)})
		if err := s.Evidence(Certificate, sha, addr, 0); err != nil {
			t.Fatal(err)
		}
	}
	all := store(t, s)
	v := NewVerdicts(1<<16, t.TempDir())
	defer v.Close()
	var found []Shared
	err := ResolveReuse(merged(t, Reuse, 0, all), 2, v, func(s Shared) error {
		found = append(found, s)
		return nil
	})
	if err != nil || len(found) != 1 || found[0].Hosts != hosts {
		t.Errorf("got %v, %v", found, err)
	}
}

// TestIdentityHash: identities are hashed alike on all machines, as the vectors published with SipHash-2-4-128 have it, and
// all of the key counts.
func TestIdentityHash(t *testing.T) {
	cfg := testConfig(t)
	for i := range cfg.Key {
		cfg.Key[i] = byte(i)
	}
	hash := func(question byte, key ...byte) string {
		s := NewSightings(cfg)
		defer s.Close()
		h := s.identity(question, key)
		return hex.EncodeToString(h[:])
	}
	for want, got := range map[string]string{
		"da87c1d86b99af44347659119b22fc45": hash(0),
		"8177228da4a45dc7fca38bdef60affe4": hash(0, 1),
	} {
		if got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	seen := map[string]bool{}
	for i := range cfg.Key {
		cfg.Key[i]++
		seen[hash(0)] = true
	}
	if len(seen) != len(cfg.Key) {
		t.Errorf("%d hashes by %d keys", len(seen), len(cfg.Key))
	}
}
