"""How it is run: by this user and an ordinary one, each in a folder of its own."""

import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass

ORDINARY = 65534
LIMIT = ["timeout", "-k", "5", "60"]
VALGRIND = ["valgrind", "--quiet", "--leak-check=full", "--error-exitcode=1"]


@dataclass(frozen=True)
class User:
    name: str
    number: int
    become: tuple = ()


def users():
    if os.getuid() != 0:
        return [User("this user", os.getuid())]
    become = ("setpriv", f"--reuid={ORDINARY}", f"--regid={ORDINARY}", "--clear-groups")
    return [User("root", 0), User(f"user {ORDINARY}", ORDINARY, become)]


def attempts(build):
    """Each way in which a program is run: what it is called, the user and what it runs under."""
    for user in users():
        yield user.name, user, []
    if build.plain and build.compiler in ("gcc", "g++") and build.program.starts_nothing and shutil.which("valgrind"):
        yield "valgrind", users()[0], VALGRIND


def run(binary, user, under, scratch):
    """What it printed, if it failed."""
    with tempfile.TemporaryDirectory(dir=scratch) as home:
        os.chown(home, user.number, -1)
        environment = ["env", "-i", "PATH=/usr/local/bin:/usr/bin:/bin", f"HOME={home}", f"TMPDIR={home}"]
        done = subprocess.run(
            [*LIMIT, *user.become, *environment, *under, binary],
            cwd=home,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
    if done.returncode == 0:
        return None
    return f"{done.stdout}exit status {done.returncode}" + (", out of time" if done.returncode == 124 else "")
