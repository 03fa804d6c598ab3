#!/bin/sh
# Installs the library into a scratch folder, as users do, and tries it out: what it promises to
# programs that were linked with it, the programs in C and C++, and what is installed and removed.
set -eu
cd "$(dirname "$0")/.."

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
# An ordinary user runs the programs, too.
chmod 755 "$scratch"
export PYTHONDONTWRITEBYTECODE=1

make --silent install PREFIX="$scratch/prefix" LIBDIR="$scratch/prefix/lib" DESTDIR=
status=0
tools/test-install.sh || status=1
tests/abi/abi.py "$scratch/prefix" || status=1
python3 tools/native "$scratch/prefix" || status=1
exit "$status"
