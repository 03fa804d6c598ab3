"""Embeds the library as a Python program does.

    embedder.py MIB PROGRAM PATH...

Reads a subject from each line of stdin, measures it, and prints nanoseconds. MIB MiB are resident
meanwhile. Sandboxes may read PROGRAM, which is the one of trapped.c, and PATH...
"""

import mmap
import statistics
import subprocess
import sys
import time

from sandlock import INHERIT, NotifAction, Return, Sandbox

RUNS = 9
ANSWER = 42


def resident(mib):
    """Memory that is in use, in pages that a fork would have to copy the tables of."""
    memory = mmap.mmap(-1, max(mib, 1) << 20, flags=mmap.MAP_PRIVATE)
    memory.madvise(mmap.MADV_NOHUGEPAGE)
    for page in range(0, mib << 20, mmap.PAGESIZE):
        memory[page] = 1
    return memory


def timed(action):
    def measure():
        times = []
        for _ in range(RUNS):
            begun = time.perf_counter_ns()
            action()
            times.append(time.perf_counter_ns() - begun)
        return statistics.median(times)

    return measure


def inside(sandbox, subject):
    """What the program says of a subject in a sandbox."""

    def measure():
        result = sandbox.run([program, subject], check=True)
        return float(result.stdout)

    return measure


def with_handler(syscall, handler):
    sandbox = Sandbox(fs_readable=paths)
    sandbox.add_handler(syscall, handler)
    return sandbox


def answer(ctx):
    return NotifAction.returns(ANSWER)


def answer_path(ctx):
    return NotifAction.returns(ANSWER if len(ctx.read_path()) == 63 else 0)


memory = resident(int(sys.argv[1]))
paths = sys.argv[2:]
program = paths[0]
plain = Sandbox(fs_readable=paths)
subjects = {
    "subprocess": timed(lambda: subprocess.run(["/bin/true"], check=True)),
    "captured": timed(lambda: subprocess.run(["/bin/true"], check=True, capture_output=True)),
    "run": timed(lambda: plain.run(["/bin/true"], check=True)),
    "inherited": timed(
        lambda: plain.run(["/bin/true"], check=True, stdout=INHERIT, stderr=INHERIT)
    ),
    "ready": inside(with_handler("getppid", Return(ANSWER)), "answered"),
    "callable": inside(with_handler("getppid", answer), "answered"),
    "path": inside(with_handler("chdir", answer_path), "path"),
}
for line in sys.stdin:
    print(subjects[line.strip()](), flush=True)
