"""A web server on one event loop, with a sandbox for each request."""

import pytest

from .running import run


@pytest.mark.parametrize("kind", ["plain", "handlers", "async-handlers"])
def test_a_server_runs_a_hundred_at_once_and_goes_on(kind):
    print(run("server.py", kind))
