"""Process: a program under way, as Sandbox.popen() returns it."""

import contextlib
import datetime
import errno
import gc
import os
import re
import select
import signal
import sys
import threading
import time
from pathlib import Path

import pytest
from guests import python
from waiting import is_there, until

import sandlock
from sandlock import DEVNULL, INHERIT, PIPE, STDOUT, Sandbox, TimeoutExpired

MIB = 1 << 20
SLEEP = ["sleep", "60"]
# Says that it is there, and runs until a signal comes.
READY = python("import signal; print('ready', flush=True); signal.pause()")
# Starts two more processes and says so; runs until what it reads ends.
FAMILY = ["sh", "-c", "sleep 60 & sleep 61 & echo ready; read line"]


@pytest.fixture
def ready(sandbox):
    """A program that is known to run."""
    with running(sandbox, READY) as process:
        yield process


@pytest.fixture
def family(sandbox):
    """A program with two children, all of which are known to run."""
    with running(sandbox, FAMILY, stdin=PIPE) as process:
        commands = {("sleep", "60"), ("sleep", "61")}
        until(lambda: commands <= {one.command for one in process.processes()})
        yield process


@contextlib.contextmanager
def running(sandbox, command, **keywords):
    process = sandbox.popen(command, stdout=PIPE, **keywords)
    try:
        assert process.stdout.readline() == b"ready\n"
        yield process
    finally:
        process.kill()
        with process:
            pass


