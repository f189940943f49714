package synth

// census knows how many addresses hold what is shared. It is taken before anything is written, so that a record's final
// labels are known when it is.
type census struct {
	certs  []uint32
	keys   []uint32 // of shared certificates
	pooled []uint32
}

// holding is a certificate that a host presents.
type holding struct {
	cert certID
	key  keyID
}

func newCensus(w *world) *census {
	c := &census{
		certs: make([]uint32, len(w.certs.sums)), keys: make([]uint32, len(w.certs.sums)),
		pooled: make([]uint32, len(w.keys.sums)),
	}
	if w.config.Distinct {
		return c
	}
	var held []holding
	for _, s := range w.sections {
		for i := range s.rows {
			h := host(s.firstHost + i)
			if w.twin(s, i) != never || w.byName(h) || w.countedBefore(s, h) {
				continue
			}
			held = w.holdings(held[:0], h)
			c.count(held)
		}
	}
	return c
}

// countedBefore says whether the host is a primary line of the section's neighbour too.
func (w *world) countedBefore(s *section, h host) bool {
	if s.neighbour == nil {
		return false
	}
	i := s.neighbour.find(h)
	return i != never && w.twin(s.neighbour, i) == never
}

// find returns the primary line of a host, or never.
func (s *section) find(h host) int64 {
	i := int64(h) - s.firstHost
	if i < 0 || i >= s.rows {
		return never
	}
	return i
}

// holdings appends the distinct readable certificates that records of the host present to the classifier.
func (w *world) holdings(held []holding, h host) []holding {
	for _, s := range w.sections {
		primary := s.find(h)
		if primary == never || w.twin(s, primary) != never {
			continue
		}
		for _, i := range w.repetitions(s, primary) {
			protocolsOf(w.answers(s, i), func(protocol int) {
				if f := w.fact(s, i, protocol); f.class == kept {
					held = w.presented(held, f, h)
				}
			})
		}
	}
	return held
}

// presented appends the certificates of a record that are not among held.
func (w *world) presented(held []holding, f fact, h host) []holding {
	for _, role := range w.roles(f, h) {
		cert, key := w.certificate(h, role)
		if cert.malformed() || contains(held, cert) {
			continue
		}
		held = append(held, holding{cert, key})
	}
	return held
}

func contains(held []holding, cert certID) bool {
	for _, one := range held {
		if one.cert == cert {
			return true
		}
	}
	return false
}

func (c *census) count(held []holding) {
	for i, one := range held {
		if n, ok := one.cert.shared(); ok {
			c.certs[n]++
		}
		if counter := c.key(one.key); counter != nil && !keyAmong(held[:i], one.key) {
			*counter++
		}
	}
}

func keyAmong(held []holding, key keyID) bool {
	for _, one := range held {
		if one.key == key {
			return true
		}
	}
	return false
}

// key returns the counter of a shared key, nil for one of a single host.
func (c *census) key(id keyID) *uint32 {
	n := uint64(id) &^ (0xff << classShift)
	switch uint64(id) >> classShift {
	case sharedClass:
		return &c.keys[n]
	case pooledClass:
		return &c.pooled[n]
	}
	return nil
}

// reuse returns the labels of reuse of a certificate.
func (c *census) reuse(cert certID, key keyID) (l labels) {
	if n, ok := cert.shared(); ok && c.certs[n] >= reuseHosts {
		l |= certReused
	}
	if counter := c.key(key); counter != nil && *counter >= reuseHosts {
		l |= keyReused
	}
	return l
}

// reuseHosts is the number of hosts from which on something is reused.
const reuseHosts = 2

// roles returns which of its certificates the host presents in a record that is kept.
func (w *world) roles(f fact, h host) []uint64 {
	role := mainCert
	if w.twin(f.section, f.line) != never && w.line(f.section, f.line, 'r').in(1, 3) {
		role = rotatedCert
	}
	switch w.names[f.protocol] {
	case "mqtt":
		if traitsOf(w.config.Seed, f).tls {
			return []uint64{role}
		}
	case "opcua":
		t := traitsOf(w.config.Seed, f)
		return []uint64{role, secondCert}[:t.certificates]
	case "xmpp":
		if w.listed(h) {
			return []uint64{mainCert}
		}
	}
	return nil
}

// traits are what a record's result is known to have before it is made.
type traits struct {
	tls          bool
	certificates int
}

func traitsOf(seed uint64, f fact) traits {
	r := about(seed, 't', uint64(f.protocol), f.variant)
	t := traits{tls: r.in(2, 5), certificates: 1}
	switch n := r.n(20); {
	case n < 2:
		t.certificates = 0
	case n < 5:
		t.certificates = 2
	}
	return t
}
