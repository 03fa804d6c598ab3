#!/bin/sh
# Installs into an empty folder as distributions do, looks at what is there, and uninstalls.
set -eu
cd "$(dirname "$0")/.."

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
root="$scratch/the root"
libdir=/usr/lib/some-machine
set -- PREFIX=/usr LIBDIR="$libdir" DESTDIR="$root"

fail() {
    echo "FAILED install: $1" >&2
    exit 1
}

skip() {
    echo "SKIP install: $1"
    if [ "${SANDLOCK_TEST_REQUIRE-}" = all ]; then exit 1; fi
}

make --silent install "$@"

if command -v pkg-config >/dev/null; then
    libs=$(PKG_CONFIG_PATH="$root$libdir/pkgconfig" pkg-config --libs sandlock)
    [ "$libs" = "-L$libdir -lsandlock " ] || [ "$libs" = "-L$libdir -lsandlock" ] || fail "sandlock.pc says $libs"
else
    skip "pkg-config is missing"
fi

# Every page, also those that lead to another one.
if command -v man >/dev/null; then
    said=$(cd "$root/usr/share/man" && man --warnings --local-file -E UTF-8 -Tutf8 -Z man?/* 2>&1 >/dev/null)
    [ -z "$said" ] || fail "manual pages: $said"
else
    skip "man is missing, manual pages are not looked at"
fi

# What others have put there stays.
touch "$root/usr/bin/other" "$root$libdir/libother.so" "$root/usr/share/man/man3/other.3"
make --silent uninstall "$@"
left=$(cd "$root" && find . ! -type d | LC_ALL=C sort | tr '\n' ' ')
[ "$left" = "./usr/bin/other .$libdir/libother.so ./usr/share/man/man3/other.3 " ] || fail "uninstall leaves $left"
# There is nothing to remove any more, and that is no error.
make --silent uninstall "$@"
echo "install: as expected"
