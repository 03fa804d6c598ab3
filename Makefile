# The commands a newcomer needs. `make demo` and `make test` install what they use.

PREFIX ?= /usr/local
LIBDIR ?= $(PREFIX)/lib
DESTDIR ?=

VERSION := $(shell sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml)
# Programs are linked with this name; sandlock-ffi/build.rs puts it into the library.
SONAME := libsandlock.so.$(shell echo $(VERSION) | cut -d. -f1,2)

.PHONY: setup demo test bench lint generate build install uninstall clean

setup:
	@tools/setup.sh

demo: setup
	cargo build --release --quiet -p sandlock-cli
	@demo/run.sh target/release/sandlock

test: setup
	cargo test --workspace
	tools/test-unprivileged.sh
	tools/test-python.sh
	demo/run.sh target/debug/sandlock >/dev/null
	tools/test-native.sh

bench: setup
	cargo build --release --quiet -p sandlock-ffi
	PATH="$(CURDIR)/.venv/bin:$$PATH" .venv/bin/python -m pip install --quiet --disable-pip-version-check \
		--no-index --no-build-isolation --no-deps --force-reinstall ./python
	cargo run --release --quiet -p sandlock-bench

# Where Python is written as its users write it.
PYTHON := python examples/python bench/programs

# What other files are generated from is compared with them here; `make generate` rewrites them.
lint: setup
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --quiet -- -D warnings
	.venv/bin/ruff format --quiet --no-cache --config python/pyproject.toml --check $(PYTHON)
	.venv/bin/ruff check --quiet --no-cache --config python/pyproject.toml $(PYTHON)
	cd python && ../.venv/bin/mypy --cache-dir ../target/mypy --no-error-summary
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --quiet
	cargo run --quiet -p sandlock-cli --example generate -- --check

generate:
	cargo run --quiet -p sandlock-cli --example generate
	UPDATE_SNAPSHOTS=1 cargo test --quiet -p sandlock-core plan
	tests/abi/abi.py --write

# A file stands for the build, so that `make build && sudo make install` builds nothing as root.
BUILT := target/release/.built
SOURCES := $(shell find Cargo.toml Cargo.lock Makefile tools/static-library.sh sandlock-core sandlock-ffi sandlock-cli -type f)

build: $(BUILT)

$(BUILT): $(SOURCES)
	cargo build --release --quiet --target-dir target -p sandlock-cli -p sandlock-ffi
	tools/static-library.sh target/release/libsandlock.a target/release/installed/libsandlock.a
	strip --strip-unneeded -o target/release/installed/libsandlock.so target/release/libsandlock.so
	touch $@

# Where what is installed, in the order of the two lists below.
BIN = $(DESTDIR)$(PREFIX)/bin
LIB = $(DESTDIR)$(LIBDIR)
INCLUDE = $(DESTDIR)$(PREFIX)/include
MAN = $(DESTDIR)$(PREFIX)/share/man
BASH = $(DESTDIR)$(PREFIX)/share/bash-completion/completions
ZSH = $(DESTDIR)$(PREFIX)/share/zsh/site-functions
FISH = $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d

install: $(BUILT)
	install -D -m 755 target/release/sandlock "$(BIN)/sandlock"
	install -D -m 755 target/release/installed/libsandlock.so "$(LIB)/libsandlock.so.$(VERSION)"
	ln -sf libsandlock.so.$(VERSION) "$(LIB)/$(SONAME)"
	ln -sf $(SONAME) "$(LIB)/libsandlock.so"
	install -D -m 644 target/release/installed/libsandlock.a "$(LIB)/libsandlock.a"
	install -d "$(LIB)/pkgconfig"
	sed -e 's|@PREFIX@|$(PREFIX)|; s|@LIBDIR@|$(patsubst $(PREFIX)/%,$${prefix}/%,$(LIBDIR))|; s|@VERSION@|$(VERSION)|' \
		sandlock-ffi/sandlock.pc.in >"$(LIB)/pkgconfig/sandlock.pc"
	chmod 644 "$(LIB)/pkgconfig/sandlock.pc"
	install -D -m 644 -t "$(INCLUDE)" $(wildcard include/*)
	install -D -m 644 -t "$(MAN)/man1" docs/man/*.1
	install -D -m 644 -t "$(MAN)/man3" docs/man/*.3
	install -D -m 644 completions/sandlock.bash "$(BASH)/sandlock"
	install -D -m 644 completions/_sandlock "$(ZSH)/_sandlock"
	install -D -m 644 completions/sandlock.fish "$(FISH)/sandlock.fish"

# Removes files and links, and leaves folders, which others may use too.
remove = for file in $(2); do rm -f "$(1)/$$file"; done

uninstall:
	$(call remove,$(BIN),sandlock)
	$(call remove,$(LIB),libsandlock.so.$(VERSION) $(SONAME) libsandlock.so libsandlock.a pkgconfig/sandlock.pc)
	$(call remove,$(INCLUDE),$(notdir $(wildcard include/*)))
	$(call remove,$(MAN)/man1,$(notdir $(wildcard docs/man/*.1)))
	$(call remove,$(MAN)/man3,$(notdir $(wildcard docs/man/*.3)))
	$(call remove,$(BASH),sandlock)
	$(call remove,$(ZSH),_sandlock)
	$(call remove,$(FISH),sandlock.fish)

clean:
	cargo clean
	rm -rf .venv
