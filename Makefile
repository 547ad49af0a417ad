# Two commands do everything: `make run` and `make test`. Each installs what it needs into target/tools and
# says what it installs. `.ci/run` runs `make test` and nothing else.

CARGO ?= cargo
TOOLS := target/tools
export DOUBTED := target/held-at-second
export CARGO
export CARGO_TERM_COLOR ?= auto

.DEFAULT_GOAL := help
.PHONY: help run build test first lint unit behaviour conformance clients microvm bench fuzz clean-tools

help:
	@echo 'make run          build, start the runtime with a demo server, say what to try'
	@echo 'make test         everything that CI checks'
	@echo '  make lint         format, clippy, cargo deny'
	@echo '  make unit         unit and property tests, sandbox tests'
	@echo '  make behaviour    end to end: the real binary, real servers'
	@echo '  make conformance  the official conformance suite, directly and through Sessile'
	@echo '  make clients      official TypeScript, Python and Rust clients of both eras against servers of both eras'
	@echo 'make microvm      the conformance suite and the client matrix with each session in a virtual machine, all of it'
	@echo '                  (make test runs a part: under emulation all takes twenty minutes)'
	@echo 'make bench        the load generator against Sessile, floors and peers; writes docs/benchmarks.md'
	@echo 'make fuzz         fuzz targets, a minute each (needs a nightly toolchain)'

run:
	@echo 'building (release; the first time takes a few minutes)'
	@$(CARGO) build --release --locked -p sessile -p sessile-fixtures --bin sessile --bin sessile-demo
	@exec scripts/demo

test: first lint build unit behaviour conformance clients
	@echo 'make test: all passed; nothing was skipped'
	@if [ -e $(DOUBTED) ]; then \
		echo 'These failed, and held when they were run once more, alone. What they said is above; each is a fault to be found:'; \
		cat $(DOUBTED); \
	fi

first:
	@rm -f $(DOUBTED)

build:
	$(CARGO) build --locked --workspace --all-targets

lint:
	scripts/install-lint-tools
	$(CARGO) fmt --all --check
	$(CARGO) clippy --locked --workspace --all-targets -- -D warnings
	$(TOOLS)/lint/bin/cargo-deny --locked check bans licenses sources --hide-inclusion-graph

unit:
	scripts/microvm-kernel
	scripts/install-image-tools
	tests/images/install
	scripts/cargo-test --locked --workspace --exclude sessile-tests
	scripts/cargo-test --locked -p sessile-sandbox --features weaken --test protections

behaviour:
	tests/conformance/install
	scripts/microvm-kernel
	tests/egress/install
	tests/images/install
	scripts/cargo-test --locked -p sessile-tests

conformance:
	tests/conformance/test target/debug
	tests/conformance/test target/debug --isolation microvm --some

clients:
	tests/clients/test target/debug
	tests/clients/matrix target/debug
	tests/clients/matrix target/debug --isolation microvm --some
	tests/clients/sleep target/debug

# Of the programs as they were built last: `make build` before.
microvm:
	tests/conformance/test target/debug --isolation microvm
	tests/clients/matrix target/debug --isolation microvm

bench:
	bench/run

fuzz:
	scripts/fuzz

clean-tools:
	rm -rf $(TOOLS)
