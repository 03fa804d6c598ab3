"""Programs that end while sandboxes run.

exits.py WAY
"""

import asyncio
import atexit
import contextlib
import gc
import os
import signal
import sys
import threading
import time


class Early:
    """At exit after the library's own: registered before it."""

    def __init__(self):
        self.work = None
        atexit.register(self)

    def __call__(self):
        if self.work is not None:
            self.work()


early = Early()

from citizen import ENDLESS, children, let_through, ready, sandbox, wait_until  # noqa: E402

import sandlock  # noqa: E402

# It asks a handler again and again.
ASKING = ["sh", "-c", "echo ready; while :; do sh -c :; done"]
plain, asking = sandbox(), sandbox()
entered = threading.Event()


def note(ctx):
    entered.set()
    return let_through(ctx)


asking.add_handler("getppid", note)


def hanging(hang):
    """A sandbox with a handler that does not come back."""

    def handle(ctx):
        entered.set()
        hang()

    box = sandbox()
    box.add_handler("getppid", handle)
    return box


def spin():
    while True:
        pass


def in_thread(work, daemon=True):
    thread = threading.Thread(target=work, daemon=daemon)
    thread.start()
    return thread


def runs_in_daemon(box, command):
    """Runs a command in a daemon thread, and returns when it runs."""
    reader, writer = os.pipe()
    in_thread(lambda: box.run(command, stdout=writer))
    assert os.read(reader, 100) == b"ready\n"


def ends():
    global kept
    kept = [ready(box.popen(ENDLESS, stdout=sandlock.PIPE)) for box in (plain, asking)]


def cycle():
    for box in (plain, asking):
        process = ready(box.popen(ENDLESS, stdout=sandlock.PIPE))
        process.cycle = process
        box.cycle = box, process


class Dying:
    """Has a process, and does something with it in its end."""

    def __init__(self, box, work):
        self.process = ready(box.popen(ENDLESS, stdout=sandlock.PIPE))
        self.work = work

    def __del__(self):
        self.work(self.process)


def dying():
    """Destructors that run when the modules are gone."""
    global kept

    def wait(process):
        process.kill()
        process.wait()

    def run(process):
        assert plain.run(["true"]).success

    kept = [Dying(box, work) for box in (plain, asking) for work in (wait, run)]
    kept.append(kept)


def daemons():
    """Daemon threads in every call that waits."""
    for box in (plain, asking):
        runs_in_daemon(box, ENDLESS)
        in_thread(ready(box.popen(ENDLESS, stdout=sandlock.PIPE)).wait)
        in_thread(ready(box.popen(ENDLESS, stdout=sandlock.PIPE)).communicate)
        in_thread(lambda box=box: asyncio.run(box.run_async(ENDLESS)))
    wait_until(lambda: len(children()) >= 8, "nothing runs")


def looping():
    """Daemon threads that start one program after the other, in every way, and fail often."""

    def often(work):
        while True:
            with contextlib.suppress(sandlock.SandlockError):
                work()

    for box in (plain, asking):
        in_thread(lambda box=box: often(lambda: box.run(["sh", "-c", ":"], text=True)))
        in_thread(lambda box=box: often(lambda: box.run(["no-such-command"])))
        in_thread(
            lambda box=box: often(lambda: box.popen(["sh", "-c", ":"], stdout=sandlock.PIPE).wait())
        )
        in_thread(lambda box=box: often(lambda: asyncio.run(box.run_async(["sh", "-c", ":"]))))
    entered.wait()
    plain.run(["sleep", "0.05"])


def asked():
    """Handlers are being asked all the time."""
    runs_in_daemon(asking, ASKING)
    global kept
    kept = ready(asking.popen(ASKING, stdout=sandlock.PIPE))
    in_thread(lambda: asyncio.run(asking.run_async(ASKING)))
    entered.wait()


def hang_in(hang, work):
    box = hanging(hang)
    work(box)
    entered.wait()


def by_run(box):
    in_thread(lambda: box.run(["sh", "-c", "true"]))


def by_popen(box):
    global kept
    kept = box.popen(["sh", "-c", "true"])


