module github.com/dice-engine/dice/internal/oracle

go 1.26.0

require (
	github.com/dice-engine/dice v0.0.0
	github.com/google/go-cmp v0.7.0
)

require (
	github.com/weppos/publicsuffix-go v0.50.4-0.20260715080728-6ed62ce99a4a // indirect
	github.com/zmap/zcrypto v0.0.0-20260725024403-2c658ce3c66f
	golang.org/x/crypto v0.58.0 // indirect
	golang.org/x/net v0.60.0 // indirect
	golang.org/x/text v0.43.0 // indirect
)

replace github.com/dice-engine/dice => ../..
