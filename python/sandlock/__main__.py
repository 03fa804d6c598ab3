"""The `sandlock` command: `python -m sandlock`, and the script that the package installs."""

from __future__ import annotations

import os
import signal
import sys

from . import _native


def main() -> int:
    # As for a program of its own: Ctrl-C ends it, or what it runs, and is no exception.
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    _open_standard_descriptors()
    _restore_locale()
    return _native.main(["sandlock", *sys.argv[1:]])


def _open_standard_descriptors() -> None:
    """Makes /dev/null of those that are closed, as Rust does for its programs: or what somebody
    opens next would be one of them."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            # The lowest number that is free.
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)


def _restore_locale() -> None:
    """Python changes LC_CTYPE of its environment where the locale is C (PEP 538). The program is to
    have the caller's."""
    try:
        with open("/proc/self/environ", "rb") as file:
            variables = file.read().split(b"\0")
    except OSError:
        return
    before = [one for one in variables if one.startswith(b"LC_CTYPE=")]
    if before:
        os.environb[b"LC_CTYPE"] = before[0].partition(b"=")[2]
    else:
        os.environ.pop("LC_CTYPE", None)


if __name__ == "__main__":
    sys.exit(main())
