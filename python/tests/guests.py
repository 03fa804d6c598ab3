"""Programs that tests run in a sandbox, and the policy that they need."""

from __future__ import annotations

PYTHON = "/usr/bin/python3"

# What ordinary programs of this system need.
ORDINARY = {
    "fs_readable": ["/usr"],
    "fs_readable_if_exists": ["/lib", "/lib64", "/bin", "/etc/ld.so.cache"],
    "fs_writable": ["/dev/null"],
}


def python(code: str, *arguments: str | bytes) -> list[str | bytes]:
    """The command that runs `code`, and nothing that lies around on this machine."""
    return [PYTHON, "-I", "-c", code, *arguments]


# Makes the call uname(2) and says what came of it: "done", or the number of the error.
UNAME = python(
    """
import os
try:
    os.uname()
    print("done")
except OSError as error:
    print(error.errno)
"""
)
# Says which parent it has: nothing but getppid(2) can tell.
PARENT = python("import os; print(os.getppid())")


def opening(path) -> list[str | bytes]:
    """Opens a file for reading, and prints what it holds, or the name of the error."""
    code = """
import sys
try:
    with open(sys.argv[1], "rb") as file:
        sys.stdout.buffer.write(file.read())
except OSError as error:
    print(type(error).__name__)
"""
    return python(code, path)
