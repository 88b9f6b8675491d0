# `make run` and `make test` need a Rust toolchain and nothing else: they install the rest.

PROFILE ?= fast
CARGO_BIN := target/$(PROFILE)/readiness-exporter

.PHONY: run demo image test bench check generated pictures build

## run: build and start the daemon with the defaults (SQLite, shipped catalogue)
run: build
	./$(CARGO_BIN) --config.file=config/readiness.yaml --store.path=data

build:
	scripts/setup run
	cargo build --locked --profile $(PROFILE)

## demo: databases, the daemon, Prometheus and Alertmanager with the shipped alerts, on loopback; Ctrl-C ends it all
demo: build
	scripts/setup demo
	READINESS_BIN=$(CARGO_BIN) scripts/demo

## test: every test there is, against real servers on loopback
test:
	scripts/setup test
	scripts/test

## bench: every bench, against nginx and blackbox_exporter on loopback; WRITE=--write puts the tables
## into docs/performance.md, PROFILE=release measures what is shipped
bench:
	scripts/setup bench
	for name in scrape memory cost lag cluster; do \
		cargo bench --locked --quiet --profile $(PROFILE) --bench $$name -- $(WRITE) || exit 1; \
	done

## check: format, lints and generated files, as CI does before the tests
check:
	cargo fmt --check
	cargo clippy --locked --all-targets -- -D warnings
	$(MAKE) generated

## generated: fails if a generated file is not what the code generates
generated:
	cargo run --locked --quiet -- generate --check

## pictures: the pictures of the documentation, taken anew; needs Chromium
pictures: build
	scripts/pictures $(CARGO_BIN)

## image: the container image, with a static binary; NAME, PROFILE and DOCKER may be set
image:
	scripts/setup run
	scripts/image $(NAME)
