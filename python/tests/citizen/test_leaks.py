"""Much of everything."""

import pytest

from .running import run

# What is let go of goes at once: the garbage collector may not come for long.
WITHOUT_GARBAGE = """
import gc
import sandlock
from citizen import descriptors, let_through, sandbox, threads

says = ["sh", "-c", "cat"]
pipes = {"stdin": sandlock.PIPE, "stdout": sandlock.PIPE}
asking = sandbox()
asking.add_handler("getppid", let_through)


def use(box):
    assert box.run(says, input=b"hello").stdout == b"hello"
    with box.popen(says, **pipes) as process:
        assert process.communicate(b"hello") == (b"hello", None)


for box in (sandbox(), asking):
    use(box)
    gc.collect()
    gc.disable()
    before = descriptors(), threads()
    for _ in range(50):
        use(box)
        assert (descriptors(), threads()) == before, (descriptors(), threads(), before)
    gc.enable()
"""


@pytest.mark.parametrize("what", ["runs", "processes", "calls", "tasks", "failures"])
def test_nothing_grows(what):
    print(run("leaks.py", what))


def test_runs_and_processes_leave_nothing_to_the_garbage_collector():
    run(WITHOUT_GARBAGE)
