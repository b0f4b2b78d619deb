# Two commands are all a newcomer needs: `make demo` and `make test`.
# They install what is missing (Debian packages, as root or by sudo), skip what is there, and say so in one line when they cannot.

SHELL := /bin/bash
.DEFAULT_GOAL := help
CARGO ?= cargo
# Where the comparison harness lives (bench.py, stack.py); see docs/performance.md.
BENCH ?= ../shared/bench
TARGET := $(shell $(CARGO) metadata --no-deps --format-version 1 2>/dev/null | sed -n 's/.*"target_directory":"\([^"]*\)".*/\1/p')

.PHONY: help
help: ## What there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: demo
demo: ## Play the story against a real sshd; stays until Ctrl-C (ONCE=1 ends after the story)
	@scripts/install demo
	@scripts/web
	$(CARGO) build --release --locked --bins
	@python3 scripts/demo.py --bin "$(TARGET)/release" $(if $(ONCE),--once)

.PHONY: stand
stand: ## Daemon, peers and users in the foreground; prints the path of stand.json
	@scripts/install demo
	@scripts/web
	$(CARGO) build --release --locked --bins
	@python3 scripts/stand.py --bin "$(TARGET)/release" $(if $(DIR),--dir "$(DIR)")

.PHONY: web
web: ## Build the web UI into web/dist; the next cargo build takes it into the daemon
	@scripts/web --must

.PHONY: screenshots
screenshots: ## Pictures of every page, light, dark and on a phone, in web/screenshots (git ignores them)
	@scripts/install test
	@scripts/web --must
	$(CARGO) build --workspace --bins --locked
	@scripts/web --screenshots "$(TARGET)/debug"

.PHONY: test
test: ## Everything: format, lints, rules of the house, all tests
	@scripts/install test
	@scripts/web
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets --locked -- -D warnings
	$(CARGO) build --workspace --bins --locked
	$(CARGO) test --workspace --locked
	$(CARGO) test -p russh --lib --locked
	@scripts/web --unit

.PHONY: test-web
test-web: ## The story in two browsers over the daemon that `make test` built; not in it until its waits hold on every machine
	@scripts/web --test "$(TARGET)/debug"

# Where the servers of `make test-peers` are kept.
PEERS ?= $(HOME)/.cache/countersign/peers

.PHONY: test-peers
test-peers: ## Tests against servers that Debian stable does not have: MySQL 9, PostgreSQL 18 (root; 1 GB, made once)
	@scripts/install test
	@scripts/peers "$(PEERS)"
	PEERS="$(PEERS)" $(CARGO) test -p proxy --features peers --lib --locked -- tests::mysql newest
	PEERS="$(PEERS)" $(CARGO) test -p proxy --features peers --test postgres --locked newest

.PHONY: bench
bench: ## Measure against direct and the usual proxies; needs BENCH=<harness folder> (docs/performance.md)
	@scripts/install bench
	$(CARGO) build --release --locked --bins
	$(CARGO) build --release --locked -p daemon --example cycles
	@python3 scripts/bench.py --bin "$(TARGET)/release" --harness "$(BENCH)" $(BENCH_ARGS)
