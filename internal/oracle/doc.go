// Package oracle compares the lenient reader of certificates with zcrypto, which reads more than crypto/x509. It is a
// module of its own, so that what DICE ships does not depend on zcrypto. It has tests only:
//
//	cd internal/oracle && go test ./...
package oracle
