"""Who waits for children gets all of its own, and none of ours."""

import pytest

from .running import run

WAYS = ["handler", "waiter", "greedy", "ignored", "beside", "waited", "wakeup", "watchers"]


@pytest.mark.parametrize("way", WAYS)
def test_nobody_loses_a_child_or_steals_one(way):
    run("children.py", way)
