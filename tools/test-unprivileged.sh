#!/bin/sh
# Runs the Rust tests once more as an ordinary user (65534). Only root can change the user; an
# ordinary user has just run them.
set -eu

if [ "$(id -u)" != 0 ]; then
    exit 0
fi

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
chmod 755 "$scratch"
mkdir "$scratch/home"
chown 65534:65534 "$scratch/home"

tools=$PWD/tools
as_user() {
    "$tools/as-ordinary-user.sh" "$scratch/home" "$@"
}

# A checkout that others may not enter is copied to where they may.
if ! as_user test -r "$PWD/Cargo.toml"; then
    mkdir "$scratch/source"
    git ls-files -z | xargs -0 cp --parents -t "$scratch/source"
    cd "$scratch/source"
fi

# Test binaries expect to run in the folder of their package.
cargo test --workspace --no-run --message-format=json 2>/dev/null |
    python3 -c '
import json, os, sys
for line in sys.stdin:
    artifact = json.loads(line)
    if artifact.get("executable") and artifact["profile"]["test"]:
        print(os.path.dirname(artifact["manifest_path"]), artifact["executable"])
' >"$scratch/binaries"
test -s "$scratch/binaries"
while read -r folder binary; do
    echo "as user 65534: $(basename "$binary")"
    (cd "$folder" && as_user "$binary" --quiet)
done <"$scratch/binaries"