def state_of(pid: int) -> str:
    """The letter of proc(5): T where it is stopped."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


class TestStreams:
    def test_usually_nothing_is_read_and_outputs_are_in_the_result(self, sandbox):
        process = sandbox.popen(["sh", "-c", "cat; echo out; echo err >&2"])
        assert (process.stdin, process.stdout, process.stderr) == (None, None, None)
        result = process.wait()
        assert (result.stdout, result.stderr) == (b"out\n", b"err\n")

    def test_pipes_are_attributes(self, sandbox):
        command = ["sh", "-c", "read line; echo got $line; echo err >&2"]
        with sandbox.popen(command, stdin=PIPE, stdout=PIPE, stderr=PIPE) as process:
            process.stdin.write(b"hello\n")
            process.stdin.flush()
            assert process.stdout.readline() == b"got hello\n"
            assert process.stderr.read() == b"err\n"
        assert process.wait().stdout == b""

    def test_pipes_can_be_of_text(self, sandbox):
        with sandbox.popen(["cat"], stdin=PIPE, stdout=PIPE, text=True) as process:
            print("grün", file=process.stdin, flush=True)
            assert process.stdout.readline() == "grün\n"

    def test_text_that_is_none_is_replaced(self, sandbox):
        with sandbox.popen(["printf", r"\377"], stdout=PIPE, text=True) as process:
            assert process.stdout.read() == "�"
        with sandbox.popen(["printf", r"\377"], stdout=PIPE, encoding="latin-1") as process:
            assert process.stdout.read() == "ÿ"
        assert sandbox.popen(["printf", r"\377"], text=True).wait().stdout == "�"

    def test_text_is_the_same_in_whatever_way_it_is_read(self, sandbox):
        command = ["printf", r"a\r\nb\rc\n"]
        with sandbox.popen(command, stdout=PIPE, text=True) as process:
            read = process.stdout.read()
        communicated, _ = sandbox.popen(command, stdout=PIPE, text=True).communicate()
        assert read == communicated == sandbox.run(command, text=True).stdout

    def test_stderr_can_go_where_stdout_goes(self, sandbox):
        command = ["sh", "-c", "echo 1; echo 2 >&2; echo 3"]
        with sandbox.popen(command, stdout=PIPE, stderr=STDOUT) as process:
            assert process.stdout.read() == b"1\n2\n3\n"
        assert sandbox.popen(command, stderr=STDOUT).wait().stdout == b"1\n2\n3\n"

    def test_outputs_can_be_those_of_this_process_or_go_nowhere(self, sandbox, capfd):
        command = ["sh", "-c", "echo out; echo err >&2"]
        result = sandbox.popen(command, stdout=INHERIT, stderr=DEVNULL).wait()
        assert (result.stdout, result.stderr) == (b"", b"")
        assert capfd.readouterr() == ("out\n", "")

    def test_streams_can_be_files_and_descriptors(self, sandbox, job):
        with open(job / "out", "wb") as sink, open("/dev/null", "rb") as source:
            assert sandbox.popen(["echo", "out"], stdin=source, stdout=sink.fileno()).wait().success
        assert (job / "out").read_bytes() == b"out\n"

    def test_a_pipe_leads_from_one_program_to_the_next(self, sandbox):
        first = sandbox.popen(["printf", r"b\na\n"], stdout=PIPE)
        second = sandbox.popen(["sort"], stdin=first.stdout, stdout=PIPE)
        first.stdout.close()
        assert second.communicate() == (b"a\nb\n", None)
        assert first.wait().success

    def test_a_stream_keeps_the_tree_alive(self, sandbox):
        stream = sandbox.popen(["sh", "-c", "echo one; echo two"], stdout=PIPE).stdout
        gc.collect()
        assert stream.read() == b"one\ntwo\n"
        stream.close()

    def test_a_program_that_reads_no_more_is_told_to_who_writes(self, sandbox):
        with sandbox.popen(["true"], stdin=PIPE) as process:
            process.wait()
            with pytest.raises(BrokenPipeError):
                process.stdin.write(b"x")
                process.stdin.flush()

    def test_what_is_collected_is_limited(self, sandbox):
        process = sandbox.popen(["printf", "%0100d", "0"], capture_limit=40)
        assert (process.wait().stdout_dropped, len(process.wait().stdout)) == (60, 40)

    def test_input_is_for_communicate(self, sandbox):
        with pytest.raises(TypeError, match="input"):
            sandbox.popen(["cat"], input=b"")

    def test_mistakes_are_told_before_anything_runs(self, sandbox):
        with pytest.raises(sandlock.CommandNotFoundError):
            sandbox.popen(["no-such-command"])
        with pytest.raises(sandlock.CannotExecuteError):
            Sandbox().popen(["true"])


class TestCommunicate:
    def test_mebibytes_go_both_ways(self, sandbox):
        data = os.urandom(MIB) * 6
        process = sandbox.popen(["tee", "/dev/stderr"], stdin=PIPE, stdout=PIPE, stderr=PIPE)
        assert process.communicate(data) == (data, data)
        assert process.wait().success

    def test_text_goes_both_ways(self, sandbox):
        process = sandbox.popen(["cat"], stdin=PIPE, stdout=PIPE, text=True)
        assert process.communicate("grün\n") == ("grün\n", None)

    @pytest.mark.parametrize("text", [False, True], ids=["bytes", "text"])
    def test_what_is_written_before_comes_first(self, sandbox, text):
        a, b, both = ("a", "b", "ab") if text else (b"a", b"b", b"ab")
        process = sandbox.popen(["cat"], stdin=PIPE, stdout=PIPE, text=text)
        process.stdin.write(a)
        assert process.communicate(b) == (both, None)

    def test_input_is_what_run_takes(self, sandbox):
        def communicate(input, text):
            process = sandbox.popen(["cat"], stdin=PIPE, stdout=PIPE, text=text)
            with process:
                return process.communicate(input)[0]

        for input, text in [(b"x", False), (bytearray(b"x"), False), ("x", True), (b"x", True)]:
            assert communicate(input, text) == sandbox.run(["cat"], input=input, text=text).stdout
        with pytest.raises(TypeError):
            communicate("x", False)

    def test_without_input_the_program_reads_nothing(self, sandbox):
        assert sandbox.popen(["cat"], stdin=PIPE, stdout=PIPE).communicate() == (b"", None)

    def test_without_pipes_it_waits(self, sandbox):
        process = sandbox.popen(["echo", "out"])
        assert process.communicate() == (None, None)
        assert process.poll().stdout == b"out\n"

    def test_a_program_that_does_not_read_is_no_error(self, sandbox):
        process = sandbox.popen(["echo", "out"], stdin=PIPE, stdout=PIPE)
        assert process.communicate(b"x" * MIB) == (b"out\n", None)

    @pytest.mark.parametrize(
        "timeout", [0.1, datetime.timedelta(milliseconds=100)], ids=["seconds", "timedelta"]
    )
    def test_a_timeout_loses_nothing(self, sandbox, timeout):
        command = ["sh", "-c", "echo one; read line; echo $line; cat"]
        process = sandbox.popen(command, stdin=PIPE, stdout=PIPE)
        blocked = b"x" * MIB
        # What is read first cannot all be written while nobody reads the rest.
        process.pause()
        with pytest.raises(TimeoutExpired):
            process.communicate(b"two\n" + blocked, timeout=timeout)
        process.resume()
        assert process.communicate() == (b"one\ntwo\n" + blocked, None)

    def test_a_timeout_is_one_where_the_outputs_are_closed_too(self, sandbox):
        code = "import os, signal; print('ready', flush=True); os.close(1); signal.pause()"
        with running(sandbox, python(code)) as process, pytest.raises(TimeoutExpired):
            process.communicate(timeout=0.3)

    def test_a_second_call_gives_the_same(self, sandbox):
        process = sandbox.popen(["echo", "out"], stdout=PIPE)
        assert process.communicate() == process.communicate() == (b"out\n", None)

    def test_input_needs_a_pipe_and_is_given_once(self, sandbox):
        process = sandbox.popen(["cat"])
        with pytest.raises(ValueError, match="stdin=PIPE"):
            process.communicate(b"x")
        process = sandbox.popen(["cat"], stdin=PIPE)
        process.communicate(b"x")
        with pytest.raises(ValueError, match="first"):
            process.communicate(b"x")


class TestWaiting:
    def test_a_program_under_way_has_no_result(self, ready):
        assert ready.poll() is None
        assert ready.returncode is None
        assert repr(ready) == f"<Process {ready.pid}: under way>"
        assert is_there(ready.pid)

    def test_a_program_that_ended_always_has_the_same_result(self, sandbox):
        process = sandbox.popen(["sh", "-c", "echo out; exit 3"])
        result = process.wait()
        assert (result.exit_code, result.stdout) == (3, b"out\n")
        assert process.wait() is result
        assert process.poll() is result
        assert process.returncode == 3
        assert not is_there(process.pid)
        assert "exit_code=3" in repr(process)

    @pytest.mark.parametrize("timeout", [0, 0.05, datetime.timedelta(milliseconds=50)], ids=str)
    def test_waiting_can_end_before_the_program_does(self, ready, timeout):
        begin = time.monotonic()
        with pytest.raises(TimeoutExpired) as raised:
            ready.wait(timeout)
        assert time.monotonic() - begin >= 0.05 or timeout == 0
        assert raised.value.result is None
        assert ready.poll() is None

    @pytest.mark.parametrize("timeout", [-1, float("nan"), "3"], ids=str)
    def test_a_time_that_is_none_is_a_mistake(self, ready, timeout):
        with pytest.raises((ValueError, TypeError), match="timeout"):
            ready.wait(timeout)

    def test_poll_sees_the_end(self, sandbox):
        process = sandbox.popen(["true"])
        assert until(process.poll).success

    def test_a_timeout_of_the_program_ends_it(self, sandbox):
        result = sandbox.popen(SLEEP, timeout=0.2).wait()
        assert (result.reason, result.signal) == ("timeout", signal.SIGKILL)

    def test_its_descriptor_is_readable_at_the_end(self, ready):
        poll = select.poll()
        poll.register(ready, select.POLLIN)
        assert poll.poll(0) == []
        ready.kill()
        ((descriptor, events),) = poll.poll(20_000)
        assert descriptor == ready.fileno() and events & select.POLLIN
        assert ready.wait(10).reason == "killed"

    def test_many_threads_can_wait(self, ready):
        results = []
        threads = [threading.Thread(target=lambda: results.append(ready.wait())) for _ in range(4)]
        for thread in threads:
            thread.start()
        ready.kill()
        for thread in threads:
            thread.join()
        assert len(results) == 4
        assert all(result == results[0] for result in results)

    def test_the_thread_that_started_it_may_end(self, sandbox):
        started = []
        thread = threading.Thread(target=lambda: started.append(sandbox.popen(["cat"], stdin=PIPE)))
        thread.start()
        thread.join()
        (process,) = started
        assert process.poll() is None
        process.communicate()
        assert process.wait().success

    def test_a_keyboard_interrupt_ends_the_waiting_and_not_the_program(self, ready):
        main = threading.main_thread()
        assert threading.current_thread() is main

        def interrupt():
            until(
                lambda: sys._current_frames()[main.ident].f_code is sandlock.Process.wait.__code__
            )
            signal.pthread_kill(main.ident, signal.SIGINT)

        sender = threading.Thread(target=interrupt)
        with pytest.raises(KeyboardInterrupt):
            sender.start()
            ready.wait()
        sender.join()
        assert ready.poll() is None

    def test_what_a_handler_raised_is_raised_by_wait(self, sandbox):
        sandbox.add_handler("uname", lambda ctx: 1 / 0)
        process = sandbox.popen(["uname"])
        for _ in range(2):
            with pytest.raises(sandlock.HandlerError) as raised:
                process.wait()
            assert isinstance(raised.value.__cause__, ZeroDivisionError)
        with pytest.raises(sandlock.HandlerError):
            until(process.poll)


class TestSignals:
    def test_kill_ends_the_whole_tree(self, family):
        pids = [one.pid for one in family.processes()]
        assert len(pids) == 3 and all(map(is_there, pids))
        family.kill()
        result = family.wait()
        assert (result.reason, result.signal, result.returncode) == ("killed", 9, -9)
        assert not any(map(is_there, pids))

    def test_kill_ends_what_is_stopped(self, family):
        family.pause()
        family.kill()
        assert family.wait(20).reason == "killed"

    def test_terminate_asks_the_program(self, ready):
        ready.terminate()
        result = ready.wait()
        assert (result.reason, result.signal) == ("signaled", signal.SIGTERM)

    def test_a_program_may_end_in_order(self, sandbox):
        code = """
