package x509lite

// Algorithm is how a certificate was signed.
type Algorithm struct {
	Name   string // as OpenSSL and RFCs spell it, else the dotted OID; empty where it can't be read
	Digest string // like SHA-256; empty where there is none or it is not known
}

// The signature algorithms whose parameters name the digest.
const (
	oidPSS            = "1.2.840.113549.1.1.10"
	oidECDSASpecified = "1.2.840.10045.4.3"
)

// signatures are the signature algorithms that name their digest themselves, or have none.
var signatures = tableOf(map[string]Algorithm{
	"1.2.840.113549.1.1.2":  {"md2WithRSAEncryption", "MD2"},
	"1.2.840.113549.1.1.3":  {"md4WithRSAEncryption", "MD4"},
	"1.2.840.113549.1.1.4":  {"md5WithRSAEncryption", "MD5"},
	"1.2.840.113549.1.1.5":  {"sha1WithRSAEncryption", "SHA-1"},
	"1.2.840.113549.1.1.11": {"sha256WithRSAEncryption", "SHA-256"},
	"1.2.840.113549.1.1.12": {"sha384WithRSAEncryption", "SHA-384"},
	"1.2.840.113549.1.1.13": {"sha512WithRSAEncryption", "SHA-512"},
	"1.2.840.113549.1.1.14": {"sha224WithRSAEncryption", "SHA-224"},
	"1.2.840.113549.1.1.15": {"sha512-224WithRSAEncryption", "SHA-512/224"},
	"1.2.840.113549.1.1.16": {"sha512-256WithRSAEncryption", "SHA-512/256"},
	"1.3.14.3.2.2":          {"md4WithRSA", "MD4"},
	"1.3.14.3.2.3":          {"md5WithRSA", "MD5"},
	"1.3.14.3.2.4":          {"md4WithRSAEncryption", "MD4"},
	"1.3.14.3.2.13":         {"dsaWithSHA", "SHA-0"},
	"1.3.14.3.2.15":         {"shaWithRSASignature", "SHA-0"},
	"1.3.14.3.2.24":         {"md2WithRSASignature", "MD2"},
	"1.3.14.3.2.25":         {"md5WithRSASignature", "MD5"},
	"1.3.14.3.2.27":         {"dsaWithSHA1", "SHA-1"},
	"1.3.14.3.2.28":         {"dsaWithSHA1-2", "SHA-1"},
	"1.3.14.3.2.29":         {"sha1WithRSA", "SHA-1"},
	"1.3.14.7.2.3.1":        {"md2WithRSA", "MD2"},
	"1.3.36.3.3.1.2":        {"ripemd160WithRSA", "RIPEMD-160"},

	"1.2.840.10040.4.3":       {"dsa-with-SHA1", "SHA-1"},
	"2.16.840.1.101.3.4.3.1":  {"dsa-with-SHA224", "SHA-224"},
	"2.16.840.1.101.3.4.3.2":  {"dsa-with-SHA256", "SHA-256"},
	"2.16.840.1.101.3.4.3.3":  {"dsa-with-SHA384", "SHA-384"},
	"2.16.840.1.101.3.4.3.4":  {"dsa-with-SHA512", "SHA-512"},
	"2.16.840.1.101.3.4.3.5":  {"dsa-with-SHA3-224", "SHA3-224"},
	"2.16.840.1.101.3.4.3.6":  {"dsa-with-SHA3-256", "SHA3-256"},
	"2.16.840.1.101.3.4.3.7":  {"dsa-with-SHA3-384", "SHA3-384"},
	"2.16.840.1.101.3.4.3.8":  {"dsa-with-SHA3-512", "SHA3-512"},
	"2.16.840.1.101.3.4.3.9":  {"ecdsa-with-SHA3-224", "SHA3-224"},
	"2.16.840.1.101.3.4.3.10": {"ecdsa-with-SHA3-256", "SHA3-256"},
	"2.16.840.1.101.3.4.3.11": {"ecdsa-with-SHA3-384", "SHA3-384"},
	"2.16.840.1.101.3.4.3.12": {"ecdsa-with-SHA3-512", "SHA3-512"},
	"2.16.840.1.101.3.4.3.13": {"sha3-224WithRSAEncryption", "SHA3-224"},
	"2.16.840.1.101.3.4.3.14": {"sha3-256WithRSAEncryption", "SHA3-256"},
	"2.16.840.1.101.3.4.3.15": {"sha3-384WithRSAEncryption", "SHA3-384"},
	"2.16.840.1.101.3.4.3.16": {"sha3-512WithRSAEncryption", "SHA3-512"},

	"1.2.840.10045.4.1":       {"ecdsa-with-SHA1", "SHA-1"},
	"1.2.840.10045.4.3.1":     {"ecdsa-with-SHA224", "SHA-224"},
	"1.2.840.10045.4.3.2":     {"ecdsa-with-SHA256", "SHA-256"},
	"1.2.840.10045.4.3.3":     {"ecdsa-with-SHA384", "SHA-384"},
	"1.2.840.10045.4.3.4":     {"ecdsa-with-SHA512", "SHA-512"},
	"0.4.0.127.0.7.1.1.4.1.1": {"ecdsa-plain-SHA1", "SHA-1"},
	"0.4.0.127.0.7.1.1.4.1.2": {"ecdsa-plain-SHA224", "SHA-224"},
	"0.4.0.127.0.7.1.1.4.1.3": {"ecdsa-plain-SHA256", "SHA-256"},
	"0.4.0.127.0.7.1.1.4.1.4": {"ecdsa-plain-SHA384", "SHA-384"},
	"0.4.0.127.0.7.1.1.4.1.5": {"ecdsa-plain-SHA512", "SHA-512"},
	"0.4.0.127.0.7.1.1.4.1.6": {"ecdsa-plain-RIPEMD160", "RIPEMD-160"},
	"1.2.156.10197.1.501":     {"SM2-with-SM3", "SM3"},
	"1.3.101.112":             {"Ed25519", ""},
	"1.3.101.113":             {"Ed448", ""},
	"1.2.643.2.2.3":           {"GOST-R-34.10-2001", "GOST-R-34.11-94"},
	"1.2.643.7.1.1.3.2":       {"GOST-R-34.10-2012-256", "Streebog-256"},
	"1.2.643.7.1.1.3.3":       {"GOST-R-34.10-2012-512", "Streebog-512"},
	"1.3.6.1.5.5.7.6.30":      {"RSASSA-PSS-SHAKE128", "SHAKE128"},
	"1.3.6.1.5.5.7.6.31":      {"RSASSA-PSS-SHAKE256", "SHAKE256"},
	"1.3.6.1.5.5.7.6.32":      {"ecdsa-with-SHAKE128", "SHAKE128"},
	"1.3.6.1.5.5.7.6.33":      {"ecdsa-with-SHAKE256", "SHAKE256"},
	"2.16.840.1.101.3.4.3.17": {"ML-DSA-44", ""},
	"2.16.840.1.101.3.4.3.18": {"ML-DSA-65", ""},
	"2.16.840.1.101.3.4.3.19": {"ML-DSA-87", ""},
})

