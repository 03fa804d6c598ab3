"""Sandbox.run(): what goes in, what comes out, how it ends, and what is told of it."""

import concurrent.futures
import copy
import datetime
import io
import os
import pickle
import signal
import socket
import stat
import textwrap
import threading
from pathlib import Path

import pytest
from guests import PYTHON, python
from waiting import is_there, until

import sandlock
from sandlock import DEVNULL, INHERIT, PIPE, STDOUT, CommandError, Sandbox

ECHO = python("import sys; sys.stdout.buffer.write(sys.stdin.buffer.read())")
MIB = 1 << 20


def says_both(out: str, err: str) -> list:
    return ["sh", "-c", 'printf %s "$0"; printf %s "$1" >&2', out, err]


class TestInput:
    @pytest.mark.parametrize(
        "input",
        [b"bytes", bytearray(b"bytes"), memoryview(b"bytes"), memoryview(b"b.y.t.e.s.")[::2]],
        ids=["bytes", "bytearray", "memoryview", "strided"],
    )
    def test_input_is_anything_that_has_bytes(self, sandbox, input):
        assert sandbox.run(["cat"], input=input).stdout == b"bytes"

    def test_input_is_a_str_with_text(self, sandbox):
        assert sandbox.run(["cat"], input="grün", text=True).stdout == "grün"

    def test_a_str_without_text_is_a_mistake(self, sandbox):
        with pytest.raises(TypeError, match="input is bytes, or str with text=True"):
            sandbox.run(["cat"], input="text")

    @pytest.mark.parametrize("input", [1, object(), ["a"]], ids=["int", "object", "list"])
    def test_input_is_nothing_else(self, sandbox, input):
        with pytest.raises(TypeError, match="bytes-like"):
            sandbox.run(["cat"], input=input)

    def test_usually_there_is_nothing_to_read(self, sandbox):
        assert sandbox.run(["cat"]).stdout == b""
        assert sandbox.run(["cat"], input=b"").stdout == b""

    def test_mebibytes_go_in_and_out_at_the_same_time(self, sandbox):
        data = os.urandom(MIB) * 8
        assert sandbox.run(["cat"], input=data).stdout == data

    def test_input_that_nobody_reads_is_no_error(self, sandbox):
        assert sandbox.run(["true"], input=b"x" * MIB).success

    @pytest.mark.parametrize("stdin", [DEVNULL, 0], ids=["DEVNULL", "descriptor"])
    def test_input_and_stdin_exclude_each_other(self, sandbox, stdin):
        with pytest.raises(TypeError, match="stdin and input may not both be given"):
            sandbox.run(["cat"], input=b"", stdin=stdin)

    def test_a_pipe_that_nobody_would_write_to_is_a_mistake(self, sandbox):
        with pytest.raises(CommandError, match="stdin=PIPE is for popen"):
            sandbox.run(["cat"], stdin=PIPE)


