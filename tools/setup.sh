#!/bin/sh
# Installs what building and testing need beyond Rust, python3 and a C compiler: Python tools in a
# virtual environment of this folder, Debian's venv package where it is missing, and the packages
# of Debian that are named as arguments.
set -eu

missing() {
    echo "setup: $1 is missing; $2" >&2
    exit 1
}

install() {
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}

debian() {
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        install "$@" || { apt-get update -qq && install "$@"; }
    else
        missing "$*" "install it: apt-get install $*"
    fi
}

command -v cargo >/dev/null || missing cargo "install Rust 1.90 or newer"
command -v cc >/dev/null || debian gcc libc6-dev
command -v python3 >/dev/null || debian python3
for package; do
    dpkg-query --show --showformat '${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed ||
        debian "$package"
done

# Ordinary users run tests, too, which they cannot by an interpreter in the home of root.
python=$(command -v python3)
if [ "$(id -u)" = 0 ] && [ -x /usr/bin/python3 ] && ! tools/as-ordinary-user.sh / "$python" -c '' 2>/dev/null; then
    python=/usr/bin/python3
fi
"$python" -c 'import ensurepip, venv' 2>/dev/null || debian python3-venv

venv=.venv
if [ ! -x "$venv/bin/python" ]; then
    "$python" -m venv "$venv"
fi
if ! cmp -s tools/requirements.txt "$venv/requirements.txt"; then
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check -r tools/requirements.txt
    cp tools/requirements.txt "$venv/requirements.txt"
fi
