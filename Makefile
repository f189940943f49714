# Everything here is a short name for a go command. CI runs the same ones: see .ci/run.
FUZZTIME ?= 30s
COUNT    ?= 6
TOOLS    := $(CURDIR)/.cache/bin
TEST     := go test -timeout 30m

ROUNDS   ?= 200
SEED     ?= $(shell date +%s)

ROWS     ?= 10000000
PAIRS    ?= 5

.PHONY: all build test race fuzz chaos bench benchparts benchcmp lint docs sample servers

all: lint test

build:
	go build -o dice ./cmd/dice

# The first run builds the servers that tests need: see servers.
test:
	$(TEST) ./...
	cd internal/oracle && $(TEST) ./...
	cd internal/deploytest && $(TEST) ./...

# Needs a C compiler.
race:
	$(TEST) -race ./...

# MinIO and nats-server from pinned modules, into the user's cache. Takes minutes, once.
servers:
	go run ./internal/servertest/install

# Every fuzz target in turn.
fuzz:
	@.ci/fuzz $(FUZZTIME)

# Fleets of real processes on real servers, all of which fail: ROUNDS of them, from SEED. A short one is in every test.
chaos:
	@echo seed $(SEED)
	DICE_CHAOS_ROUNDS=$(ROUNDS) DICE_CHAOS_SEED=$(SEED) go test -timeout 0 -count 1 -v -run TestChaos ./internal/jobtest

# DICE against DuckDB, in a module of its own: ratios of processor time on scans of up to ROWS rows. Needs a C compiler.
bench: build
	cd internal/peers && go run . -dice ../../dice -rows $(ROWS) -pairs $(PAIRS)

# The benchmarks of the parts.
benchparts:
	go test -run '^$$' -bench . -benchmem -count $(COUNT) ./... | tee bench.txt

# make benchparts on the old commit, keep bench.txt as BASE, make benchparts on the new one, then this.
benchcmp: $(TOOLS)/benchstat
	$(TOOLS)/benchstat $(BASE) bench.txt

lint: $(TOOLS)/golangci-lint
	gofmt -l . | (! grep .)
	go vet ./...
	$(TOOLS)/golangci-lint run

$(TOOLS)/%:
	.ci/tools $*

# Pages that are made from declarations.
docs:
	go test ./cmd/dice -run Pages -update

# The scan in testdata.
sample:
	rm -rf testdata/scan
	go run ./cmd/dice generate --rows 400 --seed 1 --layout jsonl -o testdata/scan
