"""A host that is short of something."""

import pytest

from .running import run


@pytest.mark.parametrize("what", ["descriptors", "threads"])
def test_a_shortage_is_an_error_with_a_number_and_leaves_nothing(what):
    print(run("limits.py", what))
