"""What type checkers say about the package, and about those who use it."""

import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest

import sandlock

pytest.importorskip("mypy")

USER_CODE = Path(__file__).with_name("user_code.py")
PACKAGE = Path(sandlock.__file__).parent
ERROR = re.compile(r"^.*?:(\d+): error: .*\[([\w-]+)\]$", re.M)


def python_m(folder, *arguments) -> str:
    """What a module prints that is run in a folder where nothing lies around."""
    command = [sys.executable, "-m", *map(str, arguments)]
    ended = subprocess.run(
        command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    return ended.stdout


def test_the_package_is_typed_strictly(tmp_path):
    assert (PACKAGE / "py.typed").exists()
    said = python_m(tmp_path, "mypy", "--strict", "-p", "sandlock")
    assert said.startswith("Success: no issues found"), said


def test_the_stub_is_the_native_module(tmp_path):
    said = python_m(tmp_path, "mypy.stubtest", "sandlock._native")
    assert said.startswith("Success: no issues found"), said


def test_what_people_write_is_right_or_wrong_where_it_is(tmp_path):
    said = python_m(tmp_path, "mypy", "--strict", "--config-file=", USER_CODE)
    told = {(int(line), code) for line, code in ERROR.findall(said)}
    expected = set()
    for number, line in enumerate(USER_CODE.read_text().splitlines(), 1):
        marked = re.search(r"# error: ([\w-]+)$", line)
        if marked:
            expected.add((number, marked[1]))
    assert told == expected, said
    assert len(expected) > 20


def test_annotations_of_public_functions_can_be_read_without_the_checker():
    # help() and the like read them as texts; nobody needs typing_extensions.
    code = "import sandlock, sys; help(sandlock); print('typing_extensions' in sys.modules)"
    command = [sys.executable, "-c", code]
    ended = subprocess.run(command, cwd="/", capture_output=True, text=True)
    assert ended.stdout.endswith("False\n"), ended.stderr


@pytest.mark.parametrize("name", [name for name in sandlock.__all__ if not name.isupper()])
def test_everything_public_is_documented(name):
    value = getattr(sandlock, name)
    assert name == "__version__" or inspect.getdoc(value)
    if not inspect.isclass(value) or issubclass(value, BaseException):
        return
    members = [
        member
        for attribute, member in vars(value).items()
        if not attribute.startswith("_") and not inspect.ismemberdescriptor(member)
    ]
    assert [member for member in members if not inspect.getdoc(member)] == []
