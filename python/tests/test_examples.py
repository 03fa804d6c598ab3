"""The examples run as programs of their own, and say what they promise."""

import contextlib
import importlib.util
import json
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples" / "python"
SECONDS = 60
OUTCOME = "all as expected"


def run(name, *arguments, **keywords):
    """Warnings are errors there, too."""
    command = [sys.executable, "-W", "error", EXAMPLES / name, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, **keywords)


def printed(name, *arguments, **keywords):
    """What it prints that succeeds, and complains of nothing."""
    done = run(name, *arguments, **keywords)
    assert (done.returncode, done.stderr) == (0, ""), done
    return done.stdout


def load(name):
    spec = importlib.util.spec_from_file_location(f"example_{name}", EXAMPLES / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_example_has_a_test():
    tests = Path(__file__).read_text()
    for example in EXAMPLES.glob("*.py"):
        assert f'"{example.name}"' in tests, example


@pytest.mark.parametrize("example", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.name)
def test_every_example_says_what_it_holds_against_and_what_not(example):
    words = " ".join(example.read_text().split('"""')[1].split())
    assert "Holds" in words
    assert "not hold" in words


# ---- run_script.py ----


def test_run_script_shows_what_scripts_can_do_and_what_not():
    out = printed("run_script.py")
    assert "exited with 0" in out
    assert "stdout: 'hello'" in out
    assert "PermissionError" in out
    assert "the password" not in out
    assert "File too large" in out
    assert "stdout: 2000001 bytes more" in out
    assert out.endswith(f"{OUTCOME}\n")


def test_run_script_gives_a_script_its_arguments_and_nothing_of_the_environment(tmp_path):
    script = tmp_path / "script.py"
    script.write_text("import os, sys; print(sys.argv[1:], os.environ.get('SECRET'))")
    out = printed("run_script.py", script, "a", "b c", env={**os.environ, "SECRET": "password"})
    assert "['a', 'b c'] None" in out


def test_run_script_ends_as_the_script_does_not_well(tmp_path):
    script = tmp_path / "script.py"
    script.write_text("raise SystemExit(3)")
    done = run("run_script.py", script)
    assert done.returncode == 1
    assert "exited with 3" in done.stdout


HOSTILE = """
import os
os.symlink('/tmp', 'link')
os.makedirs('closed/below')
open('closed/below/file', 'w').close()
os.chmod('closed/below', 0)
os.chmod('closed', 0)
for _ in range(1500):
    os.mkdir('deep')
    os.chdir('deep')
"""


def test_run_script_removes_what_a_hostile_script_left(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(HOSTILE)
    place = tmp_path / "place"
    place.mkdir()
    out = printed("run_script.py", script, env={**os.environ, "TMPDIR": str(place)})
    assert "exited with 0" in out
    assert list(place.iterdir()) == []


# ---- audit_paths.py ----


def test_audit_paths_tells_what_was_opened_and_what_was_refused():
    out = printed("audit_paths.py").splitlines()
    given, secret, new = [json.loads(line) for line in out if line.startswith("{")]
    assert "contents" in out
    assert any("Permission denied" in line and secret["path"] in line for line in out)
    assert any("Operation not permitted" in line and new["path"] in line for line in out)
    assert (given["verdict"], given["by"], given["writes"]) == ("continue", "policy", False)
    assert (secret["verdict"], secret["by"]) == ("continue", "policy")
    assert (new["verdict"], new["by"], new["writes"]) == ("refused", "no new files", True)
    assert new["errno"] == "Operation not permitted"
    assert out[-1] == OUTCOME


def test_audit_paths_logs_a_command_and_ends_as_that_does(tmp_path):
    log = tmp_path / "log.jsonl"
    assert printed("audit_paths.py", log, "cat", "/usr/lib/os-release")
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert [line["verdict"] for line in lines if line["path"] == "/usr/lib/os-release"]
    refused = run("audit_paths.py", log, "cat", "/etc/passwd")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "Permission denied" in refused.stderr


def test_audit_paths_logs_what_is_no_path(tmp_path):
    log = tmp_path / "log.jsonl"
    code = (
        "import ctypes; libc = ctypes.CDLL(None); libc.openat(-100, ctypes.c_void_p(1), 0);"
        "open(b'/usr/\\xff\\n', 'rb')"
    )
    run("audit_paths.py", log, sys.executable, "-I", "-c", code)
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert [line for line in lines if "unreadable" in line]
    assert [line for line in lines if line.get("path") == "/usr/\udcff\n"]


# ---- refuse_network.py ----


def test_refuse_network_refuses_and_shows_what_was_refused():
    out = printed("refuse_network.py").splitlines()
    assert out[0] == "without a rule: socket: [Errno 1] Operation not permitted"
    assert "nobody would ever be asked" in out[1]
    assert out[2] == "watched: connect: [Errno 101] Network is unreachable"
    assert out[3].startswith("  wanted: 127.0.0.1 port ")
    assert out[4] == "  {'socket': {'continue': 1}, 'connect': {'refused': 1}}"
    assert out[5] == "with the rule alone: connected"
    assert out[6:] == [OUTCOME]


def test_refuse_network_shows_addresses_as_people_write_them():
    shown = load("refuse_network").shown
    family = (socket.AF_INET6).to_bytes(2, sys.byteorder)
    six = family + (443).to_bytes(2, "big") + bytes(4) + bytes(15) + b"\x01" + bytes(4)
    assert shown(six) == "::1 port 443"
    assert shown(six[:10]) == f"an address of family {int(socket.AF_INET6)}"
    assert shown(b"") == "an address of family 0"


# ---- serve_file.py ----


def test_serve_file_serves_a_file_and_opens_others_within_the_policy():
    out = printed("serve_file.py").splitlines()
    assert out[0] == r"/etc/app.conf: b'colour = blue\n', os.path.exists('/etc/app.conf')=False"
    assert out[1].startswith("/usr/lib/os-release: b'")
    assert out[2].endswith("Permission denied")
    assert out[3].endswith("Read-only file system")
    assert out[4:] == [OUTCOME]


# ---- agent_tool.py ----


@pytest.fixture(scope="module")
def agent_tool():
    return load("agent_tool")


def test_agent_tool_answers_a_model():
    out = printed("agent_tool.py")
    assert "tool: '45'" in out
    assert "ZeroDivisionError: division by zero" in out
    assert "on my way\\n[ended after 3 seconds]" in out
    assert "PermissionError: [Errno 13] Permission denied: \\'/etc/passwd\\'" in out
    assert "PermissionError: [Errno 1] Operation not permitted" in out
    assert "not for everybody" not in out
    assert out.endswith(f"{OUTCOME}\n")


def test_agent_tool_returns_text_for_whatever_code_is(agent_tool):
    for code in ["", "\0", "\ud800", "# coding: nonsense", "(" * 10_000, "\ufeffprint(1)"]:
        assert isinstance(agent_tool.run_python(code), str)


def test_agent_tool_returns_text_where_nothing_can_be_started(agent_tool, monkeypatch):
    assert agent_tool.run_python("print(1)") == "1"
    monkeypatch.setattr(sys, "executable", "/nonexistent/python3")
    assert agent_tool.run_python("print(1)").startswith("[the code could not be run: ")


def test_agent_tool_removes_what_hostile_code_left(agent_tool, tmp_path, monkeypatch):
    monkeypatch.setattr(agent_tool.tempfile, "tempdir", str(tmp_path))
    assert agent_tool.run_python(HOSTILE) == "[nothing was printed]"
    assert list(tmp_path.iterdir()) == []


def test_agent_tool_keeps_the_beginning_and_the_end_of_much_text(agent_tool):
    text = agent_tool.run_python("print('first', 'x' * 2_000_000, 'last')")
    assert text.startswith("first")
    assert "characters left out" in text
    assert "bytes more were printed" in text
    assert len(text) < 11_000


# ---- mcp_server.py ----


def test_mcp_server_answers_a_call_and_the_kernel_refuses_another():
    out = printed("mcp_server.py").splitlines()
    assert out[0] == "tools: ['read_note']"
    assert out[1] == "shopping: ('tea', False)"
    assert "PermissionError" in out[2]
    assert out[3] == "the server exited with 0"
    assert out[4:] == [OUTCOME]


def test_mcp_server_reads_anything_without_a_sandbox(tmp_path):
    """So it is the sandbox that refuses."""
    secret = tmp_path / "secret"
    secret.write_text("the password")
    call = {"name": "read_note", "arguments": {"path": str(secret)}}
    requests = [
        {"id": 1, "method": "tools/call", "params": call},
        {"method": "notifications/initialized"},
        {"id": 2, "method": "nonsense"},
        ["nonsense"],
    ]
    out = printed("mcp_server.py", "--serve", input="\n".join(map(json.dumps, requests)))
    first, second, third = map(json.loads, out.splitlines())
    assert first["result"] == {
        "content": [{"type": "text", "text": "the password"}],
        "isError": False,
    }
    assert (second["id"], second["error"]["code"]) == (2, -32601)
    assert (third["id"], third["error"]["code"]) == (None, -32600)


def test_mcp_server_that_ends_is_an_error_of_its_client(tmp_path):
    with load("mcp_server").Client(str(tmp_path)) as client:
        client.process.kill()
        with pytest.raises(RuntimeError, match=r"the server ended|Broken pipe"):
            client.read_note("shopping")


# ---- server.py ----


def test_server_answers_many_at_once():
    out = printed("server.py").splitlines()
    assert out[0] == str([str(n + 1) for n in range(20)])
    endless, refused, wrong = map(json.loads, out[1:4])
    assert endless["reason"] == "timeout"
    assert "PermissionError" in refused["stderr"]
    assert "error" in wrong
    assert out[4:] == [OUTCOME]


@contextlib.contextmanager
def serving(*arguments):
    """The server's process, and its port."""
    command = [sys.executable, "-W", "error", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd="/") as process:
        try:
            yield process, int(process.stdout.readline().rpartition(" ")[2])
        finally:
            process.send_signal(signal.SIGINT)
            assert process.wait(SECONDS) == 0


def answer(port, request):
    with socket.create_connection(("127.0.0.1", port), SECONDS) as connection:
        connection.sendall(request)
        with connection.makefile("rb") as answers:
            return json.loads(answers.readline())


def test_server_answers_nonsense_and_goes_on():
    with serving(EXAMPLES / "server.py", "0") as (_, port):
        for nonsense in [b"\n", b"[" * 50_000 + b"\n", b'{"code": "\\ud800"}\n', b"\xff\n"]:
            assert "error" in answer(port, nonsense)
        assert answer(port, b'{"code": "print(6 * 7)"}\n')["stdout"] == "42\n"


# The program has an hour, so that it is not its time that ends it.
PATIENT = """
import asyncio, sys
sys.path.insert(0, sys.argv[1])
import sandlock, server
server.SANDBOX = sandlock.Sandbox(server.SANDBOX.policy, timeout=3600)
try:
    asyncio.run(server.serve(0))
except KeyboardInterrupt:
    pass
"""


def test_server_ends_the_program_of_a_client_that_goes_away():
    with serving("-B", "-c", PATIENT, EXAMPLES) as (process, port):
        with socket.create_connection(("127.0.0.1", port), SECONDS) as connection:
            connection.sendall(b'{"code": "while True: pass"}\n')
            tree = descendant(process.pid)
        readable, _, _ = select.select([tree], [], [], SECONDS)
        os.close(tree)
    assert readable


def descendant(pid):
    """A descriptor for a child of `pid`, as soon as there is one."""
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        for children in Path(f"/proc/{pid}/task").glob("*/children"):
            for child in children.read_text().split():
                return os.pidfd_open(int(child))
        time.sleep(0.001)
    raise AssertionError("no program was started")


def test_examples_are_run_with_what_they_name():
    """Their programs are found below /usr."""
    for command in ["cat", "head", "sh", "find", "chmod"]:
        assert shutil.which(command, path="/usr/bin"), command
