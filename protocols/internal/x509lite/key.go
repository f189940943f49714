package x509lite

import "math/bits"

// Key is what a SubjectPublicKeyInfo says of its key.
type Key struct {
	Algorithm string // RSA, DSA, EC, Ed25519, Ed448, X25519, X448, or the dotted OID; empty where it can't be read
	Bits      int    // of an RSA or DSA modulus, of an EC curve's field; -1 where it is not known
	// BadExponent says that an RSA key's public exponent is below 3 or even.
	BadExponent bool
}

var keyNames = tableOf(map[string]string{
	"1.2.840.113549.1.1.1": "RSA", "1.2.840.113549.1.1.7": "RSA", "1.2.840.113549.1.1.10": "RSA", "2.5.8.1.1": "RSA",
	"1.2.840.10040.4.1": "DSA", "1.3.14.3.2.12": "DSA",
	"1.2.840.10045.2.1": "EC", "1.3.132.1.12": "EC", "1.3.132.1.13": "EC",
	"1.3.101.110": "X25519", "1.3.101.111": "X448", "1.3.101.112": "Ed25519", "1.3.101.113": "Ed448",
})

// curveBits gives the size of the field of each named curve (X9.62, SEC 2, WTLS, RFC 5639, ANSSI, SM2).
var curveBits = tableOf(map[string]int{
	"1.2.840.10045.3.1.1": 192, "1.2.840.10045.3.1.2": 192, "1.2.840.10045.3.1.3": 192,
	"1.2.840.10045.3.1.4": 239, "1.2.840.10045.3.1.5": 239, "1.2.840.10045.3.1.6": 239, "1.2.840.10045.3.1.7": 256,
	"1.2.840.10045.3.0.1": 163, "1.2.840.10045.3.0.2": 163, "1.2.840.10045.3.0.3": 163, "1.2.840.10045.3.0.4": 176,
	"1.2.840.10045.3.0.5": 191, "1.2.840.10045.3.0.6": 191, "1.2.840.10045.3.0.7": 191, "1.2.840.10045.3.0.10": 208,
	"1.2.840.10045.3.0.11": 239, "1.2.840.10045.3.0.12": 239, "1.2.840.10045.3.0.13": 239, "1.2.840.10045.3.0.16": 272,
	"1.2.840.10045.3.0.17": 304, "1.2.840.10045.3.0.18": 359, "1.2.840.10045.3.0.19": 368, "1.2.840.10045.3.0.20": 431,
	"1.3.132.0.1": 163, "1.3.132.0.2": 163, "1.3.132.0.3": 239, "1.3.132.0.4": 113, "1.3.132.0.5": 113,
	"1.3.132.0.6": 112, "1.3.132.0.7": 112, "1.3.132.0.8": 160, "1.3.132.0.9": 160, "1.3.132.0.10": 256,
	"1.3.132.0.15": 163, "1.3.132.0.16": 283, "1.3.132.0.17": 283, "1.3.132.0.22": 131, "1.3.132.0.23": 131,
	"1.3.132.0.24": 193, "1.3.132.0.25": 193, "1.3.132.0.26": 233, "1.3.132.0.27": 233, "1.3.132.0.28": 128,
	"1.3.132.0.29": 128, "1.3.132.0.30": 160, "1.3.132.0.31": 192, "1.3.132.0.32": 224, "1.3.132.0.33": 224,
	"1.3.132.0.34": 384, "1.3.132.0.35": 521, "1.3.132.0.36": 409, "1.3.132.0.37": 409, "1.3.132.0.38": 571, "1.3.132.0.39": 571,
	"1.3.36.3.3.2.8.1.1.1": 160, "1.3.36.3.3.2.8.1.1.2": 160, "1.3.36.3.3.2.8.1.1.3": 192, "1.3.36.3.3.2.8.1.1.4": 192,
	"1.3.36.3.3.2.8.1.1.5": 224, "1.3.36.3.3.2.8.1.1.6": 224, "1.3.36.3.3.2.8.1.1.7": 256, "1.3.36.3.3.2.8.1.1.8": 256,
	"1.3.36.3.3.2.8.1.1.9": 320, "1.3.36.3.3.2.8.1.1.10": 320, "1.3.36.3.3.2.8.1.1.11": 384, "1.3.36.3.3.2.8.1.1.12": 384,
	"1.3.36.3.3.2.8.1.1.13": 512, "1.3.36.3.3.2.8.1.1.14": 512,
	"2.23.43.1.4.1": 113, "2.23.43.1.4.3": 163, "2.23.43.1.4.4": 113, "2.23.43.1.4.5": 163, "2.23.43.1.4.6": 112,
	"2.23.43.1.4.7": 160, "2.23.43.1.4.8": 112, "2.23.43.1.4.9": 160, "2.23.43.1.4.10": 233, "2.23.43.1.4.11": 233,
	"2.23.43.1.4.12":          224,
	"1.2.250.1.223.101.256.1": 256, "1.2.156.10197.1.301": 256,
})

// readKey reads the content of a SubjectPublicKeyInfo. It fails where that is not an algorithm and a bit string; a key
// that is not understood has no size.
func readKey(spki []byte) (k Key, ok bool) {
	c := cursor(spki)
	algorithm, ok := c.expect(tagSequence)
	if !ok {
		return k, false
	}
	key, ok := c.expect(tagBitString)
	if !ok {
		return k, false
	}
	k.Bits = -1
	oid, parameters := splitAlgorithm(algorithm.body)
	if k.Algorithm, ok = keyNames.find(oid); !ok {
		k.Algorithm = dotted(oid)
	}
	switch k.Algorithm {
	case "RSA":
		k.readRSA(key.body)
	case "DSA":
		k.readDSA(parameters)
	case "EC":
		k.readEC(parameters)
	}
	return k, true
}

// readRSA reads the modulus and the exponent of an RSAPublicKey.
func (k *Key) readRSA(bitString []byte) {
	if len(bitString) == 0 {
		return
	}
	c := cursor(bitString[1:])
	list, ok := c.expect(tagSequence)
	if !ok {
		return
	}
	c = cursor(list.body)
	modulus, ok := c.expect(tagInteger)
	if !ok {
		return
	}
	k.Bits = bitLen(modulus.body)
	if exponent, ok := c.expect(tagInteger); ok {
		e := exponent.body
		k.BadExponent = bitLen(e) < 2 || e[len(e)-1]&1 == 0
	}
}

// readDSA reads the modulus p from Dss-Parms.
func (k *Key) readDSA(parameters cursor) {
	list, ok := parameters.expect(tagSequence)
	if !ok {
		return
	}
	c := cursor(list.body)
	if p, ok := c.expect(tagInteger); ok {
		k.Bits = bitLen(p.body)
	}
}

// readEC reads the size of a named curve. A curve given by its equation is not understood: nothing says that it is what
// its size suggests.
func (k *Key) readEC(parameters cursor) {
	curve, ok := parameters.expect(tagOID)
	if !ok {
		return
	}
	if size, known := curveBits.find(curve.body); known {
		k.Bits = size
	}
}

// bitLen is the length in bits of an INTEGER's content. A missing leading zero is common in bad encoders, so the number
// counts as positive.
func bitLen(octets []byte) int {
	for len(octets) > 0 && octets[0] == 0 {
		octets = octets[1:]
	}
	if len(octets) == 0 {
		return 0
	}
	return 8*(len(octets)-1) + bits.Len8(octets[0])
}
