# Every recipe says in a line what it does. `make` alone lists the targets.

SHELL := /bin/sh
.DEFAULT_GOAL := help
.PHONY: help setup run test lint bench scorecard fuzz matrix docs clean

FUZZ_SECONDS ?= 60

CARGO ?= cargo
SETUP := deploy/dev/setup.sh
MATRIX := deploy/dev/matrix.sh
DAEMON := netmon-daemon/Cargo.toml
EBPF := netmon-ebpf/Cargo.toml
FUZZ := netmon-common/fuzz
NETMON := target/release/netmon
# Tools that setup.sh installs for the user or for this project alone.
export PATH := $(PATH):$(HOME)/.cargo/bin:$(CURDIR)/target/tools/bin
# The port is one constant in the code; this only reads it.
PORT = $(shell sed -n 's/^pub const DEFAULT_PORT: u16 = \([0-9_]*\);/\1/p' \
	netmon-daemon/src/config/mod.rs | tr -d _)

help: ## List the targets
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 16

setup: ## Install what the build needs; skip what is there
	@echo "== setup: the toolchain"
	@$(SETUP) toolchain

run: setup ## Build netmon and run it on the interfaces of this host
	@echo "== run: building the release"
	@$(CARGO) build --release -p netmon-daemon
	@echo "== run: http://127.0.0.1:$(PORT)/ is the status page, /metrics beside it; Ctrl-C ends"
	@if [ "$$(id -u)" -eq 0 ]; then exec $(NETMON) run; \
	else echo "== run: asking sudo, because loading programs into the kernel needs root"; \
	exec sudo $(NETMON) run; fi

test: setup ## Run every test; those that lack root or a tool say SKIPPED
	@echo "== test: the tools that the tests call"
	@$(SETUP) test
	@echo "== test: every test of the workspace"
	@$(CARGO) test --workspace --no-fail-fast

lint: setup ## Check format, lints, documentation, licences and spelling
	@echo "== lint: the tools"
	@$(SETUP) lint
	@echo "== lint: format"
	@$(CARGO) fmt --all --check
	@for manifest in $(EBPF) $(FUZZ)/Cargo.toml; do \
	$(CARGO) fmt --check --manifest-path $$manifest || exit 1; done
	@echo "== lint: clippy"
	@$(CARGO) clippy --workspace --all-targets --quiet -- -D warnings
	@$(CARGO) clippy --manifest-path $(FUZZ)/Cargo.toml --target-dir target/lint --quiet -- -D warnings
	@echo "== lint: clippy on the eBPF programs"
	@if [ -x /usr/bin/cargo-clippy ] && [ -x /usr/bin/rustc ]; then cd netmon-ebpf && \
	RUSTC=/usr/bin/rustc RUSTC_BOOTSTRAP=1 /usr/bin/cargo-clippy clippy --release --bins \
	--target bpfel-unknown-none --target-dir ../target/lint --quiet -- -D warnings; \
	else echo "SKIPPED: this needs Debian's package rust-web-clippy"; fi
	@echo "== lint: documentation"
	@RUSTDOCFLAGS="-D warnings -A rustdoc::private-intra-doc-links" $(CARGO) doc --workspace --no-deps --document-private-items --quiet
	@echo "== lint: licences and sources of the dependencies"
	@cargo deny --log-level error check bans licenses sources
	@echo "== lint: spelling"
	@typos --config .typos.toml
	@echo "== lint: shell scripts"
	@shellcheck $(SETUP) $(MATRIX) deploy/dev/matrix-guest.sh .ci/run

bench: setup ## Measure what netmon costs; writes target/bench.json
	@echo "== bench: the cost of the programs and of the daemon"
	@$(CARGO) bench -p netmon-daemon --bench cost

scorecard: setup ## Print what each detector finds, misses and takes, in replay
	@echo "== scorecard: generated traffic, and captures where they are at hand"
	@$(CARGO) test --quiet -p netmon-daemon --test scorecard -- --nocapture the_scorecard_is_no_worse

fuzz: ## Run each fuzz target for FUZZ_SECONDS (60)
	@echo "== fuzz: the tools"
	@$(SETUP) fuzz
	@echo "== fuzz: the seeds of the tests as a starting corpus"
	@$(CARGO) run --quiet -p netmon-common --example seeds -- $(FUZZ)/corpus
	@cd netmon-common && for target in $$(cargo +nightly fuzz list); do \
	echo "== fuzz: $$target for $(FUZZ_SECONDS) s"; \
	case $$target in dns_*) words=messages ;; *) words=frames ;; esac; \
	cargo +nightly fuzz run --sanitizer none $$target -- -dict=fuzz/$$words.dict \
	-max_total_time=$(FUZZ_SECONDS) -verbosity=0 -print_final_stats=1 || exit 1; done

matrix: setup ## Run netmon on other kernels, in QEMU; takes minutes
	@echo "== matrix: netmon and the differential test"
	@$(CARGO) build --release -p netmon-daemon
	@$(CARGO) test -p netmon-daemon --test differential --no-run
	@DIFFERENTIAL=$$($(CARGO) test -p netmon-daemon --test differential --no-run 2>&1 | \
	sed -n 's/.*(\(.*\))$$/\1/p') $(MATRIX)

docs: setup ## Write the generated pages anew and build the API documentation
	@echo "== docs: generated pages"
	@UPDATE_EXPECT=1 $(CARGO) test -p netmon-daemon --test generated
	@echo "== docs: API documentation in target/doc"
	@$(CARGO) doc --workspace --no-deps --quiet

clean: ## Remove everything that was built
	@echo "== clean: build output"
	@rm -rf target netmon-ebpf/target $(FUZZ)/target
