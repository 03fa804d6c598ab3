"""The command: `python -m sandlock`, and the script that the package installs.

They are the command of the crate, whose own tests say what it does; here is what Python could
change about it.
"""

import json
import os
import pty
import signal
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
from guests import python

import sandlock

GRANTS = ["--fs-read", "/usr", "--fs-read-if-exists", "/lib", "--fs-read-if-exists", "/lib64"]
SCRIPT = str(Path(sysconfig.get_path("scripts"), "sandlock"))


@pytest.fixture(params=["module", "script"])
def command(request):
    return [sys.executable, "-m", "sandlock"] if request.param == "module" else [SCRIPT]


@pytest.fixture
def ended(command):
    """Runs the command, and gives back how it ended."""

    def run(*arguments, **options):
        options = {"stdin": subprocess.DEVNULL, "cwd": "/", **options}
        return subprocess.run([*command, *arguments], capture_output=True, timeout=50, **options)

    return run


@pytest.fixture
def ran(ended):
    """Runs a program by the command."""
    return lambda *program, flags=(), **options: ended(
        "run", *GRANTS, *flags, "--", *program, **options
    )


class TestRun:
    def test_output_and_input_are_the_callers(self, ran):
        result = ran("sh", "-c", "cat; echo err >&2", stdin=None, input=b"hello\n")
        assert (result.returncode, result.stdout, result.stderr) == (0, b"hello\n", b"err\n")

    @pytest.mark.parametrize("code", [0, 1, 42, 255])
    def test_the_programs_status_is_passed_on(self, ran, code):
        assert ran("sh", "-c", f"exit {code}").returncode == code

    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL, signal.SIGPIPE])
    def test_a_signal_is_128_and_its_number(self, ran, number):
        assert ran("sh", "-c", f"kill -{int(number)} $$").returncode == 128 + number

    def test_a_timeout_is_124(self, ran):
        assert ran("sleep", "60", flags=["--timeout", "0.2"]).returncode == 124

    def test_what_sandlock_itself_cannot_do_is_125(self, ran):
        result = ran("true", flags=["--fs-read", "/no/such"])
        assert result.returncode == 125
        assert result.stderr.startswith(b"sandlock: ") and result.stderr.count(b"\n") == 1

    def test_what_cannot_be_executed_is_126(self, ran, ended):
        assert ran("/etc/passwd").returncode == 126
        result = ended("run", "--", "true")
        assert result.returncode == 126
        assert b"fs.read: does not cover /usr/bin/true" in result.stderr

    def test_what_does_not_exist_is_127(self, ran):
        result = ran("no-such-command")
        assert (result.returncode, result.stdout) == (127, b"")
        assert result.stderr.startswith(b'sandlock: command not found: "no-such-command"')

    def test_the_policy_holds(self, ran):
        assert b"Permission denied" in ran("cat", "/etc/passwd").stderr
        assert ran("cat", "/etc/passwd", flags=["--fs-read", "/etc"]).returncode == 0

    def test_arguments_are_bytes(self, ran):
        code = "import os, sys; print([os.fsencode(word) for word in sys.argv[1:]])"
        words = [b"\xff\xfe", "ü", "", "--flag", "a b"]
        assert eval(ran(*python(code, *words)).stdout) == [os.fsencode(word) for word in words]

    def test_a_status_is_told_to_a_descriptor(self, ran):
        reading, writing = os.pipe()
        with open(reading, "rb") as told:
            flags = ["--status-fd", str(writing)]
            ran("sh", "-c", "exit 3", flags=flags, pass_fds=[writing], cwd="/")
            os.close(writing)
            status = json.loads(told.read())
        assert (status["exit_code"], status["reason"]) == (3, "exited")

    def test_nothing_of_python_is_inherited(self, ran):
        # Neither a descriptor, nor that Python ignores SIGPIPE.
        code = """
import os, signal
for number in range(3, 100):
    try:
        os.fstat(number)
        print("descriptor", number)
    except OSError:
        pass
print(open("/proc/self/status").read().partition("SigIgn:")[2].split()[0])
"""
        result = ran(*python(code), flags=["--fs-read", "/proc"])
        # Python itself ignores these two when it starts. Above 31 are those of libc.
        ignored = [number for number in range(1, 32) if int(result.stdout, 16) >> (number - 1) & 1]
        assert ignored == [signal.SIGPIPE, signal.SIGXFSZ]

    @pytest.mark.parametrize("more", [{}, {"LC_ALL": "C"}, {"LC_CTYPE": "C"}, {"LANG": "C.UTF-8"}])
    def test_the_environment_is_the_callers(self, ran, more):
        env = {"PATH": "/usr/bin", "A": "1", **more}
        listed = ran("env", env=env).stdout.decode().splitlines()
        assert sorted(listed) == sorted(f"{name}={value}" for name, value in env.items())


