"""Notebooks: other streams, event loops and Ctrl-C."""

import pytest

from .running import run

WAYS = ["replaced", "captured", "closed", "threaded", "inside", "nested", "interrupted"]


@pytest.mark.parametrize("way", WAYS)
def test_a_cell_runs_sandboxes(way):
    run("notebook.py", way)