def by_async(box):
    in_thread(lambda: asyncio.run(box.run_async(["sh", "-c", "true"])))


def asleep():
    for work in (by_run, by_popen, by_async):
        hang_in(lambda: time.sleep(1000), work)
        entered.clear()


def busy():
    for work in (by_run, by_popen, by_async):
        hang_in(spin, work)
        entered.clear()


def pooled():
    """Handlers of the pool, which nobody waits for."""

    async def handle_async(ctx):
        entered.set()
        await asyncio.sleep(1000)

    def handle(ctx):
        entered.set()
        time.sleep(1000)

    global kept
    kept = []
    for handler in (handle, handle_async):
        box = sandbox()
        box.add_handler("getppid", handler, deadline=1000)
        kept.append(box.popen(["sh", "-c", "true"]))
        entered.wait()
        entered.clear()


def threads():
    """Threads that are waited for, as Python does."""

    def work():
        assert asking.run(["sh", "-c", "sleep 0.2; exit 3"]).exit_code == 3
        print("done", flush=True)

    in_thread(work, daemon=False)


def exit_code():
    ends()
    sys.exit(3)


def exit_in_handler():
    box = hanging(lambda: sys.exit(3))
    try:
        box.run(["sh", "-c", "true"])
    except sandlock.HandlerError as error:
        assert isinstance(error.__cause__, SystemExit), error.__cause__
        sys.exit(7)


def hard_exit():
    ends()
    daemons()
    os._exit(4)


def hard_exit_in_handler():
    hanging(lambda: os._exit(5)).run(["sh", "-c", "true"])


def exception():
    ends()
    daemons()
    raise LookupError("of the main thread")


def interrupt():
    ends()
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(1000)


def terminate():
    ends()
    daemons()
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(1000)


def kill():
    ends()
    daemons()
    os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(1000)


def execute():
    """Another program takes the place of this one."""
    ends()
    os.execv("/bin/sh", ["sh", "-c", "exit 6"])


def tasks():
    """asyncio.run() cancels the tasks that it leaves behind."""

    async def main():
        runs = [asyncio.ensure_future(box.run_async(ENDLESS)) for box in (plain, asking)]
        await asyncio.sleep(0)
        assert not any(run.done() for run in runs) and len(children()) == 2

    asyncio.run(main())
    assert not children()


def closed_loop():
    """A loop that is closed while tasks wait, which nobody cancels."""
    loop = asyncio.new_event_loop()
    runs = [loop.create_task(box.run_async(ENDLESS)) for box in (plain, asking)]
    loop.run_until_complete(asyncio.sleep(0.01))
    assert len(children()) == 2
    loop.close()
    # Python says that they are pending, and not what else could be wrong.
    for run in runs:
        run._log_destroy_pending = False
    del run, runs
    gc.collect()
    wait_until(lambda: not children(), "they end with their tasks")


def open_loop():
    """A loop that nobody closes."""
    global kept
    loop = asyncio.new_event_loop()
    kept = loop, [loop.create_task(box.run_async(ENDLESS)) for box in (plain, asking)]
    loop.run_until_complete(asyncio.sleep(0.01))
    assert len(children()) == 2
    for run in kept[1]:
        run._log_destroy_pending = False


def at_exit():
    """Programs that run something at exit, before the library is told and after."""
    ends()

    def before():
        assert plain.run(["sh", "-c", "exit 3"]).exit_code == 3
        assert asking.run(["sh", "-c", "exit 3"]).exit_code == 3
        assert asyncio.run(asking.run_async(["sh", "-c", "exit 3"])).exit_code == 3
        assert entered.is_set()
        print("before", flush=True)

    def after():
        assert plain.run(["sh", "-c", "exit 3"]).exit_code == 3
        entered.clear()
        with contextlib.suppress(sandlock.HandlerError):
            asking.run(["sh", "-c", "exit 3"])
            raise AssertionError("the handler was not asked")
        assert not entered.is_set(), "nobody is asked any more"
        with plain.popen(["sh", "-c", "exit 3"]) as process:
            assert process.wait().exit_code == 3
        print("after", flush=True)

    early.work = after
    atexit.register(before)


globals()[sys.argv[1]]()
