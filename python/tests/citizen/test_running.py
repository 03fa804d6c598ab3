"""What finds out that a program leaves something behind: it does."""

import pytest

from .running import run

PRELUDE = """
import os, sys, threading, time
from citizen import ENDLESS, children, nothing_left, ready, sandbox
"""


def fails(program, **options):
    with pytest.raises(AssertionError) as raised:
        run(PRELUDE + program, **options)
    return str(raised.value)


def test_a_program_that_leaves_nothing_passes():
    ended = run("import sandlock; print('hello'); raise SystemExit(3)", code=3)
    assert (ended.stdout, ended.stderr) == ("hello\n", "")


def test_a_wrong_exit_code_is_found():
    assert "code 3" in fails("sys.exit(3)")
    assert "Fatal Python error: Aborted" in fails("os.abort()", code=-6)


def test_a_program_that_hangs_is_ended_and_says_where():
    assert "in its_place" in fails("def its_place():\n while True: pass\nits_place()", seconds=1)


def test_a_process_that_is_left_is_found():
    assert "sleep 1000" in fails("os.fork() or os.execvp('sleep', ['sleep', '1000'])")


def test_a_file_that_is_left_is_found():
    assert "a-file" in fails("open(os.environ['TMPDIR'] + '/a-file', 'w').close()")


@pytest.mark.parametrize(
    "leak",
    [
        "kept.append(os.open('/dev/null', 0))",
        "kept.append(ready(sandbox().popen(ENDLESS, stdout=-1)))",
        "threading.Thread(target=time.sleep, args=[1000], daemon=True).start()",
        "open(os.environ['TMPDIR'] + '/a-file', 'w').close()",
        "os.fork() or os._exit(0)",
        "thread = threading.Thread(target=lambda: 1 / 0); thread.start(); thread.join()",
        "del type('Bad', (), {'__del__': lambda self: 1 / 0})().attribute_error",
        "open('/dev/null')",
    ],
)
def test_what_a_block_leaves_is_found(leak):
    block = f"try:\n        {leak}\n    except AttributeError:\n        pass"
    program = (
        f"import citizen\ncitizen.PATIENCE = 0.5\nkept = []\nwith nothing_left():\n    {block}\n"
    )
    assert "AssertionError" in fails(program)
    run(PRELUDE + program.replace(leak, "os.close(os.open('/dev/null', 0))"))