class TestStreams:
    def test_outputs_are_collected_apart(self, sandbox):
        result = sandbox.run(says_both("out", "err"))
        assert (result.stdout, result.stderr) == (b"out", b"err")
        assert sandbox.run(says_both("out", "err"), stdout=PIPE, stderr=PIPE).stdout == b"out"

    def test_stderr_can_go_where_stdout_goes(self, sandbox):
        command = ["sh", "-c", "for i in 1 2; do echo $i; echo $i >&2; done"]
        result = sandbox.run(command, stderr=STDOUT)
        assert (result.stdout, result.stderr) == (b"1\n1\n2\n2\n", b"")

    def test_an_output_can_go_nowhere(self, sandbox):
        result = sandbox.run(says_both("out", "err"), stdout=DEVNULL)
        assert (result.stdout, result.stderr) == (b"", b"err")

    def test_outputs_can_be_those_of_this_process(self, sandbox, capfd):
        result = sandbox.run(says_both("out", "err"), stdout=INHERIT, stderr=INHERIT)
        assert (result.stdout, result.stderr) == (b"", b"")
        assert capfd.readouterr() == ("out", "err")

    def test_usually_nothing_of_this_process_is_written_to(self, sandbox, capfd):
        sandbox.run(says_both("out", "err"))
        assert capfd.readouterr() == ("", "")

    @pytest.mark.parametrize("shape", ["file", "descriptor"])
    def test_streams_can_be_files(self, sandbox, job, shape):
        (job / "in").write_bytes(b"out")
        with open(job / "in", "rb") as source, open(job / "out", "wb") as sink:
            given = (source, sink) if shape == "file" else (source.fileno(), sink.fileno())
            result = sandbox.run(["tee", "/dev/stderr"], stdin=given[0], stdout=given[1])
            assert not sink.closed
        assert (job / "out").read_bytes() == b"out"
        assert result.stdout == b""

    def test_a_stream_is_something_with_a_descriptor(self, sandbox):
        with pytest.raises(TypeError):
            sandbox.run(["true"], stdout="out")
        with pytest.raises(io.UnsupportedOperation):
            sandbox.run(["true"], stdout=io.BytesIO())

    @pytest.mark.parametrize("number", [-5, 1 << 40])
    def test_a_number_that_is_no_descriptor_is_a_mistake(self, sandbox, number):
        with pytest.raises(ValueError, match=str(number)):
            sandbox.run(["true"], stdout=number)

    @pytest.mark.parametrize("stream", ["stdin", "stdout"])
    def test_stderr_alone_can_follow_stdout(self, sandbox, stream):
        with pytest.raises(CommandError):
            sandbox.run(["true"], **{stream: STDOUT})

    def test_no_other_descriptor_is_inherited(self, sandbox):
        reading, writing = os.pipe()
        os.set_inheritable(writing, True)
        code = "import os, sys; os.fstat(int(sys.argv[1]))"
        try:
            result = sandbox.run(python(code, str(writing)))
            assert b"Bad file descriptor" in result.stderr
            assert sandbox.run(python(code, "2")).success
        finally:
            os.close(reading)
            os.close(writing)

    def test_what_is_beyond_the_limit_is_counted(self, sandbox):
        code = "import os; os.write(1, b'o' * 100); os.write(2, b'e' * 30)"
        result = sandbox.run(python(code), capture_limit=40)
        assert (result.stdout, result.stdout_dropped) == (b"o" * 40, 60)
        assert (result.stderr, result.stderr_dropped) == (b"e" * 30, 0)
        result = sandbox.run(python(code), capture_limit=0)
        assert (result.stdout, result.stdout_dropped, result.stderr_dropped) == (b"", 100, 30)

    @pytest.mark.parametrize("limit", [-1, 1 << 80])
    def test_a_limit_is_a_number_of_bytes(self, sandbox, limit):
        with pytest.raises(ValueError, match="capture_limit"):
            sandbox.run(["true"], capture_limit=limit)


class TestText:
    @pytest.mark.parametrize(
        ("keywords", "output"),
        [
            ({}, b"gr\xfcn"),
            ({"text": True}, "gr�n"),
            ({"encoding": "latin-1"}, "grün"),
            ({"errors": "ignore"}, "grn"),
            ({"errors": "surrogateescape"}, "gr\udcfcn"),
            ({"text": True, "encoding": "ascii", "errors": "backslashreplace"}, "gr\\xfcn"),
        ],
        ids=str,
    )
    def test_outputs_are_bytes_or_text(self, sandbox, keywords, output):
        result = sandbox.run(says_both(b"gr\xfcn", b"gr\xfcn"), **keywords)
        assert (result.stdout, result.stderr) == (output, output)

    def test_a_program_raises_unicode_errors_only_if_that_is_asked_for(self, sandbox):
        with pytest.raises(UnicodeDecodeError):
            sandbox.run(says_both(b"\xff", b""), errors="strict")

    def test_an_unknown_encoding_is_told(self, sandbox):
        with pytest.raises(LookupError, match="no-such"):
            sandbox.run(["true"], encoding="no-such")

    def test_input_is_encoded_likewise(self, sandbox):
        assert sandbox.run(["od", "-An", "-tx1"], input="ü", encoding="latin-1").stdout == " fc\n"
        with pytest.raises(UnicodeEncodeError):
            sandbox.run(["cat"], input="€", encoding="latin-1")


