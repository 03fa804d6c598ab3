"""Other interpreters with the package, for what cannot be done in the one that runs the tests."""

from __future__ import annotations

import subprocess
import sys
import textwrap


def fresh(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs code in a Python of its own, and gives back how it ended."""
    command = [sys.executable, "-W", "error", "-c", textwrap.dedent(code), *arguments]
    # In the root: `python -c` looks for modules in the current directory, too.
    return subprocess.run(command, cwd="/", capture_output=True, text=True, timeout=30)


def printed(code: str, *arguments: str) -> str:
    """What code prints in a Python of its own."""
    ended = fresh(code, *arguments)
    assert (ended.returncode, ended.stderr) == (0, "")
    return ended.stdout
