# Everything that gantry needs beyond Go, gcc, make and git is built from source
# by these rules, at the versions pinned in the go.mod files, into bin/.

MAKEFLAGS += --no-builtin-rules
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

VERSION ?= 0.1.0-dev
KUBERNETES := v1.36.3
HELM := v3.22.0
AZURITE := 3.35.0
FUZZTIME ?= 10s
BENCHCOUNT ?= 6
LARGEST ?= 10000
CORPUS ?=
PUSH ?=
SHUFFLE ?=

# One set of flags for every build, so that the libraries are compiled once:
# the tests' race detector alone needs cgo and a second set.
export CGO_ENABLED := 0
export GOFLAGS := -trimpath $(shell go env GOFLAGS)

# ./... does not reach below testdata.
PACKAGES := ./... $(patsubst %,./%/...,$(wildcard testdata/house testdata/bench testdata/corpus testdata/charts testdata/sandbox testdata/strict testdata/objectstore))
# What goroutines share is in these rooms; the scripts of cmd/cli start hundreds of
# processes, which the race detector makes slow to start.
RACY := ./charts/... ./repo/...
INTEGRATION := $(patsubst %,./%/...,$(wildcard testdata/integration))

# sources lists what a binary is made from: the folders too, whose time tells
# of files that came or went.
sources = $(shell find $(1) -name testdata -prune -o -name '*_test.go' -o -print)

help: ## print this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: bin/gantry bin/gantry-sandbox ## build bin/gantry and bin/gantry-sandbox

# The converter for the playground of the repository's pages, which bin/gantry holds.
playground := templates/playground/gantry.wasm.gz templates/playground/wasm_exec.js

templates/playground/gantry.wasm.gz: go.mod go.sum $(call sources,cmd/gantry-playground convert charts templates/templates.go templates/chart templates/service templates/report)
	GOOS=js GOARCH=wasm go build -ldflags '-s -w' -o bin/gantry.wasm ./cmd/gantry-playground
	gzip -9nc bin/gantry.wasm > $@

templates/playground/wasm_exec.js: $(shell go env GOROOT)/lib/wasm/wasm_exec.js
	cp $< $@

bin/gantry: go.mod go.sum $(playground) $(call sources,cmd/gantry cmd/cli convert charts templates repo)
	go build -ldflags '-s -w -X gantry/cmd/cli.version=$(VERSION)' -o $@ ./cmd/gantry
	@touch $@

sandbox: bin/gantry-sandbox ## build bin/gantry-sandbox, the control plane in one binary (long the first time)

component := k8s.io/component-base/version
bin/gantry-sandbox: $(call sources,cmd/gantry-sandbox)
	go build -C cmd/gantry-sandbox -ldflags '-s -w -X $(component).gitVersion=$(KUBERNETES) -X $(component).gitMajor=1 -X $(component).gitMinor=36' -o $(CURDIR)/$@ .
	@touch $@

tools: bin/tools/golangci-lint bin/tools/helm bin/tools/versitygw bin/tools/fake-gcs-server bin/tools/benchstat ## build the pinned tools into bin/tools

bin/tools/golangci-lint: testdata/tools/go.mod testdata/tools/go.sum
	go build -C testdata/tools -o $(CURDIR)/$@ github.com/golangci/golangci-lint/v2/cmd/golangci-lint
	@touch $@

bin/tools/benchstat: testdata/tools/go.mod testdata/tools/go.sum
	go build -C testdata/tools -o $(CURDIR)/$@ golang.org/x/perf/cmd/benchstat
	@touch $@

bin/tools/helm: testdata/tools/helm/go.mod testdata/tools/helm/go.sum
	go build -C testdata/tools/helm -ldflags '-X helm.sh/helm/v3/internal/version.version=$(HELM)' -o $(CURDIR)/$@ helm.sh/helm/v3/cmd/helm
	@touch $@

bin/tools/versitygw: testdata/tools/versitygw/go.mod testdata/tools/versitygw/go.sum
	go build -C testdata/tools/versitygw -o $(CURDIR)/$@ github.com/versity/versitygw/cmd/versitygw
	@touch $@

bin/tools/fake-gcs-server: testdata/tools/fakegcs/go.mod testdata/tools/fakegcs/go.sum
	go build -C testdata/tools/fakegcs -o $(CURDIR)/$@ github.com/fsouza/fake-gcs-server
	@touch $@

# Azurite is a program for Node.js: it needs npm, and only make azure asks for it.
bin/tools/azurite: Makefile
	@command -v npm >/dev/null || { echo 'Azurite needs Node.js and npm: install them, such as with apt-get install npm' >&2; exit 1; }
	npm install --no-audit --no-fund --no-save --prefix $@ azurite@$(AZURITE)
	@touch $@

bin/tools/kube-score: testdata/tools/kube-score/go.mod testdata/tools/kube-score/go.sum
	go build -C testdata/tools/kube-score -o $(CURDIR)/$@ github.com/zegl/kube-score/cmd/kube-score
	@touch $@

