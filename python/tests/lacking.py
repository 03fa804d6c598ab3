"""Code that runs where the kernel does not have a system call: a filter answers ENOSYS."""

from __future__ import annotations

import platform
import textwrap

from interpreters import printed

NUMBERS = {
    "x86_64": {"landlock_create_ruleset": 444, "setsid": 112},
    "aarch64": {"landlock_create_ruleset": 444, "setsid": 157},
}[platform.machine()]

# Behind it, the call with number sys.argv[1] is missing.
FILTER = """
import ctypes, errno, struct, sys

LOAD, JUMP, RETURN = 0x20, 0x15, 0x06
ALLOW, REFUSE = 0x7FFF0000, 0x00050000
lines = [(LOAD, 0, 0, 0), (JUMP, 0, 1, int(sys.argv[1])),
         (RETURN, 0, 0, REFUSE | errno.ENOSYS), (RETURN, 0, 0, ALLOW)]
program = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *line) for line in lines))
libc = ctypes.CDLL(None, use_errno=True)
assert libc.prctl(38, 1, 0, 0, 0) == 0  # PR_SET_NO_NEW_PRIVS
shown = ctypes.create_string_buffer(struct.pack("HxxxxxxP", len(lines), ctypes.addressof(program)))
assert libc.prctl(22, 2, shown) == 0, ctypes.get_errno()  # PR_SET_SECCOMP, SECCOMP_MODE_FILTER
"""


def printed_without(call: str, code: str) -> str:
    """What `code` prints in a Python of its own, where `call` is missing."""
    return printed(FILTER + textwrap.dedent(code), str(NUMBERS[call]))
