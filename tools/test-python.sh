#!/bin/sh
# Builds the Python package, installs it into scratch environments, as users do, and tries it out:
# its tests, as this user and as an ordinary one, every Python there is, and its source distribution.
set -eu
cd "$(dirname "$0")/.."

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
# An ordinary user runs the tests, too.
umask 022
chmod 755 "$scratch"
export PYTHONDONTWRITEBYTECODE=1

fail() {
    echo "FAILED python: $1" >&2
    exit 1
}

skip() {
    echo "SKIP python: $1"
    if [ "${SANDLOCK_TEST_REQUIRE-}" = all ]; then exit 1; fi
}

quietly() {
    "$@" >"$scratch/said" 2>&1 || fail "$(cat "$scratch/said")"
}

# Installs into an environment, and asks nobody for packages.
install() {
    python=$1
    shift
    "$python" -m pip --quiet --disable-pip-version-check --no-cache-dir \
        install --no-index --no-deps --force-reinstall "$@"
}

quietly .venv/bin/maturin build --release --manifest-path python/Cargo.toml --out "$scratch/wheel"
quietly .venv/bin/maturin sdist --manifest-path python/Cargo.toml --out "$scratch/sdist"
wheel=$(echo "$scratch"/wheel/*.whl)
sdist=$(echo "$scratch"/sdist/*.tar.gz)

# The tools of the tests are copied: who is to run them may not be allowed to enter this folder.
cp -R .venv "$scratch/tested"
tested=$scratch/tested/bin/python
install "$tested" "$wheel"
"$tested" -m pytest --quiet -p no:cacheprovider -n 4 python

tools=$PWD/tools
as_user() {
    "$tools/as-ordinary-user.sh" "$scratch/home" PYTHONDONTWRITEBYTECODE=1 "$@"
}

as_ordinary_user() {
    mkdir "$scratch/home"
    chown 65534:65534 "$scratch/home"
    if ! as_user "$tested" -c ''; then
        skip "an ordinary user cannot run the Python of .venv; remove it, and another one is taken"
        return
    fi
    # A checkout that others may not enter is copied to where they may.
    source=$PWD
    if ! as_user test -r "$PWD/Cargo.toml"; then
        source=$scratch/source
        mkdir "$source"
        git ls-files -z | xargs -0 cp --parents --no-dereference -t "$source"
    fi
    echo "as user 65534:"
    (cd "$source" && as_user "$tested" -m pytest --quiet -p no:cacheprovider -n 4 python)
}

# Interpreters that PATH and pyenv have, and that can make environments. Some names there are scripts
# that look for an interpreter, and do not find it.
interpreters() {
    {
        echo "$PATH" | tr : '\n' | while read -r folder; do
            echo "$folder/python3.9"
            printf '%s\n' "$folder"/python3.1[0-4]
        done
        printf '%s\n' "$HOME"/.pyenv/versions/3.9.*/bin/python3.9 "$HOME"/.pyenv/versions/3.1[0-4].*/bin/python3.1[0-4]
    } | while read -r python; do
        "$python" -c 'import ensurepip, os, sys; print(os.path.realpath(sys.executable))' 2>/dev/null || true
    done | sort -u
}

# The package in an environment of its own, without any tool.
on() {
    folder=$scratch/on$(echo "$1" | tr -c '[:alnum:]\n' -)
    "$1" -m venv "$folder"
    install "$folder/bin/python" "$wheel"
    "$folder/bin/python" -W error - <<'END'
import sys
from sandlock import NotifAction, Sandbox

sandbox = Sandbox(fs_readable=["/usr"], fs_readable_if_exists=["/lib", "/lib64"])
sandbox.add_handler("uname", lambda ctx: NotifAction.errno(13))
assert sandbox.run(["echo", "hello"], check=True).stdout == b"hello\n"
assert not sandbox.run(["uname"]).success
print("imported by Python", sys.version.split()[0])
END
}

# Names of files that were installed.
installed() {
    sed 's/,.*//' "$scratch/$1"/lib/python3.*/site-packages/sandlock-*.dist-info/RECORD |
        grep -v -e '/direct_url.json$' -e '\.pyc$' | LC_ALL=C sort
}

# It builds without a network: from what `cargo vendor` has put beside it, for a Cargo that has
# nothing else. Not optimized, which would take longer and show no more.
from_source() {
    if tar tzf "$sdist" | grep -q /tests/; then fail "the source distribution has tests"; fi
    tar xzf "$sdist" -C "$scratch/sdist" --strip-components=1
    cmp LICENSE "$scratch/sdist/LICENSE"
    (cd "$scratch/sdist" && quietly cargo vendor "$scratch/vendor")
    mkdir "$scratch/cargo"
    cat >"$scratch/cargo/config.toml" <<END
[source.crates-io]
replace-with = "vendored"
[source.vendored]
directory = "$scratch/vendor"
END
    cp -R .venv "$scratch/built"
    PATH="$scratch/built/bin:$PATH" CARGO_HOME="$scratch/cargo" CARGO_NET_OFFLINE=true CARGO_PROFILE_DEV_DEBUG=false \
        MATURIN_PEP517_ARGS="--profile dev" install "$scratch/built/bin/python" --no-build-isolation "$sdist"
    "$scratch/built/bin/sandlock" --version
    installed tested >"$scratch/of-the-wheel"
    installed built | diff "$scratch/of-the-wheel" - || fail "the source distribution lacks files"
}

if [ "$(id -u)" = 0 ]; then as_ordinary_user; fi
for python in $(interpreters); do on "$python"; done
from_source
echo "python: as expected"
