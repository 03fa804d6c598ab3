"""The tests of a project that uses the package."""

import asyncio
import os
import subprocess
import sys
import threading

import pytest

import sandlock


@pytest.mark.parametrize("number", range(20))
def test_result(sandbox, number):
    result = sandbox.run(["sh", "-c", "echo $1; exit $1", "sh", str(number)], text=True)
    assert (result.exit_code, result.stdout) == (number, f"{number}\n")


@pytest.mark.parametrize("number", range(10))
def test_handlers(calls, number):
    box, seen = calls
    assert box.run(["sh", "-c", "echo hello"]).stdout == b"hello\n"
    assert asyncio.run(box.run_async(["sh", "-c", "echo hello"])).success
    assert len(seen) == 2


def test_capfd_sees_what_is_inherited(sandbox, capfd):
    assert sandbox.run_interactive(["sh", "-c", "echo out; echo err >&2"]) == 0
    assert capfd.readouterr() == ("out\n", "err\n")
    result = sandbox.run(["sh", "-c", "echo out; echo err >&2"])
    assert capfd.readouterr() == ("", "")
    assert (result.stdout, result.stderr) == (b"out\n", b"err\n")


def test_capsys_sees_what_python_prints(sandbox, capsys):
    print(sandbox.run(["echo", "hello"], text=True).stdout, end="")
    assert capsys.readouterr().out == "hello\n"
    sandbox.run_interactive(["true"], timeout=60)
    assert capsys.readouterr().out == ""


def test_its_own_streams(sandbox, tmp_path):
    path = tmp_path / "out"
    with open(path, "wb") as file:
        sandbox.run(["echo", "hello"], stdout=file)
    assert path.read_text() == "hello\n"
    with open(path, "rb") as file:
        assert sandbox.run(["cat"], stdin=file).stdout == b"hello\n"


def test_raises(sandbox):
    with pytest.raises(sandlock.ExitError, match=r"exited with 3.*'why'") as raised:
        sandbox.run(["sh", "-c", "echo why >&2; exit 3"], check=True)
    assert raised.value.result.exit_code == 3
    with pytest.raises(FileNotFoundError):
        sandbox.run(["no-such-command"])
    with pytest.raises(sandlock.PolicyError, match="max_file_sise"):
        sandlock.Policy(max_file_sise=1)


def test_during_a_process(process, sandbox):
    assert process.poll() is None
    assert sandbox.run(["true"]).success


def test_threads(sandbox):
    codes = []
    work = [
        lambda n=n: codes.append(sandbox.run(["sh", "-c", f"exit {n}"]).exit_code) for n in range(8)
    ]
    threads = [threading.Thread(target=one) for one in work]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(codes) == list(range(8))


def test_beside_subprocess(sandbox):
    assert subprocess.run([sys.executable, "-c", "raise SystemExit(3)"]).returncode == 3
    assert sandbox.run(["sh", "-c", "exit 4"]).exit_code == 4


@pytest.mark.skipif("SHOULD_FAIL" not in os.environ, reason="shows how a failure looks")
def test_that_fails(sandbox):
    assert sandbox.run(["sh", "-c", "echo why >&2; exit 3"], text=True).success


def test_nothing_is_left():
    with open(f"/proc/self/task/{threading.get_native_id()}/children") as children:
        assert children.read() == ""
