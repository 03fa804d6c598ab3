"""Runs a program, waits for it, and sees what it leaves behind: a process of its own, to whom the
kernel gives the orphans of everything below it.

    warden.py SECONDS COMMAND...

Prints one JSON object. A program that takes longer is ended; where it is Python's, it says first
where its threads are.
"""

import ctypes
import json
import os
import signal
import subprocess
import sys
import tempfile
import time

PR_SET_CHILD_SUBREAPER = 36
# How long what a program leaves may live on: the kernel tells keepers of its end at once, and they
# take no longer than the scheduler lets them.
PATIENCE = 5.0


def descendants():
    """Whoever has this process as parent, or as parent's parent, and so on."""
    parents = {}
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{name}/stat", "rb") as stat:
                # The name of a process can contain anything; what follows it cannot.
                parents[int(name)] = int(stat.read().rpartition(b")")[2].split()[1])
        except OSError:
            pass
    below, added = {os.getpid()}, True
    while added:
        added = {pid for pid, parent in parents.items() if parent in below} - below
        below |= added
    return sorted(below - {os.getpid()})


def described(pid):
    try:
        with open(f"/proc/{pid}/stat") as stat, open(f"/proc/{pid}/cmdline") as command:
            return stat.read()[:80] + " " + command.read().replace("\0", " ")
    except OSError:
        return f"{pid} (gone)"


def reap():
    while True:
        try:
            if os.waitpid(-1, os.WNOHANG)[0] == 0:
                return
        except ChildProcessError:
            return


def wait_until_alone(seconds):
    """Who is left after so many seconds."""
    deadline = time.monotonic() + seconds
    while True:
        reap()
        left = descendants()
        if not left or time.monotonic() > deadline:
            return left
        time.sleep(0.005)


def ended(program, seconds):
    """Waits for the program; whether it was in time."""
    try:
        program.wait(seconds)
        return True
    except subprocess.TimeoutExpired:
        # faulthandler prints where everybody is.
        program.send_signal(signal.SIGABRT)
    try:
        program.wait(5)
    except subprocess.TimeoutExpired:
        program.kill()
        program.wait()
    return False


def main():
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    seconds, command = float(sys.argv[1]), sys.argv[2:]
    with tempfile.TemporaryFile() as stdout, tempfile.TemporaryFile() as stderr:
        begun = time.monotonic()
        # Files, not pipes: what is left over could keep a pipe open for ever.
        program = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr, start_new_session=True
        )
        in_time = ended(program, seconds)
        took = time.monotonic() - begun
        left = wait_until_alone(PATIENCE if in_time else 0)
        seen = {"code": program.returncode, "seconds": took, "in_time": in_time}
        seen["left"] = [described(pid) for pid in left]
        for pid in left:
            os.kill(pid, signal.SIGKILL)
        for name, file in (("stdout", stdout), ("stderr", stderr)):
            file.seek(0)
            seen[name] = file.read().decode(errors="replace")
        wait_until_alone(PATIENCE)
    print(json.dumps(seen))


main()
