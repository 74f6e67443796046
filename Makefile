# Logic longer than a line stands in build/. Each module is built with its own go.mod alone.
export GOWORK := off

.DEFAULT_GOAL := help
.PHONY: help demo test check integration bench image fixtures fuzz

help: ## This list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile

demo: ## The raw client and holdfast under the same faults: what each lost and doubled
	@build/demo

test: ## Every test that needs only Go; with Java 17 and Maven also the conformance suite on a real broker
	@build/test

check: ## Format, build, vet, staticcheck, import rules, tidy, release dry run, vulnerabilities
	@build/check

integration: ## The suites on real brokers, in containers; needs Docker
	@build/integration

bench: ## Side by side with the raw client, on a real broker; ROWS=send runs a part
	@mkdir -p .bin && cd bench && go build -o ../.bin/bench . && exec ../.bin/bench -rows=$(ROWS)

image: ## A local stand-in for the broker's image, for machines that reach no registry
	@integration/cluster/container/image/build

fixtures: ## Capture the protocol's fixtures anew from running brokers
	@cd integration && go run ./fixtures

fuzz: ## Every fuzz target for a short time; TIME=1m for longer
	@build/fuzz $(TIME)
