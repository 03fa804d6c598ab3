#!/bin/sh
# The demo: what a policy allows, what it refuses, and why. Usage: run.sh SANDLOCK
set -eu
here=$(dirname "$0")
sandlock=$1

echo "The policy (demo/policy.toml), and --fs-write for a folder of its own:"
echo
sed 's/^/    /' "$here/policy.toml"
echo
echo "The same Python program (demo/untrusted.py), free and confined:"
echo
python3 "$here/compare.py" "$sandlock"
echo
echo "What is enforced (sandlock explain -p demo/policy.toml shows all of it):"
echo
"$sandlock" explain -p "$here/policy.toml" | sed -n '/^enforced/,$p' | sed 's/^/    /'
