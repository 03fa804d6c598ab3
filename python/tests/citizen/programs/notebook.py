"""Notebooks: streams that are not what they seem, code that runs in a thread beside an event loop
or inside of one, and Ctrl-C.

    notebook.py WAY
"""

import asyncio
import contextlib
import io
import os
import signal
import sys
import tempfile
import threading
import traceback

from citizen import (
    ENDLESS,
    children,
    descriptors,
    let_through,
    nothing_left,
    ready,
    sandbox,
    wait_until,
)

import sandlock

SAYS = ["sh", "-c", "cat; echo out; echo err >&2"]


def asked_by(box):
    calls = []

    def note(ctx):
        calls.append(ctx.name)
        return let_through(ctx)

    box.add_handler("getppid", note)
    return calls


def replaced():
    """sys.stdout and its like are objects of the notebook, without descriptors."""
    kept = sys.stdin, sys.stdout, sys.stderr
    sys.stdin, sys.stdout, sys.stderr = None, io.StringIO(), io.StringIO()
    try:
        every_way(sandbox())
        assert sys.stdout.getvalue() == sys.stderr.getvalue() == ""
        exec("print(box.run(['echo', 'hello'], text=True).stdout)", {"box": sandbox()})
        assert sys.stdout.getvalue() == "hello\n\n"
    finally:
        sys.stdin, sys.stdout, sys.stderr = kept


def every_way(box):
    """Every way to run, where the result and pipes alone have what comes out."""
    result = box.run(SAYS, input=b"in\n")
    assert (result.stdout, result.stderr) == (b"in\nout\n", b"err\n"), result
    result = asyncio.run(box.run_async(SAYS, input=b"in\n"))
    assert (result.stdout, result.stderr) == (b"in\nout\n", b"err\n"), result
    with box.popen(SAYS) as process:
        result = process.wait()
    assert (result.stdout, result.stderr) == (b"out\n", b"err\n"), result
    pipe = sandlock.PIPE
    with box.popen(SAYS, stdin=pipe, stdout=pipe, stderr=sandlock.STDOUT) as process:
        assert process.communicate(b"in\n") == (b"in\nout\nerr\n", None)


def captured():
    """Descriptors 0, 1 and 2 lead elsewhere, after the sandbox was made and before."""
    before = sandbox()
    with elsewhere() as told:
        for box in (before, sandbox()):
            every_way(box)
            assert told() == b""
            assert box.run_interactive(SAYS) == 0
            assert told() == b"in\nout\nerr\n"
            box.run(SAYS, stdout=sandlock.INHERIT, stderr=sandlock.INHERIT)
            assert told() == b"out\nerr\n"


@contextlib.contextmanager
def elsewhere():
    """Leads 0 to a file that says "in", 1 and 2 to one whose news can be asked for."""
    kept = [os.dup(number) for number in range(3)]
    with tempfile.TemporaryFile() as source, tempfile.TemporaryFile() as target:

        def told():
            length = os.lseek(target.fileno(), 0, os.SEEK_CUR)
            news = os.pread(target.fileno(), length, 0)
            os.lseek(target.fileno(), 0, os.SEEK_SET)
            source.seek(0)
            return news

        source.write(b"in\n")
        source.flush()
        source.seek(0)
        for number, file in enumerate((source, target, target)):
            os.dup2(file.fileno(), number)
        try:
            yield told
        finally:
            for number, descriptor in enumerate(kept):
                os.dup2(descriptor, number)
                os.close(descriptor)


def closed():
    """Descriptors 0, 1 and 2 are closed, after the sandbox was made and before, some or all."""
    before = sandbox()
    for numbers in ([0], [1], [2], [0, 1], [0, 2], [1, 2], [0, 1, 2]):
        without(numbers, before)


def without(numbers, before):
    kept = [os.dup(number) for number in range(3)]
    for number in numbers:
        os.close(number)
    try:
        asking = sandbox()
        calls = asked_by(asking)
        for box in (before, sandbox(), asking):
            every_way(box)
        assert calls
        # Nothing of the library has taken their places, in which others would write to it.
        for number in numbers:
            assert number not in descriptors(), descriptors()
        # What cannot be inherited is closed in the program too: it is nobody else's.
        assert before.run(["readlink", "/proc/self/fd/0"]).stdout == b"/dev/null\n"
        if 0 in numbers:
            shown = ["readlink", "/proc/self/fd/0"]
            assert before.run(shown, stdin=sandlock.INHERIT).exit_code == 1
    finally:
        for number, descriptor in enumerate(kept):
            os.dup2(descriptor, number)
            os.close(descriptor)


