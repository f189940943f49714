# Everything here is a short name for a go command. CI runs the same ones: see .ci/run.
FUZZTIME ?= 30s
COUNT    ?= 6
TOOLS    := $(CURDIR)/.cache/bin
TEST     := go test -timeout 60m

.PHONY: all build test race fuzz bench benchcmp lint docs sample servers

all: lint test

build:
	go build -o dice ./cmd/dice

# The first run builds the servers that tests need: see servers.
test:
	$(TEST) ./...
	cd internal/oracle && $(TEST) ./...

# Needs a C compiler.
race:
	$(TEST) -race ./...

# MinIO and nats-server from pinned modules, into the user's cache. Takes minutes, once.
servers:
	go run ./internal/servertest/install

# Every fuzz target in turn.
fuzz:
	@.ci/fuzz $(FUZZTIME)

bench:
	go test -run '^$$' -bench . -benchmem -count $(COUNT) ./... | tee bench.txt

# make bench on the old commit, keep bench.txt as BASE, make bench on the new one, then this.
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