class TestCommand:
    def test_arguments_arrive_as_they_are(self, sandbox):
        arguments = ["", " ", "*", "$HOME", "a\nb", "ü", b"\xff\xfe", "\udcfd", Path("/a b")]
        code = "import os, sys; print([os.fsencode(one) for one in sys.argv[1:]])"
        result = sandbox.run(python(code, *arguments), check=True)
        assert eval(result.stdout) == [os.fsencode(one) for one in arguments]

    @pytest.mark.parametrize("program", ["/usr/bin/true", b"/usr/bin/true", Path("/usr/bin/true")])
    def test_a_program_is_a_path_of_any_type(self, sandbox, program):
        assert sandbox.run([program]).success

    @pytest.mark.parametrize("shape", [tuple, iter, list], ids=lambda shape: shape.__name__)
    def test_a_command_is_any_sequence_of_words(self, sandbox, shape):
        assert sandbox.run(shape(["echo", "hello"])).stdout == b"hello\n"

    @pytest.mark.parametrize("command", ["echo hello", b"true", Path("/usr/bin/true")], ids=str)
    def test_one_word_is_no_command(self, sandbox, command):
        with pytest.raises(TypeError, match="a command is a list of words"):
            sandbox.run(command)

    @pytest.mark.parametrize("command", [None, 3, ["sleep", 3], ["echo", None]], ids=str)
    def test_a_word_is_a_text(self, sandbox, command):
        with pytest.raises(TypeError):
            sandbox.run(command)

    def test_what_a_generator_raises_is_raised(self, sandbox):
        def words():
            yield "true"
            raise LookupError("mine")

        with pytest.raises(LookupError, match="mine"):
            sandbox.run(words())

    def test_keywords_are_checked(self, sandbox):
        with pytest.raises(TypeError, match="no_such"):
            sandbox.run(["true"], no_such=1)


class TestSurroundings:
    def test_env_is_the_whole_environment(self, sandbox, monkeypatch):
        monkeypatch.setenv("SANDLOCK_TEST", "here")
        assert b"SANDLOCK_TEST=here\n" in sandbox.run(["env"]).stdout
        assert sandbox.run(["env"], env={"A": "1", "B": b"\xff"}).stdout == b"A=1\nB=\xff\n"
        assert sandbox.run(["env"], env={b"A": "1"}).stdout == b"A=1\n"
        assert sandbox.run(["env"], env={}).stdout == b""

    def test_the_policy_adds_to_the_environment(self, policy):
        sandbox = Sandbox(policy, env={"A": "1", "B": "1"})
        assert set(sandbox.run(["env"], env={"B": "2", "C": "2"}).stdout.split()) >= {
            b"A=1",
            b"C=2",
        }

    def test_the_command_is_looked_for_in_its_own_path(self, policy, job):
        script = job / "own-command"
        script.write_text("#!/bin/sh\necho found\n")
        script.chmod(0o755)
        sandbox = Sandbox(policy, fs_readable=[job])
        with pytest.raises(sandlock.CommandNotFoundError):
            sandbox.run(["own-command"])
        assert sandbox.run(["own-command"], env={"PATH": str(job)}).stdout == b"found\n"

    @pytest.mark.parametrize("env", [["A=1"], "A=1", 3], ids=str)
    def test_an_environment_is_a_mapping(self, sandbox, env):
        with pytest.raises(TypeError):
            sandbox.run(["true"], env=env)

    @pytest.mark.parametrize(
        "env", [{"A=": "1"}, {"": "1"}, {"A": "a\0b"}, {"A\0": "1"}], ids=ascii
    )
    def test_what_no_environment_can_hold_is_a_mistake(self, sandbox, env):
        with pytest.raises(CommandError, match="variable"):
            sandbox.run(["true"], env=env)

    @pytest.mark.parametrize("shape", [str, os.fsencode, Path], ids=["str", "bytes", "Path"])
    def test_a_program_starts_in_cwd(self, policy, job, shape):
        sandbox = Sandbox(policy, fs_readable=[job])
        assert sandbox.run(["pwd"], cwd=shape(job), text=True).stdout == f"{job.resolve()}\n"

    def test_cwd_of_the_run_comes_before_the_one_of_the_policy(self, policy):
        sandbox = Sandbox(policy, cwd="/usr")
        assert sandbox.run(["pwd", "-P"]).stdout == b"/usr\n"
        assert sandbox.run(["pwd", "-P"], cwd="/usr/bin").stdout == b"/usr/bin\n"

    def test_a_cwd_that_is_none_is_told(self, sandbox, job):
        with pytest.raises(CommandError, match="cannot start in"):
            sandbox.run(["true"], cwd=job / "missing")

    def test_the_program_has_a_session_of_its_own_without_a_terminal(self, sandbox):
        code = "import os; print(os.getsid(0) == os.getpid())"
        assert sandbox.run(python(code)).stdout == b"True\n"


