"""Whatever runs when an interpreter ends: it ends in order and at once, and nothing is left."""

import pytest

from .running import interpreters, run

INTERPRETERS = interpreters()
# What they end with, if it is not 0.
WAYS = {
    "ends": 0,
    "cycle": 0,
    "dying": 0,
    "daemons": 0,
    "looping": 0,
    "asked": 0,
    "asleep": 0,
    "busy": 0,
    "pooled": 0,
    "threads": 0,
    "exit_code": 3,
    "exit_in_handler": 7,
    "hard_exit": 4,
    "hard_exit_in_handler": 5,
    "exception": 1,
    "interrupt": -2,
    "terminate": -15,
    "kill": -9,
    "execute": 6,
    "tasks": 0,
    "closed_loop": 0,
    "open_loop": 0,
    "at_exit": 0,
}
SAYS = {"threads": "done\n", "at_exit": "before\nafter\n"}
COMPLAINS = {"exception": "LookupError: of the main thread\n", "interrupt": "KeyboardInterrupt\n"}
# A thread that Python ends in the middle of something may complain.
MAY_COMPLAIN = {"looping"}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("version", INTERPRETERS)
def test_an_interpreter_ends_in_order(version, way):
    # Pipes of processes that live as long as the interpreter are closed by nobody.
    options = ["-W", "ignore::ResourceWarning"]
    python = INTERPRETERS[version]
    ended = run("exits.py", way, code=WAYS[way], seconds=20, python=python, options=options)
    assert ended.stdout == SAYS.get(way, ""), ended
    if way in COMPLAINS:
        assert ended.stderr.endswith(COMPLAINS[way]), ended
    elif way not in MAY_COMPLAIN:
        assert ended.stderr == "", ended