import signal, sys
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
print("ready", flush=True)
signal.sigwait([signal.SIGUSR1])
sys.exit(7)
"""
        with running(sandbox, python(code)) as process:
            process.send_signal(signal.SIGUSR1)
            assert process.wait().exit_code == 7

    def test_a_number_that_is_no_signal_is_told(self, ready):
        with pytest.raises(OSError) as raised:
            ready.send_signal(12345)
        assert raised.value.errno == errno.EINVAL

    def test_pause_stops_every_process_and_resume_lets_them_go_on(self, family):
        pids = [one.pid for one in family.processes()]
        family.pause()
        assert [state_of(pid) for pid in pids] == ["T"] * 3
        family.resume()
        until(lambda: "T" not in [state_of(pid) for pid in pids])
        assert family.communicate()[0] == b""
        assert family.wait().reason == "exited"

    @pytest.mark.parametrize("action", ["kill", "terminate", "pause", "resume"])
    def test_what_has_ended_takes_no_harm(self, sandbox, action):
        process = sandbox.popen(["true"])
        result = process.wait()
        assert getattr(process, action)() is None
        process.send_signal(signal.SIGTERM)
        assert process.wait() is result
        assert process.processes() == []


class TestTold:
    def test_processes_are_listed_with_parent_and_command(self, family):
        first, *others = family.processes()
        assert (first.pid, first.command) == (family.pid, tuple(FAMILY))
        assert {(one.parent, one.command) for one in others} == {
            (family.pid, ("sleep", "60")),
            (family.pid, ("sleep", "61")),
        }
        assert re.fullmatch(r"<ProcessInfo \d+ of \d+: \('sleep', '6\d'\)>", repr(others[0]))

    def test_commands_are_told_as_they_are(self, sandbox):
        code = "import signal; print('ready', flush=True); signal.pause()"
        with running(sandbox, python(code, b"\xff", "a b", "")) as process:
            assert process.processes()[0].command[-3:] == ("\udcff", "a b", "")

    def test_usage_grows(self, sandbox):
        code = "print('ready', flush=True)\nwhile True: pass"
        with running(sandbox, python(code)) as process:
            until(lambda: process.usage().user > 0.05)
            usage = process.usage()
            process.kill()
            assert process.wait().usage.user >= usage.user - 0.02
            assert process.wait().usage.wall >= usage.wall


class TestEnd:
    def test_a_context_closes_the_pipes_and_waits(self, sandbox):
        with sandbox.popen(["cat"], stdin=PIPE, stdout=PIPE) as process:
            pass
        assert process.stdin.closed and process.stdout.closed
        assert process.returncode == 0

    def test_a_context_that_raises_ends_the_tree(self, sandbox):
        with pytest.raises(LookupError, match="mine"), sandbox.popen(FAMILY, stdin=PIPE) as process:
            pids = [one.pid for one in process.processes()]
            raise LookupError("mine")
        assert process.poll().reason == "killed"
        assert process.stdin.closed
        assert not any(map(is_there, pids))

    def test_a_context_that_raises_does_not_look_like_the_end_of_the_input(self, writing, job):
        # Again and again, because the program would have to be quick.
        command = ["sh", "-c", 'read line; : >"$0"', job / "done"]
        for _ in range(20):
            with pytest.raises(LookupError), writing.popen(command, stdin=PIPE):
                raise LookupError
        assert not (job / "done").exists()
        with writing.popen(command, stdin=PIPE):
            pass
        assert (job / "done").exists()

    def test_a_context_raises_what_a_handler_raised(self, sandbox):
        sandbox.add_handler("uname", lambda ctx: 1 / 0)
        with pytest.raises(sandlock.HandlerError), sandbox.popen(["uname"]):
            pass
        with pytest.raises(LookupError), sandbox.popen(["uname"]):
            raise LookupError

    @pytest.mark.parametrize("is_part_of_a_cycle", [False, True])
    def test_what_nobody_has_any_more_ends(self, sandbox, is_part_of_a_cycle):
        process = sandbox.popen(SLEEP)
        pid = process.pid
        if is_part_of_a_cycle:
            process.itself = process
        assert is_there(pid)
        del process
        gc.collect()
        until(lambda: not is_there(pid))

    def test_the_sandbox_may_go_before(self, policy):
        process = Sandbox(policy).popen(["cat"], stdin=PIPE, stdout=PIPE)
        gc.collect()
        assert process.communicate(b"x") == (b"x", None)

    def test_a_process_can_be_waited_for_while_another_one_is_dropped(self, sandbox):
        kept, dropped = sandbox.popen(["cat"], stdin=PIPE), sandbox.popen(SLEEP)
        pid = dropped.pid
        del dropped
        until(lambda: not is_there(pid))
        kept.communicate()
        assert kept.wait().success