class TestEnd:
    @pytest.mark.parametrize("code", [0, 1, 42, 255])
    def test_an_exit_code_is_told(self, sandbox, code):
        result = sandbox.run(["sh", "-c", f"exit {code}"])
        assert (result.reason, result.exit_code, result.signal) == ("exited", code, None)
        assert (result.success, result.returncode) == (code == 0, code)

    @pytest.mark.parametrize("name", ["SIGTERM", "SIGKILL", "SIGSEGV"])
    def test_a_signal_is_told(self, sandbox, name):
        number = getattr(signal, name)
        result = sandbox.run(python(f"import os, signal; os.kill(os.getpid(), signal.{name})"))
        assert (result.reason, result.exit_code, result.signal) == ("signaled", None, number)
        assert (result.success, result.returncode) == (False, -number)

    def test_check_raises_what_the_end_was(self, sandbox):
        assert sandbox.run(["true"], check=True).success
        with pytest.raises(sandlock.ExitError, match="exited with 1") as raised:
            sandbox.run(["false"], check=True)
        assert raised.value.result.exit_code == 1
        with pytest.raises(sandlock.ExitError, match="signal 9"):
            sandbox.run(["sh", "-c", "kill -9 $$"], check=True)

    def test_a_result_can_be_checked_later(self, sandbox):
        result = sandbox.run(["false"])
        with pytest.raises(sandlock.ExitError) as raised:
            result.check()
        assert raised.value.result is result
        assert sandbox.run(["true"]).check() is None

    @pytest.mark.parametrize(
        "timeout", [0.3, datetime.timedelta(milliseconds=300)], ids=["seconds", "timedelta"]
    )
    def test_a_timeout_ends_the_tree(self, sandbox, timeout):
        result = sandbox.run(["sh", "-c", "sleep 60 & echo $!; wait"], timeout=timeout)
        assert (result.reason, result.exit_code, result.signal) == ("timeout", None, signal.SIGKILL)
        assert 0.3 <= result.usage.wall < 20
        assert not is_there(int(result.stdout))

    def test_a_timeout_of_the_run_comes_before_the_one_of_the_policy(self, policy):
        sandbox = Sandbox(policy, timeout=0.2)
        assert sandbox.run(["sleep", "60"]).reason == "timeout"
        assert sandbox.run(["sleep", "0.4"], timeout=60).reason == "exited"
        assert sandbox.run(["sleep", "0.4"], timeout=float("inf")).reason == "exited"

    @pytest.mark.parametrize("timeout", [0, -1, float("nan"), 0.0], ids=str)
    def test_a_timeout_that_is_none_is_a_mistake(self, sandbox, timeout):
        with pytest.raises(ValueError):
            sandbox.run(["true"], timeout=timeout)

    @pytest.mark.parametrize("timeout", ["3", object()], ids=["str", "object"])
    def test_a_timeout_is_a_number_of_seconds(self, sandbox, timeout):
        with pytest.raises(TypeError, match="timeout"):
            sandbox.run(["true"], timeout=timeout)

    def test_what_the_program_left_running_is_killed(self, sandbox):
        code = """
            import os, signal
            reading, writing = os.pipe()
            if os.fork() == 0:
                os.setsid()
                os.write(writing, b"%d" % os.getpid())
                signal.pause()
            print(os.read(reading, 99).decode())
        """
        result = sandbox.run(python(textwrap.dedent(code)), check=True)
        assert not is_there(int(result.stdout))

    @pytest.mark.parametrize("name", ["SIGPIPE", "SIGTERM", "SIGINT"])
    def test_signals_are_as_they_are_by_default(self, sandbox, name):
        # Python ignores SIGPIPE and takes SIGINT; neither is to be seen inside.
        result = sandbox.run(["sh", "-c", f"kill -{name[3:]} $$; echo survived"])
        assert (result.signal, result.stdout) == (getattr(signal, name), b"")


