#!/bin/sh
# Makes the static library that is installed out of Rust's: one object, in which the functions of the
# header alone are global. Rust's own names in it would clash with those of a second Rust library in
# the same program. What no function of the header needs is left out, and so is what only Rust's
# compiler reads.
set -eu

from=$1
to=$2
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

nm --defined-only --extern-only "$from" 2>/dev/null | sed -n 's/.* T \(sandlock_.*\)/--undefined=\1/p' >"$scratch/functions"
test -s "$scratch/functions"
ld -r --gc-sections --force-group-allocation "@$scratch/functions" "$from" -o "$scratch/all.o"
objcopy --strip-unneeded --remove-section=.llvmbc --remove-section=.llvmcmd --remove-section=.comment \
    --wildcard --keep-global-symbol='sandlock_*' "$scratch/all.o" "$scratch/sandlock.o"
mkdir -p "$(dirname "$to")"
rm -f "$to"
ar rcsD "$to" "$scratch/sandlock.o"
