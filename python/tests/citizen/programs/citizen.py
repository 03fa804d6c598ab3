"""What the programs of this folder have in common: a sandbox, and that nothing is left of it."""

import contextlib
import gc
import os
import sys
import threading
import time

import sandlock

# How long threads and processes may take that are about to end.
PATIENCE = 10.0


def sandbox(**settings):
    """One in which ordinary commands run."""
    return sandlock.Sandbox(
        fs_readable=["/usr"],
        fs_readable_if_exists=["/lib", "/lib64", "/bin", "/etc/ld.so.cache", "/proc"],
        fs_writable=["/dev/null"],
        **settings,
    )


def let_through(ctx):
    """A handler that has nothing against it."""
    return sandlock.NotifAction.continue_()


# A command that says when it runs, and does not end by itself.
ENDLESS = ["sh", "-c", "echo ready; sleep 1000 & sleep 1000"]


def ready(process):
    """Waits until an ENDLESS process with a pipe runs."""
    assert process.stdout.readline() in (b"ready\n", "ready\n")
    return process


def wait_until(condition, what):
    """Waits for a condition that comes by itself."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, what() if callable(what) else what
        time.sleep(0.002)


def children():
    """Every child of every thread of this process, dead ones included."""
    found = set()
    for task in os.listdir("/proc/self/task"):
        try:
            with open(f"/proc/self/task/{task}/children") as listed:
                found.update(map(int, listed.read().split()))
        except OSError:
            pass
    return found


def threads():
    return set(os.listdir("/proc/self/task"))


def descriptors():
    found = {}
    for name in os.listdir("/proc/self/fd"):
        try:
            found[int(name)] = os.readlink(f"/proc/self/fd/{name}")
        except OSError:
            # The one of this listing.
            pass
    return found


def files():
    walk = os.walk(os.environ["TMPDIR"])
    return {os.path.join(folder, name) for folder, _, names in walk for name in names}


def state():
    opened = {("descriptor", *one) for one in descriptors().items()}
    others = {"thread": threads(), "child": children(), "file": files()}
    return opened | {(kind, one) for kind, found in others.items() for one in found}


@contextlib.contextmanager
def nothing_left():
    """Checks that the block leaves what there was: descriptors, threads, children and files; and
    that nothing was raised where nobody hears it."""
    unheard = []
    # What Python would only print: exceptions in threads and destructors, files that nobody closed.
    threading.excepthook = lambda raised: unheard.append(repr(raised.exc_value))
    sys.unraisablehook = lambda raised: unheard.append(f"{raised.exc_value!r} of {raised.object!r}")
    warm_up()
    before = state()
    yield
    # Event loops and exceptions leave cycles.
    gc.collect()
    wait_until(lambda: state() == before, lambda: f"changed: {state() ^ before}")
    assert not unheard, unheard


def warm_up():
    """What the library and Python keep for the next time is there afterwards."""
    once = sandbox()
    once.add_handler("getppid", let_through)
    assert once.run(["true"]).success
    assert sandbox().run(["true"]).success