class TestSignals:
    """Signals that come to this process while it waits."""

    @pytest.fixture(autouse=True)
    def _in_the_main_thread(self):
        assert threading.current_thread() is threading.main_thread()

    @pytest.fixture
    def started(self, job):
        """A command that says in a file that it has started, and never ends."""
        code = "import os, sys, signal, time\nopen(sys.argv[1], 'w').write(f'{os.getpid()}\\n')\n"
        return Started(python(code + "signal.pause()", str(job / "pid")), job / "pid")

    def test_a_keyboard_interrupt_ends_the_tree_and_goes_on(self, writing, started):
        with started.sends(signal.SIGINT), pytest.raises(KeyboardInterrupt):
            writing.run(started.command)
        assert not is_there(started.pid)

    def test_what_a_signal_handler_raises_ends_the_tree_and_goes_on(
        self, writing, started, handled
    ):
        handled(signal.SIGUSR1, raises=LookupError("mine"))
        with started.sends(signal.SIGUSR1), pytest.raises(LookupError, match="mine"):
            writing.run(started.command)
        assert not is_there(started.pid)

    def test_a_signal_handler_that_raises_nothing_changes_nothing(self, writing, started, handled):
        calls = handled(signal.SIGUSR1)
        with started.sends(signal.SIGUSR1, then=lambda: until(lambda: calls) and started.kill()):
            result = writing.run(started.command)
        assert result.signal == signal.SIGKILL
        assert calls == [signal.SIGUSR1]

    def test_a_sandbox_runs_again_behind_an_interrupt(self, writing, started):
        with started.sends(signal.SIGINT), pytest.raises(KeyboardInterrupt):
            writing.run(started.command)
        assert writing.run(["echo", "again"]).stdout == b"again\n"

    def test_run_interactive_is_interrupted_likewise(self, writing, started):
        with started.sends(signal.SIGINT), pytest.raises(KeyboardInterrupt):
            writing.run_interactive(started.command)
        assert not is_there(started.pid)

    @pytest.fixture
    def handled(self):
        """Installs signal handlers that note what came; and takes them away again."""
        before = {}
        calls = []

        def install(number, raises=None):
            def handler(number, frame):
                calls.append(number)
                if raises is not None:
                    raise raises

            before[number] = signal.signal(number, handler)
            return calls

        yield install
        for number, handler in before.items():
            signal.signal(number, handler)


class Started:
    def __init__(self, command, file):
        self.command = command
        self.file = file

    @property
    def pid(self):
        return int(self.file.read_text())

    def has_begun(self):
        return self.file.exists() and self.file.read_text()

    def kill(self):
        os.kill(self.pid, signal.SIGKILL)

    def sends(self, number, then=lambda: None):
        """Sends this process a signal when the command has started."""
        return Sending(self, number, then)


class Sending:
    def __init__(self, started, number, then):
        def send():
            until(lambda: self.gives_up or started.has_begun())
            if not self.gives_up:
                os.kill(os.getpid(), number)
                then()

        self.gives_up = False
        self.thread = threading.Thread(target=send)

    def __enter__(self):
        self.thread.start()

    def __exit__(self, *_):
        self.gives_up = True
        self.thread.join()


class TestThreads:
    def test_other_threads_run_meanwhile(self, policy, job):
        # The program ends when another thread has done something.
        sandbox = Sandbox(policy, fs_readable=[job])
        code = "import os, sys\nwhile not os.path.exists(sys.argv[1]): pass"
        running = threading.Event()

        def work():
            running.wait()
            (job / "done").touch()

        thread = threading.Thread(target=work)
        thread.start()
        running.set()
        assert sandbox.run(python(code, str(job / "done")), timeout=30).success
        thread.join()

    def test_one_sandbox_runs_in_many_threads_at_once(self, sandbox):
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            results = pool.map(lambda n: sandbox.run(["echo", str(n)], text=True).stdout, range(40))
            assert list(results) == [f"{n}\n" for n in range(40)]

    def test_a_run_in_a_thread_does_not_need_the_main_thread(self, sandbox):
        results = []
        thread = threading.Thread(target=lambda: results.append(sandbox.run(["true"])))
        thread.start()
        thread.join()
        assert results[0].success


