"""Forks, other programs, daemons."""

import pytest

from .running import run

WAYS = ["forked", "forked_with_running", "started", "spawned", "by_handlers", "daemon"]


@pytest.mark.parametrize("way", WAYS)
def test_a_program_that_starts_others_uses_sandboxes(way):
    run("forks.py", way)
