"""A program with much memory in use: a run copies neither it nor the tables of its pages.

resident.py GIBIBYTES
"""

import ctypes
import mmap
import os
import resource
import sys
import time

from citizen import let_through, nothing_left, sandbox

PAGE = mmap.PAGESIZE
# Pages that are written to, to see whether they were shared.
SOME = 1000


def filled(size):
    """Memory in pages of the usual size: large ones have small tables."""
    memory = mmap.mmap(-1, size, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    if hasattr(memory, "madvise"):
        memory.madvise(mmap.MADV_NOHUGEPAGE)
    # A write to each page, without a loop of Python's.
    address = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    ctypes.memset(address, 1, size)
    return memory


def faults(memory):
    """How many pages the kernel has to bring when some are written to: none, unless a copy of the
    tables has made them shared."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for page in range(SOME):
        memory[page * PAGE] = 2
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before


def fork():
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)


def timed(work):
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def resident():
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * PAGE


def main(size):
    plain, asking = sandbox(), sandbox()
    asking.add_handler("getppid", let_through)
    memory = filled(size)
    assert resident() > size
    for box in (plain, asking):
        faults(memory)
        result = box.run(["sh", "-c", "echo $PPID"], text=True)
        assert result.success
        assert faults(memory) < SOME / 10, "no page is shared after a run"
        peak = result.usage.peak_memory
        assert peak is None or peak < size / 4, "none of it is the program's"
        with box.popen(["true"]) as process:
            assert faults(memory) < SOME / 10, "nor during one"
            process.wait()
    fork_time = timed(fork)
    assert faults(memory) > SOME * 9 / 10, "the control: a fork shares them"
    run_time = min(timed(lambda: plain.run(["true"])) for _ in range(10))
    print(f"fork takes {fork_time / run_time:.0f} times as long as a run")
    before = resident()
    for _ in range(100):
        assert plain.run(["true"]).success
        assert asking.run(["true"]).success
    assert resident() - before < 4 << 20, (before, resident())


with nothing_left():
    main(int(float(sys.argv[1]) * (1 << 30)))
