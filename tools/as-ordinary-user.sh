#!/bin/sh
# Runs a command as an ordinary user (65534) with nothing of this environment; root can do that.
#
#   tools/as-ordinary-user.sh HOME COMMAND...
set -eu

home=$1
shift
exec setpriv --reuid=65534 --regid=65534 --clear-groups \
    env -i PATH=/usr/local/bin:/usr/bin:/bin HOME="$home" TMPDIR="$home" \
    SANDLOCK_TEST_REQUIRE="${SANDLOCK_TEST_REQUIRE-}" "$@"
