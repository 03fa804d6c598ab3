"""Waiting for events, instead of sleeping and hoping."""

from __future__ import annotations

import os
import time

# Far more than anything takes here: who waits that long has failed.
PATIENCE = 20.0


def until(condition, seconds: float = PATIENCE):
    """What `condition()` gives, as soon as it is something; fails if it never is."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < deadline, f"not within {seconds} seconds: {condition}"
        time.sleep(0.002)


def is_there(pid: int) -> bool:
    """Whether there is a process with this id, also one that has ended and is not reaped."""
    return os.path.exists(f"/proc/{pid}")
