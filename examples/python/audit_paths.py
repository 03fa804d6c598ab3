"""Writes a line of JSON for each path that a program opens, with what was decided.

    python3 audit_paths.py LOG COMMAND [ARGUMENT...]
    python3 audit_paths.py                               shows it, and prints the log

An observer sees each call twice: when the program makes it, and when it has been decided. A path is
read the first time, while the task waits; afterwards its memory cannot be read any more.

Holds as a log of what programs do that do not know of it. Does not hold against one that does:
another thread of it can change a path right after it was read, and executing a file, for example,
is another way to open it. "continue" means that no handler objected; what the kernel then says,
Landlock included, is not told.
"""

from __future__ import annotations

import json
import os
import platform
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any, TextIO

import sandlock

OPENING = ["openat", "openat2"]
if platform.machine() == "x86_64":
    # Other architectures do not have these.
    OPENING += ["open", "creat"]
# The log is bounded, because the program says how long it gets.
MOST_LINES = 100_000


class Audit(sandlock.Observer):
    """For one run at a time: `ctx.id` is unique in a run."""

    def __init__(self, log: TextIO) -> None:
        self.log = log
        self.left = MOST_LINES
        # Several threads call where handlers are pooled.
        self.lock = threading.Lock()
        self.waiting: dict[int, dict[str, Any]] = {}

    def call(self, ctx: sandlock.HandlerCtx) -> None:
        line = {"time": round(time.time(), 6), "task": ctx.pid, "call": ctx.name}
        try:
            request = ctx.open_request()
            line["path"] = ctx.display_path(request.path, request.directory)
            line["writes"] = request.writes
        except sandlock.TaskError as error:
            # The program gave an address or flags that are none.
            line["unreadable"] = str(error)
        with self.lock:
            self.waiting[ctx.id] = line

    def verdict(self, ctx: sandlock.HandlerCtx, verdict: sandlock.Verdict) -> None:
        with self.lock:
            line = self.waiting.pop(ctx.id, {})
            self.left -= 1
            if self.left < 0:
                return
            line.update(verdict=verdict.outcome, by=verdict.by)
            if verdict.errno is not None:
                line["errno"] = os.strerror(verdict.errno)
            # ASCII: what is no UTF-8 in a path is written as an escape.
            self.log.write(json.dumps(line) + "\n")


def audited(log: TextIO, **more: Any) -> sandlock.Sandbox:
    policy = sandlock.Policy(
        fs_readable=["/usr", sys.prefix, sys.base_prefix],
        fs_readable_if_exists=["/lib", "/lib64"],
        fs_writable=["/dev/null"],
    )
    sandbox = sandlock.Sandbox(policy, **more)
    sandbox.add_observer(OPENING, Audit(log), name="audit")
    # So that the log has a refusal: openat(2) that creates a file. Flags are a register, which
    # nobody can change under way. (It is for show: open(2), creat(2) and openat2(2) create, too.)
    creates = sandlock.When.arg(2).masked_eq(os.O_CREAT, os.O_CREAT)
    sandbox.add_handler("openat", sandlock.Deny(), when=creates, name="no new files")
    return sandbox


PROGRAM = """
import sys
for path, mode in zip(sys.argv[1:], ["r", "r", "x"]):
    try:
        print(open(path, mode).read())
    except OSError as error:
        print(error)
"""


def demonstrate() -> int:
    with tempfile.TemporaryDirectory() as outer, tempfile.TemporaryDirectory() as granted:
        given, secret, new = Path(granted, "given"), Path(outer, "secret"), Path(granted, "new")
        given.write_text("contents")
        secret.write_text("the password")
        log = Path(outer, "log.jsonl")
        with log.open("w") as file:
            sandbox = audited(file, fs_writable=[granted])
            command = [sys.executable, "-I", "-c", PROGRAM, given, secret, new]
            result = sandbox.run(command, text=True, timeout=20)
        written = [json.loads(line) for line in log.read_text().splitlines()]
        lines = {line.get("path"): line for line in written}
        created = new.exists()
    print(result.stdout, end="")
    found = [lines.get(str(path), {}) for path in (given, secret, new)]
    for line in found:
        print(json.dumps(line))
    print(f"and {len(lines) - len(found)} other paths")

    verdicts = [(line.get("verdict"), line.get("by")) for line in found]
    as_expected = (
        verdicts == [("continue", "policy"), ("continue", "policy"), ("refused", "no new files")]
        and "contents" in result.stdout
        and "the password" not in result.stdout
        and not created
    )
    print("all as expected" if as_expected else "that is not what was expected")
    return 0 if as_expected else 1


def main() -> int:
    if len(sys.argv) < 3:
        return demonstrate()
    with open(sys.argv[1], "w") as log:
        return audited(log).run_interactive(sys.argv[2:])


if __name__ == "__main__":
    sys.exit(main())
