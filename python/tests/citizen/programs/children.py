"""Programs that wait for their children in every way there is: they hear nothing of a sandbox, and
a sandbox loses nothing to them.

    children.py WAY
"""

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import warnings

from citizen import let_through, nothing_left, sandbox, wait_until

import sandlock

# Of wait(2): children of every kind, also those whose end is told by no signal.
WALL = 0x40000000
TRUE = next(path for path in ("/usr/bin/true", "/bin/true") if os.path.exists(path))


def supervised():
    box = sandbox()
    box.add_handler("getppid", let_through)
    return box


plain, asking = sandbox(), supervised()


def exits(code):
    return ["sh", "-c", f"exit {code}"]


def some_runs():
    """Runs in every way, whose ends are all told."""
    for box in (plain, asking):
        for code in (0, 3, 7):
            assert box.run(exits(code)).exit_code == code
            with box.popen(exits(code), stdout=sandlock.PIPE) as process:
                assert process.stdout.read() == b""
            assert process.returncode == code
            assert asyncio.run(box.run_async(exits(code))).exit_code == code
        assert box.run(["sh", "-c", "kill -9 $$"]).signal == 9
        # A tree with orphans, whom somebody has to reap.
        assert box.run(["sh", "-c", "(true & true &) ; (sleep 100 &) ; exit 5"]).exit_code == 5


def fork_exits(code):
    pid = os.fork()
    if pid == 0:
        os._exit(code)
    return pid


def handler():
    """A handler of SIGCHLD that reaps whomever it finds, as servers have it."""
    signals, reaped = [], {}

    def reap(number, frame):
        signals.append(number)
        with contextlib.suppress(ChildProcessError):
            while True:
                pid, status = os.waitpid(-1, os.WNOHANG)
                if pid == 0:
                    return
                reaped[pid] = os.waitstatus_to_exitcode(status)

    signal.signal(signal.SIGCHLD, reap)
    some_runs()
    assert not signals and not reaped, "it hears nothing of what runs in a sandbox"
    ours = {fork_exits(code): code for code in range(20)}
    some_runs()
    wait_until(lambda: reaped == ours, lambda: f"{reaped} {ours}")


def waiter(options=0):
    """A thread that waits for whoever ends."""
    ours, reaped, over = {}, {}, threading.Event()

    def wait():
        while not over.is_set():
            try:
                pid, status = os.waitpid(-1, options)
            except ChildProcessError:
                over.wait(0.001)
                continue
            if pid in ours or options == 0:
                reaped[pid] = os.waitstatus_to_exitcode(status)

    thread = threading.Thread(target=wait)
    thread.start()
    # One that lives on, so that the thread is in waitpid() all the time.
    stays = subprocess.Popen(["sleep", "1000"])
    ours[stays.pid] = -9
    some_runs()
    ours.update((pid, code) for code, pid in enumerate([fork_exits(n) for n in range(10)]))
    some_runs()
    stays.kill()
    wait_until(lambda: reaped == ours, lambda: f"{reaped} {ours}")
    over.set()
    thread.join()
    stays.returncode = -9


def greedy():
    """The same for one who takes children of every kind: also our keepers, once they have ended."""
    over = threading.Event()

    def wait():
        while not over.is_set():
            try:
                os.waitpid(-1, WALL)
            except ChildProcessError:
                pass

    thread = threading.Thread(target=wait)
    thread.start()
    for _ in range(5):
        some_runs()
    over.set()
    thread.join()


def ignored():
    """The kernel discards the ends of children: not those of a sandbox."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    some_runs()
    assert signal.getsignal(signal.SIGCHLD) is signal.SIG_IGN
    pid = fork_exits(3)
    try:
        os.waitpid(pid, 0)
        raise AssertionError("the control: its end is discarded")
    except ChildProcessError:
        pass


def beside():
    """subprocess in some threads, sandboxes in others."""
    wrong = []

    def by_subprocess():
        for code in range(40):
            done = subprocess.run(exits(code), stdout=subprocess.PIPE)
            if done.returncode != code:
                wrong.append(done)

    def by_sandbox():
        for _ in range(3):
            some_runs()

    threads = [threading.Thread(target=work) for work in (by_subprocess, by_sandbox) * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong, wrong


def waited():
    """A program that blocks SIGCHLD and waits for it."""
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGCHLD])
    some_runs()
    assert signal.sigtimedwait([signal.SIGCHLD], 0) is None
    pid = fork_exits(3)
    assert signal.sigwaitinfo([signal.SIGCHLD]).si_pid == pid
    os.waitpid(pid, 0)
    assert signal.SIGCHLD in signal.pthread_sigmask(signal.SIG_BLOCK, [])


def wakeup():
    """A program that reads signals from a descriptor, as event loops do."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        for end in (ours, theirs):
            end.setblocking(False)
        heard = []
        for number in (signal.SIGCHLD, signal.SIGALRM):
            signal.signal(number, lambda number, frame: heard.append(number))
        signal.set_wakeup_fd(theirs.fileno())
        some_runs()
        assert not heard
        # A signal that comes during a run is heard during the run, which goes on.
        signal.setitimer(signal.ITIMER_REAL, 0.01, 0.01)
        for box in (plain, asking):
            heard.clear()
            assert box.run(["sleep", "0.2"]).success
            assert len(heard) > 2, heard
            with box.popen(["sleep", "0.2"]) as process:
                heard.clear()
                assert process.wait().success
                assert len(heard) > 2, heard
        signal.setitimer(signal.ITIMER_REAL, 0)
        assert set(ours.recv(4096)) == {signal.SIGALRM}
        fork_exits(0)
        os.wait()
        wait_until(lambda: signal.SIGCHLD in heard, "the control: a child of one's own is heard")
        signal.set_wakeup_fd(-1)


def watchers():
    """The child watchers of asyncio, as far as this Python has them."""
    names = ("Threaded", "Pidfd", "Safe", "Fast")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        for name in names:
            watcher = getattr(asyncio, name + "ChildWatcher", None)
            if watcher is not None:
                watched(watcher())
    asyncio.run(some_at_once())


def watched(watcher):
    policy = asyncio.get_event_loop_policy()
    policy.set_child_watcher(watcher)
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    try:
        watcher.attach_loop(loop)
        loop.run_until_complete(some_at_once())
    finally:
        watcher.close()
        policy.set_child_watcher(None)
        asyncio.set_event_loop(None)
        loop.close()


async def some_at_once():
    async def by_subprocess(code):
        process = await asyncio.create_subprocess_exec(*exits(code))
        return await process.wait()

    async def by_sandbox(box, code):
        return (await box.run_async(exits(code))).exit_code

    codes = list(range(20))
    works = [by_subprocess, lambda code: by_sandbox(plain, code), lambda c: by_sandbox(asking, c)]
    told = await asyncio.gather(*[work(code) for work in works for code in codes])
    assert told == codes * len(works), told


WAYS = {
    "handler": handler,
    "waiter": waiter,
    "greedy": greedy,
    "ignored": ignored,
    "beside": beside,
    "waited": waited,
    "wakeup": wakeup,
    "watchers": watchers,
}

some_runs()
asyncio.run(some_at_once())
with nothing_left():
    WAYS[sys.argv[1]]()
