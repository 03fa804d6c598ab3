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