class TestOthers:
    def test_versions_are_those_of_the_package(self, ended):
        result = ended("--version")
        assert result.stdout.decode() == f"sandlock {sandlock.__version__}\n"

    @pytest.mark.parametrize("words", [["--help"], ["help"], ["run", "--help"]], ids=str)
    def test_help_is_a_result(self, ended, words):
        result = ended(*words)
        assert (result.returncode, result.stderr) == (0, b"")
        assert b"Usage: sandlock" in result.stdout

    def test_a_policy_is_explained(self, ended):
        result = ended("explain", "--fs-read", "/no/such")
        assert result.returncode == 0
        assert b"grant read /no/such" in result.stdout

    def test_a_kernel_is_checked(self, ended):
        result = ended("check")
        assert result.returncode == (0 if sandlock.check()["enforced_in_full"] else 1)
        assert b"landlock_abi" in result.stdout

    @pytest.mark.parametrize(
        "words",
        [[], ["--no-such"], ["no-such"], ["run"], ["run", "--no-such", "true"], ["explain", "x"]],
        ids=str,
    )
    def test_usage_errors_are_one_line_and_125(self, ended, words):
        result = ended(*words)
        assert (result.returncode, result.stdout) == (125, b"")
        assert result.stderr.startswith(b"sandlock: ")
        assert result.stderr.count(b"\n") == 1

    def test_a_reader_that_went_away_is_no_error(self, command):
        reading, writing = os.pipe()
        os.close(reading)
        result = subprocess.run(
            [*command, "check"], stdout=writing, stderr=subprocess.PIPE, cwd="/"
        )
        os.close(writing)
        assert (result.returncode, result.stderr) == (0, b"")

    @pytest.mark.parametrize("number", [0, 1, 2])
    def test_a_descriptor_that_is_closed_is_none_that_is_opened_next(self, ran, number):
        code = """
import os, sys
if os.fstat(int(sys.argv[1])).st_rdev != os.stat("/dev/null").st_rdev:
    sys.exit(3)
"""
        flags = ["--fs-read", "/dev/null"]
        command = python(code, str(number))
        assert ran(*command, flags=flags, preexec_fn=lambda: os.close(number)).returncode == 0


class TestInterrupts:
    def started(self, command, *words, **options):
        process = subprocess.Popen(
            [*command, "run", *GRANTS, "--", *words], stdout=subprocess.PIPE, cwd="/", **options
        )
        assert process.stdout.readline() == b"ready\n"
        return process

    def test_an_interrupt_ends_program_and_command(self, command):
        sleep = ["sh", "-c", "echo ready; exec sleep 60"]
        options = {"stderr": subprocess.PIPE, "start_new_session": True}
        process = self.started(command, *sleep, **options)
        os.killpg(process.pid, signal.SIGINT)
        _, stderr = process.communicate(timeout=30)
        assert process.returncode in (-signal.SIGINT, 128 + signal.SIGINT)
        assert b"sandlock" not in stderr

    def test_a_program_may_survive_an_interrupt(self, command):
        script = "trap 'echo caught; exit 7' INT; echo ready; while :; do sleep 0.05; done"
        process = self.started(command, "sh", "-c", script)
        process.send_signal(signal.SIGINT)
        stdout, _ = process.communicate(timeout=30)
        assert (process.returncode, stdout) == (7, b"caught\n")

    def test_a_request_to_end_is_passed_on(self, command):
        script = "trap 'exit 8' TERM; echo ready; while :; do sleep 0.05; done"
        process = self.started(command, "sh", "-c", script)
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 8
        process.stdout.close()

    @pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")
    def test_ctrl_c_at_a_terminal_ends_both(self, command):
        pid, terminal = pty.fork()
        if pid == 0:
            os.chdir("/")
            words = [*command, "run", *GRANTS, "--", "sh", "-c", "echo ready; exec sleep 60"]
            os.execv(words[0], words)
        shown = os.read(terminal, 99)
        assert shown.strip() == b"ready"
        os.write(terminal, b"\x03")
        _, status = os.waitpid(pid, 0)
        os.close(terminal)
        assert os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGINT


def test_the_script_does_not_need_the_environment_of_a_shell():
    result = subprocess.run([SCRIPT, "--version"], env={}, cwd="/", capture_output=True)
    assert result.returncode == 0


def test_the_function_behind_the_script_leaves_the_caller_its_signal_handler():
    code = """
import signal, sys, sandlock.__main__
signal.signal(signal.SIGINT, lambda *_: None)
sys.argv = ["x", "--version"]
handler = signal.getsignal(signal.SIGINT)
assert sandlock.__main__.main() == 0
assert signal.getsignal(signal.SIGINT) is handler
"""
    assert subprocess.run([sys.executable, "-c", code], cwd="/").returncode == 0