class TestTold:
    """Usage, enforcement, and the result as a value."""

    def test_usage_is_what_the_tree_used(self, sandbox):
        code = "import time\nwhile time.process_time() < 0.2: pass"
        usage = sandbox.run(python(code)).usage
        assert usage.user + usage.system >= 0.2
        assert usage.wall >= 0.19
        assert sandbox.run(["true"]).usage.user < 0.2

    def test_peak_memory_is_in_bytes(self, sandbox):
        used = sandbox.run(python("x = b'x' * (400 << 20)")).usage.peak_memory
        assert 400 * MIB < used < 600 * MIB

    def test_enforcement_is_the_one_of_the_sandbox(self, sandbox):
        result = sandbox.run(["true"])
        assert result.enforcement == sandbox.enforcement
        assert result.enforcement.landlock_abi >= 1
        assert "fs_refer" in result.enforcement.enforced
        assert (result.enforcement.degraded, result.enforcement.weakened) == ((), ())

    def test_enforcement_lists_what_the_policy_weakens(self, policy):
        sandbox = Sandbox(policy, allow_syscalls=["ptrace"], protections={"fs_refer": "off"})
        enforcement = sandbox.run(["true"]).enforcement
        assert len(enforcement.weakened) == 2
        assert "fs_refer" not in enforcement.enforced

    def test_a_result_is_a_value(self, sandbox):
        result = sandbox.run(says_both("out", "err"))
        for other in (pickle.loads(pickle.dumps(result)), copy.copy(result), copy.deepcopy(result)):
            assert other == result
            assert other.usage == result.usage
            assert other.enforcement == result.enforcement
        assert result != sandbox.run(says_both("out", "other"))
        assert result != 3
        with pytest.raises(AttributeError):
            result.stdout = b""
        with pytest.raises(TypeError, match="hash"):
            hash(result)

    def test_its_repr_is_short(self, sandbox):
        assert repr(sandbox.run(["echo", "hello"])) == (
            "<Result exited exit_code=0 stdout=b'hello\\n' stderr=b''>"
        )
        assert len(repr(sandbox.run(["cat"], input=b"x" * MIB))) < 1000

    def test_a_sandbox_says_what_it_is(self, policy):
        assert repr(Sandbox(policy, name="mine")).startswith("<Sandbox 'mine' Policy(fs_readable=")
        assert Sandbox(policy, name="mine").name == "mine"
        assert Sandbox(policy).name is None


