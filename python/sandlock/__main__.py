"""The `sandlock` command: `python -m sandlock`, and the script that the package installs."""

from __future__ import annotations

import signal
import sys

from . import _native


def main() -> int:
    # As for a program of its own: Ctrl-C ends it, or what it runs, and is no exception.
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    return _native.main(["sandlock", *sys.argv[1:]])


if __name__ == "__main__":
    sys.exit(main())
