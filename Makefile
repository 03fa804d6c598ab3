# The commands a newcomer needs. `make demo` and `make test` install what they use.

PREFIX ?= /usr/local
DESTDIR ?=

.PHONY: demo test bench install lint generate clean setup

setup:
	@tools/setup.sh

demo: setup
	cargo build --release --quiet -p sandlock-cli
	@demo/run.sh target/release/sandlock

test: setup
	cargo test --workspace
	tools/test-unprivileged.sh
	.venv/bin/python -m pip install --quiet --disable-pip-version-check --force-reinstall ./python
	.venv/bin/python -m pytest python
	demo/run.sh target/debug/sandlock >/dev/null

bench: setup
	cargo run --release --quiet -p sandlock-bench

# What other files are generated from is compared with them here; `make generate` rewrites them.
lint: setup
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --quiet -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --quiet
	cargo run --quiet -p sandlock-cli --example generate -- --check

generate:
	cargo run --quiet -p sandlock-cli --example generate
	UPDATE_SNAPSHOTS=1 cargo test --quiet -p sandlock-core plan

install:
	cargo build --release --quiet -p sandlock-cli
	install -D -m 755 target/release/sandlock $(DESTDIR)$(PREFIX)/bin/sandlock
	install -D -m 644 -t $(DESTDIR)$(PREFIX)/share/man/man1 docs/man/*.1
	install -D -m 644 completions/sandlock.bash $(DESTDIR)$(PREFIX)/share/bash-completion/completions/sandlock
	install -D -m 644 completions/_sandlock $(DESTDIR)$(PREFIX)/share/zsh/site-functions/_sandlock
	install -D -m 644 completions/sandlock.fish $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/sandlock.fish

clean:
	cargo clean
	rm -rf .venv