def threaded():
    """A cell runs in a thread, and an event loop in the main one."""

    async def main():
        box = sandbox()
        calls = asked_by(box)
        names = {"box": box, "every_way": every_way}
        ticks = asyncio.ensure_future(tick())
        loop = asyncio.get_running_loop()
        cell = "for _ in range(20): every_way(box)"
        for _ in range(3):
            await loop.run_in_executor(None, exec, cell, names)
        assert calls
        ticks.cancel()
        assert await ticks > 10

    asyncio.run(main())


async def tick():
    ticks = 0
    with contextlib.suppress(asyncio.CancelledError):
        while True:
            await asyncio.sleep(0.001)
            ticks += 1
    return ticks


def inside():
    """A cell runs inside of the event loop, and waits there."""

    async def main():
        plain, asking, awaiting = sandbox(), sandbox(), sandbox()
        calls = asked_by(asking)

        async def note(ctx):
            await asyncio.sleep(0)
            calls.append(ctx.name)
            return let_through(ctx)

        awaiting.add_handler("getppid", note)
        for box in (plain, asking, awaiting):
            calls.clear()
            result = box.run(SAYS, input=b"in\n")
            assert (result.stdout, result.stderr) == (b"in\nout\n", b"err\n"), result
            with box.popen(SAYS, stdout=sandlock.PIPE) as process:
                assert process.communicate() == (b"out\n", None)
            assert (await box.run_async(SAYS)).stdout == b"out\n"
            assert len(calls) == (0 if box is plain else 3), calls

    asyncio.run(main())


def nested():
    """A handler that runs a sandbox itself, and one that waits for one on the event loop."""
    inner, outer, awaiting = sandbox(), sandbox(), sandbox()
    inner_calls = asked_by(inner)
    said = []

    def run(ctx):
        said.append(inner.run(["sh", "-c", "echo inner"]).stdout)
        return let_through(ctx)

    async def run_async(ctx):
        said.append((await inner.run_async(["sh", "-c", "echo inner"])).stdout)
        return let_through(ctx)

    outer.add_handler("getppid", run)
    awaiting.add_handler("getppid", run_async)
    for box in (outer, awaiting):
        assert box.run(["sh", "-c", "echo outer"]).stdout == b"outer\n"
        assert asyncio.run(box.run_async(["sh", "-c", "echo outer"])).stdout == b"outer\n"
    assert said == [b"inner\n"] * 4, said
    assert len(inner_calls) == 4


def interrupted():
    """Ctrl-C while a program runs: the tree is gone when the exception is there."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    plain, asking = sandbox(), sandbox()
    asked_by(asking)
    for box in (plain, asking):
        by_interrupt(lambda box=box: box.run(ENDLESS))
        by_interrupt(lambda box=box: asyncio.run(in_loop(box)))
        by_interrupt(lambda box=box: asyncio.run(box.run_async(ENDLESS)))
        process = ready(box.popen(ENDLESS, stdout=sandlock.PIPE))
        by_interrupt(process.wait, is_alone=False)
        assert process.poll() is None, "who waits is interrupted, not the program"
        by_interrupt(lambda process=process: leave(process))
        assert process.poll().reason == "killed"


def leave(process):
    with process:
        process.communicate()


async def in_loop(box):
    """As IPython runs a cell: Ctrl-C raises where the code is."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    box.run(ENDLESS)


def by_interrupt(work, is_alone=True):
    may_press = threading.Event()

    def press():
        may_press.wait()
        wait_until(lambda: len(grandchildren()) >= 2, "nothing runs")
        # To the process: the kernel gives it to the main thread, or to another one.
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=press)
    thread.start()
    try:
        may_press.set()
        work()
        raise AssertionError("not interrupted")
    except KeyboardInterrupt:
        if is_alone:
            assert not children(), "the tree is gone when the exception is raised"
    thread.join()


def grandchildren():
    """The programs below our keepers, and what they started."""
    found = []
    for keeper in children():
        found += below(keeper)
    return found


def below(pid):
    try:
        with open(f"/proc/{pid}/task/{pid}/children") as listed:
            pids = listed.read().split()
    except OSError:
        return []
    return pids + [other for one in pids for other in below(one)]


WAYS = {
    "replaced": replaced,
    "captured": captured,
    "closed": closed,
    "threaded": threaded,
    "inside": inside,
    "nested": nested,
    "interrupted": interrupted,
}
# Where a failure can be told, whatever becomes of 2.
sys.__stderr__ = os.fdopen(os.dup(2), "w", buffering=1)
try:
    with nothing_left():
        WAYS[sys.argv[1]]()
except BaseException:
    traceback.print_exc(file=sys.__stderr__)
    os._exit(1)
