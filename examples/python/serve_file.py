"""Serves a file that exists nowhere, and opens all others in the program's place.

    python3 serve_file.py

The program's memory can change while a handler looks at it. So the request is read once; if the
path is the one to be served, the program gets the content, and otherwise *the request that was
judged* is what is opened, by a process that the same policy holds. Letting the call go on instead
(NotifAction.continue_()) would make the kernel read the path again, and another thread of the
program could have changed it.

Holds: whatever the program does, it opens nothing that the policy does not grant, and what it gets
is what the handler judged. Does not hold as a way to hide a file: `..` and links are other
spellings of a path, which the handler does not know. Calls other than those that open (stat,
access, a folder's list) know nothing of the file.
"""

from __future__ import annotations

import errno
import os
import platform
import sys

import sandlock

OPENING = ["openat", "openat2"]
if platform.machine() == "x86_64":
    # Other architectures do not have these.
    OPENING += ["open", "creat"]


class Serve(sandlock.Handler):
    def __init__(self, files: dict[str, bytes]) -> None:
        self.files = files

    def handle(self, ctx: sandlock.HandlerCtx) -> sandlock.NotifAction:
        # A TaskError that leaves the handler refuses the call.
        request = ctx.open_request()
        content = self.files.get(request.path)
        if content is None:
            return ctx.open_for_child(request)
        if request.writes:
            return sandlock.NotifAction.errno(errno.EROFS)
        return sandlock.NotifAction.inject_bytes(content)


def main() -> int:
    sandbox = sandlock.Sandbox(
        fs_readable=["/usr"],
        fs_readable_if_exists=["/lib", "/lib64"],
        timeout=20,
    )
    sandbox.add_handler(OPENING, Serve({"/etc/app.conf": b"colour = blue\n"}))

    served = sandbox.run(["cat", "/etc/app.conf"])
    print(f"/etc/app.conf: {served.stdout!r}, {os.path.exists('/etc/app.conf')=}")
    granted = sandbox.run(["head", "-c", "40", "/usr/lib/os-release"])
    print(f"/usr/lib/os-release: {granted.stdout!r}")
    refused = sandbox.run(["cat", "/etc/passwd"], text=True)
    print(f"/etc/passwd: {refused.stderr.strip()}")
    written = sandbox.run(["sh", "-c", "echo red > /etc/app.conf"], text=True)
    print(f"> /etc/app.conf: {written.stderr.strip()}")

    as_expected = (
        served.stdout == b"colour = blue\n"
        and granted.success
        and not refused.success
        and "Permission denied" in refused.stderr
        and not written.success
        and "Read-only file system" in written.stderr
    )
    print("all as expected" if as_expected else "that is not what was expected")
    return 0 if as_expected else 1


if __name__ == "__main__":
    sys.exit(main())
