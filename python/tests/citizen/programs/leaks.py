"""Much of everything: nothing grows.

leaks.py runs | processes | calls | tasks | failures [SHARE]
"""

import asyncio
import contextlib
import gc
import mmap
import sys
import tracemalloc

from citizen import ENDLESS, let_through, nothing_left, sandbox

import sandlock

PAGE = mmap.PAGESIZE
# What may come and go: caches, and the allocator's reserve.
RESIDENT = 3 << 20
TRACED = 64 << 10
SAYS = ["sh", "-c", "echo out; echo err >&2"]


def supervised():
    box = sandbox()
    box.add_handler("getppid", let_through)
    box.add_observer("getppid", sandlock.Count())
    return box


PLAIN, ASKING = sandbox(), supervised()


def a_run(number):
    box = ASKING if number % 4 == 0 else PLAIN
    assert box.run(SAYS, text=bool(number % 2)).success


def a_process(number):
    box = ASKING if number % 4 == 0 else PLAIN
    with box.popen(SAYS, stdout=sandlock.PIPE) as process:
        if number % 3:
            assert process.communicate()[0] == b"out\n"
    assert process.returncode in (0, -13)


def some_calls(number):
    """A thousand calls that a handler in Python is asked about, by one program."""
    seen = []

    def handle(ctx):
        seen.append((ctx.pid, ctx.args, ctx.read_path()))
        return let_through(ctx) if len(seen) % 2 else sandlock.NotifAction.errno(13)

    loop = "import os\nfor _ in range(1000): os.access('/tmp', 0)"
    result = PLAIN.run_with_handlers(["/usr/bin/python3", "-ISc", loop], [(ACCESS, handle)])
    assert result.success, result
    assert len(seen) >= 1000


# os.access() makes one or the other.
ACCESS = ["access", "faccessat", "faccessat2"]


async def a_task(number):
    box = ASKING if number % 4 == 0 else PLAIN
    if number % 3 == 0:
        assert (await box.run_async(SAYS)).success
        return
    run = asyncio.ensure_future(box.run_async(ENDLESS))
    # Cancelled before it begins, or at any time thereafter.
    if number % 3 == 1:
        await asyncio.sleep(0)
    run.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await run
    assert run.cancelled()


def some_tasks(number):
    async def at_once():
        await asyncio.gather(*[a_task(number) for number in range(50)])

    asyncio.run(at_once())


def a_failure(number):
    """What raises, in every way."""

    def fails(ctx):
        raise LookupError("of the handler")

    works = [
        lambda: PLAIN.run(["no-such-command"]),
        lambda: PLAIN.run(["/etc/passwd"]),
        lambda: PLAIN.popen(["no-such-command"], stdout=sandlock.PIPE),
        lambda: PLAIN.run(["sh", "-c", "echo err >&2; exit 3"], check=True),
        lambda: PLAIN.run_with_handlers(["sh", "-c", ":"], [("getppid", fails)]),
        lambda: sandlock.Policy(no_such_setting=number),
        lambda: sandlock.Sandbox(fs_readable=["/no/such/path"]),
        lambda: PLAIN.run(["true"], cwd="/no/such/path"),
        lambda: PLAIN.run(["true"], stdout=987654),
    ]
    try:
        works[number % len(works)]()
        raise AssertionError("did not fail")
    except (sandlock.SandlockError, OSError):
        pass


KINDS = {
    "runs": (a_run, 2000),
    "processes": (a_process, 1000),
    "calls": (some_calls, 24),
    "tasks": (some_tasks, 12),
    "failures": (a_failure, 900),
}


def resident():
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * PAGE


def main(kind, share):
    work, count = KINDS[kind]
    count = int(count * share)
    repeat(work, count // 4)
    before = resident()
    repeat(work, count // 2)
    grown = resident() - before
    tracemalloc.start()
    repeat(work, count // 12)
    traced = tracemalloc.get_traced_memory()[0]
    repeat(work, count // 6)
    traced = tracemalloc.get_traced_memory()[0] - traced
    print(f"{count} {kind}: {grown >> 10} KiB resident, {traced >> 10} KiB of objects")
    assert grown < RESIDENT, grown
    assert traced < TRACED, tracemalloc.take_snapshot().statistics("lineno")[:10]
    tracemalloc.stop()


def repeat(work, count):
    for number in range(count):
        work(number)
    gc.collect()


repeat(KINDS[sys.argv[1]][0], 4)
with nothing_left():
    main(sys.argv[1], float(sys.argv[2]) if len(sys.argv) > 2 else 1.0)
