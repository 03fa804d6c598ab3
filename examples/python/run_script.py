"""Runs a Python script that nobody trusts, with limits, and says what came of it.

    python3 run_script.py SCRIPT [ARGUMENT...]
    python3 run_script.py                        runs four scripts that try things

The script reads the interpreter, its packages and itself, and writes to a folder that is made for
it. It has no network and none of your environment, and ends after ten seconds with everything that
it started.

Holds against a script that does its best to get out, as far as the kernel holds: files, network,
other processes, time. Does not hold against use of memory and of the processor until the time is
over, nor against many files in the folder: the limit is one of each file. What it prints is its
own, and can be anything.
"""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import sandlock

# The interpreter that runs this file, with its packages: a virtual environment has two places.
POLICY = sandlock.Policy(
    fs_readable=["/usr", sys.prefix, sys.base_prefix],
    fs_readable_if_exists=["/lib", "/lib64"],
    max_file_size="16M",
    max_open_files=64,
)


@contextlib.contextmanager
def folder() -> Iterator[str]:
    """A folder for one script. What a hostile one leaves there (links, thousands of levels, folders
    without permissions) is removed under a policy, too."""
    place = tempfile.mkdtemp()
    try:
        yield place
    finally:
        remover = sandlock.Sandbox(POLICY, fs_writable=[place])
        script = "chmod -R u+rwx . && find . -mindepth 1 -delete"
        remover.run(["sh", "-c", script], cwd=place, timeout=60)
        os.rmdir(place)


def run_script(script: str | Path, arguments: list[str]) -> sandlock.Result:
    script = Path(script).resolve()
    with folder() as place:
        sandbox = sandlock.Sandbox(POLICY, fs_readable=[script], fs_writable=[place])
        return sandbox.run(
            [sys.executable, "-I", script, *arguments],
            cwd=place,
            env={"PATH": "/usr/bin:/bin", "HOME": place, "TMPDIR": place, "LANG": "C.UTF-8"},
            timeout=10,
            text=True,
            capture_limit=1_000_000,
        )


def report(result: sandlock.Result) -> str:
    how = {
        "exited": f"exited with {result.exit_code}",
        "signaled": f"was ended by signal {result.signal}",
        "timeout": "was ended: its time was over",
        "killed": "was killed",
    }[result.reason]
    lines = [f"{how} after {result.usage.wall:.2f} s"]
    for name, text, dropped in [
        ("stdout", result.stdout, result.stdout_dropped),
        ("stderr", result.stderr, result.stderr_dropped),
    ]:
        # Escaped: a terminal obeys some of what a program may print.
        lines += [f"  {name}: {line[:70]!a}" for line in text.splitlines()[-3:]]
        if dropped:
            lines.append(f"  {name}: {dropped} bytes more")
    return "\n".join(lines)


def demonstrate() -> int:
    """What scripts may try, and what has to be in the report."""
    failed = False
    with tempfile.TemporaryDirectory() as place:
        secret, script = Path(place, "secret"), Path(place, "script.py")
        secret.write_text("the password")
        tries = [
            (
                "open('note', 'w').write('hello'); print(open('note').read())",
                ["exited with 0", "hello"],
            ),
            (f"print(open({str(secret)!r}).read())", ["exited with 1", "PermissionError"]),
            ("open('huge', 'wb').write(bytes(17 << 20))", ["exited with 1", "File too large"]),
            ("print('x' * 3_000_000)", ["exited with 0", "2000001 bytes more"]),
        ]
        for code, expected in tries:
            script.write_text(code)
            told = report(run_script(script, []))
            print(f"{code}\n  {told}")
            failed |= not all(part in told for part in expected) or "the password" in told
    print("that is not what was expected" if failed else "all as expected")
    return int(failed)


def main() -> int:
    if len(sys.argv) == 1:
        return demonstrate()
    result = run_script(sys.argv[1], sys.argv[2:])
    print(report(result))
    return 0 if result.success else 1


if __name__ == "__main__":
    sys.exit(main())