class TestRefusals:
    """What the policy does not grant is refused, and what it grants is not."""

    def test_a_file_outside_cannot_be_read(self, policy, sandbox, job):
        (job / "secret").write_text("told")
        command = ["cat", job / "secret"]
        assert b"Permission denied" in sandbox.run(command).stderr
        assert Sandbox(policy, fs_readable=[job]).run(command).stdout == b"told"
        assert Sandbox(policy, fs_readable_if_exists=[job]).run(command).stdout == b"told"

    def test_a_file_that_can_be_read_cannot_be_written(self, policy, writing, job):
        command = ["sh", "-c", 'echo changed >"$0"', job / "file"]
        result = Sandbox(policy, fs_readable=[job]).run(command)
        assert b"Permission denied" in result.stderr
        assert not (job / "file").exists()
        assert writing.run(command).success
        assert (job / "file").read_text() == "changed\n"

    def test_grants_are_resolved_when_the_sandbox_is_made(self, policy, job):
        (job / "granted").mkdir()
        (job / "granted" / "file").write_text("told")
        sandbox = Sandbox(policy, fs_readable=[job / "granted"])
        (job / "granted").rename(job / "moved")
        assert sandbox.run(["cat", job / "moved" / "file"]).stdout == b"told"

    def test_the_network_is_refused(self, policy, sandbox):
        code = "import socket, sys; socket.create_connection(('127.0.0.1', int(sys.argv[1])))"
        with Listening() as port:
            command = python(code, str(port))
            assert b"PermissionError" in sandbox.run(command).stderr
            assert Sandbox(policy, net_allow=[f"tcp://:{port}"]).run(command).success
            assert not Sandbox(policy, net_allow=[f"tcp://:{port ^ 1}"]).run(command).success
            assert Sandbox(policy, net_allow=["*"]).run(command).success

    def test_unix_sockets_are_refused(self, policy, sandbox, job):
        path = os.path.relpath(job / "socket")
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(str(job / "socket"))
            server.listen()
            code = "import socket, sys; socket.socket(socket.AF_UNIX).connect(sys.argv[1])"
            command = python(code, path)
            assert b"PermissionError" in sandbox.run(command).stderr
            assert Sandbox(policy, net_unix=["*"]).run(command).success

    def test_a_call_of_the_base_deny_list_is_refused(self, policy, sandbox):
        code = "import ctypes; libc = ctypes.CDLL(None); raise SystemExit(-libc.ptrace(0, 0, 0, 0))"
        assert sandbox.run(python(code)).exit_code == 1
        assert Sandbox(policy, allow_syscalls=["ptrace"]).run(python(code)).exit_code == 0

    def test_a_call_that_the_policy_denies_is_refused(self, policy, writing, job):
        (job / "file").touch(mode=0o600)
        denying = Sandbox(writing.policy, deny_syscalls=["@file-metadata"])
        command = ["chmod", "644", job / "file"]
        assert b"Operation not permitted" in denying.run(command).stderr
        assert stat.S_IMODE((job / "file").stat().st_mode) == 0o600
        assert writing.run(command).success
        assert stat.S_IMODE((job / "file").stat().st_mode) == 0o644

    def test_a_process_outside_cannot_be_signalled(self, policy, sandbox):
        command = python("import os, sys; os.kill(int(sys.argv[1]), 0)", str(os.getpid()))
        assert b"PermissionError" in sandbox.run(command).stderr
        weaker = Sandbox(policy, protections={"signal_scope": "off"})
        assert weaker.run(command).success

    def test_descriptors_are_limited(self, policy, sandbox):
        code = "import os; [os.dup(0) for _ in range(60)]"
        assert sandbox.run(python(code)).success
        assert b"Too many open files" in Sandbox(policy, max_open_files=50).run(python(code)).stderr

    def test_files_are_limited(self, writing, job):
        limited = Sandbox(writing.policy, max_file_size="64K")
        command = python("import sys; open(sys.argv[1], 'wb').write(bytes(1 << 17))", job / "file")
        assert b"File too large" in limited.run(command).stderr
        assert (job / "file").stat().st_size == 1 << 16
        assert writing.run(command).success

    @pytest.mark.needs("root")
    def test_capabilities_do_not_survive(self, writing, job):
        (job / "file").touch()
        keeping = Sandbox(writing.policy, keep_capabilities=["chown"])
        command = ["chown", "12345", job / "file"]
        assert b"Operation not permitted" in writing.run(command).stderr
        assert keeping.run(command).success
        assert (job / "file").stat().st_uid == 12345

    def test_no_program_gives_new_privileges(self, sandbox):
        code = "import ctypes; print(ctypes.CDLL(None).prctl(39, 0, 0, 0, 0))"
        assert sandbox.run(python(code)).stdout == b"1\n"

    def test_an_empty_policy_runs_nothing(self, sandbox):
        with pytest.raises(sandlock.CannotExecuteError):
            Sandbox().run([PYTHON, "-V"])
        assert sandbox.run([PYTHON, "-V"]).success


class Listening:
    """A TCP port of this machine that accepts connections."""

    def __enter__(self) -> int:
        self.socket = socket.create_server(("127.0.0.1", 0))
        return self.socket.getsockname()[1]

    def __exit__(self, *_):
        self.socket.close()


class TestInteractive:
    def test_the_program_has_the_descriptors_of_this_process(self, sandbox, capfd):
        assert sandbox.run_interactive(says_both("out", "err")) == 0
        assert capfd.readouterr() == ("out", "err")

    def test_its_exit_code_is_returned(self, sandbox):
        assert sandbox.run_interactive(["sh", "-c", "exit 3"]) == 3
        assert sandbox.run_interactive(["sh", "-c", "kill -9 $$"]) == -9
        assert sandbox.run_interactive(["sleep", "60"], timeout=0.2) == -9

    def test_env_and_cwd_are_as_of_run(self, sandbox, capfd):
        command = ["sh", "-c", "pwd -P; env"]
        assert sandbox.run_interactive(command, env={"A": "1"}, cwd="/usr") == 0
        out = capfd.readouterr().out
        assert out.startswith("/usr\n")
        assert "A=1\n" in out and "HOME" not in out

    def test_mistakes_are_as_of_run(self, sandbox):
        with pytest.raises(sandlock.CommandNotFoundError):
            sandbox.run_interactive(["no-such-command"])
        with pytest.raises(TypeError, match="input"):
            sandbox.run_interactive(["true"], input=b"")