var digestNames = tableOf(map[string]string{
	"1.2.840.113549.2.2": "MD2", "1.2.840.113549.2.4": "MD4", "1.2.840.113549.2.5": "MD5",
	"1.3.14.3.2.18": "SHA-0", "1.3.14.3.2.26": "SHA-1", "1.3.36.3.2.1": "RIPEMD-160",
	"2.16.840.1.101.3.4.2.1": "SHA-256", "2.16.840.1.101.3.4.2.2": "SHA-384", "2.16.840.1.101.3.4.2.3": "SHA-512",
	"2.16.840.1.101.3.4.2.4": "SHA-224", "2.16.840.1.101.3.4.2.5": "SHA-512/224", "2.16.840.1.101.3.4.2.6": "SHA-512/256",
	"2.16.840.1.101.3.4.2.7": "SHA3-224", "2.16.840.1.101.3.4.2.8": "SHA3-256", "2.16.840.1.101.3.4.2.9": "SHA3-384",
	"2.16.840.1.101.3.4.2.10": "SHA3-512", "2.16.840.1.101.3.4.2.11": "SHAKE128", "2.16.840.1.101.3.4.2.12": "SHAKE256",
})

// readSignature reads the content of a signature's AlgorithmIdentifier.
func readSignature(body []byte) Algorithm {
	oid, parameters := splitAlgorithm(body)
	if known, ok := signatures.find(oid); ok {
		return known
	}
	name := dotted(oid)
	switch name {
	case oidPSS:
		return withDigest("RSASSA-PSS", pssDigest(parameters))
	case oidECDSASpecified:
		hash, _ := parameters.expect(tagSequence)
		return withDigest("ecdsa-with-Specified", readDigest(hash.body))
	}
	return Algorithm{Name: name}
}

// splitAlgorithm returns the content of the OID of an AlgorithmIdentifier, and what follows it.
func splitAlgorithm(body []byte) (oid []byte, parameters cursor) {
	c := cursor(body)
	id, ok := c.expect(tagOID)
	if !ok {
		return nil, nil
	}
	return id.body, c
}

func withDigest(name, digest string) Algorithm {
	if digest == "" {
		return Algorithm{Name: name}
	}
	return Algorithm{name + "-" + digest, digest}
}

// pssDigest reads the digest of RSASSA-PSS-params, which is SHA-1 where they do not say (RFC 4055, 3.1).
func pssDigest(parameters cursor) string {
	list, ok := parameters.next()
	if !ok || list.tag == tagNull {
		return "SHA-1"
	}
	c := cursor(list.body)
	explicit, ok := c.optional(tagPSSHash)
	if !ok {
		return "SHA-1"
	}
	c = cursor(explicit.body)
	hash, _ := c.expect(tagSequence)
	return readDigest(hash.body)
}

// readDigest reads the content of a digest's AlgorithmIdentifier.
func readDigest(body []byte) string {
	oid, _ := splitAlgorithm(body)
	name, _ := digestNames.find(oid)
	return name
}
