"""A host that is short of something: descriptors, threads or processes.

limits.py descriptors | threads
"""

import asyncio
import contextlib
import ctypes
import errno
import os
import resource
import sys

import citizen
from citizen import let_through, nothing_left, sandbox

import sandlock

PR_SET_DUMPABLE = 4
NOBODY = 65534


def supervised(**options):
    box = sandbox()
    box.add_handler("getppid", let_through, **options)
    return box


def opening():
    """A handler that opens in the program's place takes a process and descriptors."""
    box = sandbox()
    box.add_handler(
        "openat", lambda ctx: ctx.open_for_child(ctx.open_request()), on_error=errno.EIO
    )
    return box


PLAIN, ASKING, POOLED, OPENING = sandbox(), supervised(), supervised(deadline=60), opening()
LOOP = asyncio.new_event_loop()
SAYS = ["sh", "-c", "cat; echo out; echo err >&2"]


def expect(result, stdin=b"in\n"):
    """That it is right, or that a handler was not able to answer as it should."""
    if result.handler_errors or not result.success:
        return False
    assert (result.stdout, result.stderr) == (stdin + b"out\n", b"err\n"), result
    return True


def by_run(box):
    return expect(box.run(SAYS, input=b"in\n"))


def by_popen(box):
    pipe = sandlock.PIPE
    with box.popen(SAYS, stdin=pipe, stdout=pipe, stderr=pipe) as process:
        told = process.communicate(b"in\n")
    assert told == (b"in\nout\n", b"err\n") or not process.wait().success, told
    return process.wait().success


def by_async(box):
    return expect(LOOP.run_until_complete(box.run_async(SAYS, input=b"in\n")))


def by_new_sandbox(box):
    return expect(sandbox().run(SAYS), stdin=b"")


WORKS = {
    "run": (by_run, PLAIN),
    "run, asking": (by_run, ASKING),
    "run, asking a pool": (by_run, POOLED),
    "run, opening": (by_run, OPENING),
    "popen": (by_popen, PLAIN),
    "popen, asking": (by_popen, ASKING),
    "run_async": (by_async, PLAIN),
    "run_async, asking": (by_async, ASKING),
    "new sandbox": (by_new_sandbox, PLAIN),
}


def attempt(name, work, box, errors, seen):
    """Whether it works; if not, why, as an error of the right kind."""
    try:
        return work(box)
    except sandlock.HandlerError:
        return False
    except OSError as error:
        # Of a pipe that Python itself could not make, and of everything that is ours.
        assert error.errno in errors, (name, error)
        seen.add((name, type(error).__name__, str(error)))
        return False


def descriptors():
    """From no room at all to enough of it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    taken = all_below(max(citizen.descriptors()))
    lowest = max(citizen.descriptors()) + 1
    seen = set()
    for name, (work, box) in WORKS.items():
        assert work(box), "the control: it works"
        successes = []
        for room in range(40):
            resource.setrlimit(resource.RLIMIT_NOFILE, (lowest + room, hard))
            try:
                successes.append(attempt(name, work, box, {errno.EMFILE}, seen))
            finally:
                resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        assert not successes[0] and successes[-1], (name, successes)
        assert work(box), "it works again"
    for number in taken:
        os.close(number)
    tell(seen)


def all_below(number):
    """Takes every descriptor that is free below `number`."""
    taken = []
    while not taken or taken[-1] < number:
        taken.append(os.open("/dev/null", os.O_RDONLY))
    return taken


def threads():
    """No room for a thread or a process."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NPROC)
    seen = set()
    for name, (work, box) in WORKS.items():
        assert work(box), "the control: it works"
        # For a user who has more than that already.
        resource.setrlimit(resource.RLIMIT_NPROC, (1, hard))
        try:
            assert not attempt(name, work, box, {errno.EAGAIN}, seen), name
        finally:
            resource.setrlimit(resource.RLIMIT_NPROC, (soft, hard))
        assert work(box), "it works again"
    tell(seen)


def tell(seen):
    for one in sorted(seen):
        print(*one, sep=": ")
    assert {name for name, _, _ in seen} == set(WORKS), seen


def become_nobody():
    """As somebody for whom there are limits."""
    if os.getuid() == 0:
        os.setgroups([])
        os.setresgid(NOBODY, NOBODY, NOBODY)
        os.setresuid(NOBODY, NOBODY, NOBODY)
        ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 1, 0, 0, 0)


with contextlib.closing(LOOP):
    for work, box in WORKS.values():
        assert work(box)
    if sys.argv[1] == "threads":
        become_nobody()
    with nothing_left():
        globals()[sys.argv[1]]()
