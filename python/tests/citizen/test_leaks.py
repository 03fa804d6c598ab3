"""Much of everything."""

import pytest

from .running import run


@pytest.mark.parametrize("what", ["runs", "processes", "calls", "tasks", "failures"])
def test_nothing_grows(what):
    print(run("leaks.py", what))