# Tests run without vet, which would analyse every dependency once more: lint does
# it anyway. Go keeps what a test said for as long as nothing changes that it reads;
# in another order each time (SHUFFLE=on, as in CI) all of them run again.
gotest := go test -vet=off $(if $(SHUFFLE),-shuffle=$(SHUFFLE))

test: build bin/tools/helm bin/tools/versitygw bin/tools/fake-gcs-server ## run every test, those against the real API server included
	CGO_ENABLED=1 $(gotest) -race $(RACY)
	$(gotest) $$(go list $(PACKAGES) | grep -vE '^gantry/(charts|repo)(/|$$)')
	cd cmd/gantry-sandbox && $(gotest) ./...
	$(gotest) -count=1 -parallel 8 $(INTEGRATION)

integration: build bin/tools/helm bin/tools/versitygw bin/tools/fake-gcs-server ## run only the tests against the real API server
	$(gotest) -count=1 -parallel 8 $(INTEGRATION)

azure: bin/tools/azurite ## run the tests of buckets on Azurite, which stands in for Azure (needs npm)
	$(gotest) -count=1 -run 'Azure|/azure' ./repo/blob ./repo/server

lint: bin/tools/golangci-lint ## check the code and its format
	bin/tools/golangci-lint run --allow-serial-runners $(PACKAGES) $(INTEGRATION)
	cd cmd/gantry-sandbox && $(CURDIR)/bin/tools/golangci-lint run --allow-serial-runners --config $(CURDIR)/.golangci.yml ./...

fmt: bin/tools/golangci-lint ## format the code
	bin/tools/golangci-lint fmt
	cd cmd/gantry-sandbox && $(CURDIR)/bin/tools/golangci-lint fmt --config $(CURDIR)/.golangci.yml

generate: ## write the generated files again
	go generate ./...

golden: ## write the expected outputs of the tests again; the diff is the review
	go test $$(grep -rl --include='*_test.go' 'flag.Bool("update"' . | xargs -n1 dirname | sort -u) -update

fuzz: ## fuzz every trust boundary, each for FUZZTIME (10s)
	@grep -r --include='*_test.go' --exclude-dir=gantry-sandbox '^func Fuzz' . | sed -E 's|^(.*)/[^/]*:func (Fuzz[A-Za-z0-9]*).*|\1 \2|' | sort \
	| while read -r dir name; do go test "$$dir" -run '^$$' -fuzz "^$$name\$$" -fuzztime $(FUZZTIME); done

bench: bin/gantry bin/gantry-sandbox bin/tools/helm bin/tools/benchstat ## run the benchmarks, and compare with compose-go and, on a sandbox, with helm
	go test -run '^$$' -bench . -benchmem -count $(BENCHCOUNT) $(PACKAGES) | tee bin/bench.txt
	bin/tools/benchstat bin/bench.txt
	go run ./testdata/bench -largest $(LARGEST)

cover: ## measure what the tests cover, by function, into coverage.html
	go test -coverprofile=coverage.out -coverpkg=./... $(PACKAGES)
	go tool cover -html=coverage.out -o coverage.html
	go tool cover -func=coverage.out | tail -1

image: bin/gantry ## pack gantry as a container image, bin/gantry-image.tar, or PUSH=REFERENCE it
	go run ./cmd/gantry-image -binary bin/gantry -name gantry:$(VERSION) $(if $(PUSH),-push "$(PUSH)")

demo: build ## take an application from Compose file to release, upgrade and back, on the sandbox
	@testdata/demo/run

corpus: build bin/tools/helm ## convert every Compose project below CORPUS=DIR, and ask a real API server
	@test -n "$(CORPUS)" || { echo "usage: make corpus CORPUS=DIR" >&2; exit 2; }
	go run ./testdata/corpus -gantry bin/gantry -helm bin/tools/helm "$(CORPUS)"

corpus-charts: bin/gantry bin/tools/helm ## render every chart below CORPUS=DIR as helm does, byte for byte
	@test -n "$(CORPUS)" || { echo "usage: make corpus-charts CORPUS=DIR" >&2; exit 2; }
	go run ./testdata/charts "$(CORPUS)"

corpus-releases: build bin/tools/helm ## take every chart below CORPUS=DIR through the life of a release as helm does, and compare the clusters
	@test -n "$(CORPUS)" || { echo "usage: make corpus-releases CORPUS=DIR" >&2; exit 2; }
	go run ./testdata/charts -releases "$(CORPUS)"

score: bin/gantry bin/tools/kube-score ## let kube-score judge the charts of testdata: nothing critical that the Compose files did not ask for
	go run ./testdata/score testdata/score/*.txtar testdata/chart/*.txtar testdata/convert/*.txtar

ci: lint test ## what CI runs

clean: ## remove what make built
	rm -rf bin coverage.out coverage.html $(playground)

.PHONY: help build image sandbox tools test integration azure lint fmt generate golden fuzz bench cover demo corpus corpus-charts corpus-releases ci clean
