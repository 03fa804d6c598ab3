"""Interpreters beside the main one: importing is refused there, and the main one goes on.

interpreters.py before | after
"""

import os
import sys
import tempfile

try:
    import _interpreters
except ImportError:
    import _xxsubinterpreters as _interpreters

# In an interpreter of its own: what the import raises is written down.
IMPORT = """
try:
    import sandlock
    told = "works"
except ImportError as error:
    told = "refused: " + str(error)
except BaseException as error:
    told = repr(error)
with open(path, "w") as file:
    file.write(told)
"""


def other_interpreter():
    """What one says that imports the package, and ends."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "told")
        interpreter = _interpreters.create()
        try:
            _interpreters.run_string(interpreter, f"path = {path!r}\n{IMPORT}")
        finally:
            _interpreters.destroy(interpreter)
        with open(path) as file:
            return file.read()


def is_refused():
    told = other_interpreter()
    assert told.startswith("refused: ") and "interpreter" in told, told


def use():
    from citizen import nothing_left

    with nothing_left():
        use_everything()


def use_everything():
    from citizen import let_through, sandbox

    import sandlock

    box, asked = sandbox(), []

    def note(ctx):
        asked.append(ctx.pid)
        return let_through(ctx)

    box.add_handler("getppid", note)
    assert box.run(["sh", "-c", "echo hello"]).stdout == b"hello\n"
    with box.popen(["sh", "-c", "exit 3"]) as process:
        assert process.wait().exit_code == 3
    assert len(asked) == 2
    try:
        sandlock.Policy(no_such_setting=1)
        raise AssertionError("there is no such setting")
    except sandlock.PolicyError:
        pass


if sys.argv[1] == "after":
    use()
for _ in range(3):
    is_refused()
    use()
