"""Sandbox.run_async(): runs that an event loop drives."""

import asyncio
import contextlib
import datetime
import os
import signal
import subprocess
import sys
import threading
import time

import pytest
from guests import python
from waiting import is_there, until

import sandlock
from sandlock import NotifAction, Sandbox

MIB = 1 << 20
SLEEP = ["sleep", "60"]


@pytest.fixture
def pids(job):
    """What programs have said that they run: they write their pids into files."""
    return lambda: [int(file.name) for file in job.iterdir()]


def running(job):
    """Two processes that say in `job` that they are there, and run until a signal comes."""
    code = """
import os, signal, sys
os.fork()
open(os.path.join(sys.argv[1], str(os.getpid())), "w").close()
signal.pause()
"""
    return python(code, str(job))


async def eventually(condition):
    """As waiting.until(), for event loops."""
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.005)


class TestResult:
    def test_the_result_is_the_one_of_run(self, sandbox):
        command = ["sh", "-c", "cat; echo err >&2; exit 3"]
        result = asyncio.run(sandbox.run_async(command, input=b"in"))
        assert (result.exit_code, result.stdout, result.stderr) == (3, b"in", b"err\n")
        assert result.enforcement == sandbox.enforcement

    def test_keywords_are_those_of_run(self, sandbox, capfd):
        async def run():
            result = await sandbox.run_async(
                ["sh", "-c", "pwd -P; cat; echo $A; echo err >&2"],
                input="grün\n",
                text=True,
                cwd="/usr",
                env={"A": "12345"},
                stderr=sandlock.INHERIT,
                capture_limit=12,
            )
            assert (result.stdout, result.stdout_dropped) == ("/usr\ngrün\n1", 5)

        asyncio.run(run())
        assert capfd.readouterr().err == "err\n"

    def test_mebibytes_go_in_and_out(self, sandbox):
        data = os.urandom(MIB) * 6
        command = ["tee", "/dev/stderr"]
        result = asyncio.run(sandbox.run_async(command, input=data))
        assert result.stdout == result.stderr == data

    def test_check_raises(self, sandbox):
        assert asyncio.run(sandbox.run_async(["true"], check=True)).success
        with pytest.raises(sandlock.ExitError) as raised:
            asyncio.run(sandbox.run_async(["sh", "-c", "echo out; exit 3"], check=True))
        assert raised.value.result.stdout == b"out\n"

    @pytest.mark.parametrize(
        "timeout", [0.2, datetime.timedelta(milliseconds=200)], ids=["seconds", "timedelta"]
    )
    def test_a_timeout_ends_the_tree(self, sandbox, timeout):
        result = asyncio.run(sandbox.run_async(SLEEP, timeout=timeout))
        assert (result.reason, result.signal) == ("timeout", signal.SIGKILL)
        with pytest.raises(sandlock.TimeoutExpired):
            asyncio.run(sandbox.run_async(SLEEP, timeout=timeout, check=True))

    @pytest.mark.parametrize(
        ("command", "keywords", "error"),
        [
            (["no-such-command"], {}, sandlock.CommandNotFoundError),
            (["/etc/passwd"], {}, sandlock.CannotExecuteError),
            ([], {}, sandlock.CommandError),
            ("true", {}, TypeError),
            (["true"], {"timeout": -1}, ValueError),
            (["true"], {"no_such": 1}, TypeError),
            (["true"], {"encoding": "no-such"}, LookupError),
        ],
        ids=str,
    )
    def test_mistakes_are_those_of_run(self, sandbox, command, keywords, error):
        with pytest.raises(error):
            asyncio.run(sandbox.run_async(command, **keywords))
        with pytest.raises(error):
            sandbox.run(command, **keywords)

    def test_nothing_runs_before_it_is_awaited(self, writing, job):
        coroutine = writing.run_async(["touch", job / "touched"])
        assert not (job / "touched").exists()
        asyncio.run(coroutine)
        assert (job / "touched").exists()


class TestTogether:
    def test_many_run_at_once(self, sandbox):
        async def run():
            commands = [["echo", str(n)] for n in range(60)]
            return await asyncio.gather(*map(sandbox.run_async, commands))

        outputs = [result.stdout for result in asyncio.run(run())]
        assert outputs == [b"%d\n" % n for n in range(60)]

    def test_they_run_at_the_same_time(self, writing, job, pids):
        # None of them ends before all of them run.
        code = """
import os, sys
open(os.path.join(sys.argv[1], str(os.getpid())), "w").close()
while len(os.listdir(sys.argv[1])) < 5: pass
"""

        async def run():
            runs = [writing.run_async(python(code, str(job)), timeout=30) for _ in range(5)]
            return await asyncio.gather(*runs)

        assert all(result.success for result in asyncio.run(run()))

    def test_no_thread_is_started_for_a_run(self, writing, job, pids):
        async def run():
            before = set(os.listdir("/proc/self/task"))
            tasks = [asyncio.create_task(writing.run_async(running(job))) for _ in range(5)]
            await eventually(lambda: len(pids()) == 10)
            assert set(os.listdir("/proc/self/task")) <= before
            for pid in pids():
                # The end of the first one is the other's.
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            results = await asyncio.gather(*tasks)
            assert {result.signal for result in results} == {signal.SIGKILL}

        asyncio.run(run())

    def test_the_loop_does_other_things_meanwhile(self, policy, job):
        sandbox = Sandbox(policy, fs_readable=[job])
        code = "import os, sys\nwhile not os.path.exists(sys.argv[1]): pass"

        async def run():
            task = asyncio.create_task(sandbox.run_async(python(code, str(job / "done"))))
            await asyncio.sleep(0)
            (job / "done").touch()
            return await task

        assert asyncio.run(run()).success

    def test_loops_in_threads_run_the_same_sandbox(self, sandbox):
        results = []

        def work():
            results.append(asyncio.run(sandbox.run_async(["echo", "x"])).stdout)

        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert results == [b"x\n"] * 4


class TestCancellation:
    """The tree is gone when the cancellation goes on."""

    def test_cancelling_ends_the_tree(self, writing, job, pids):
        async def run():
            task = asyncio.create_task(writing.run_async(running(job)))
            await eventually(lambda: len(pids()) == 2)
            assert all(map(is_there, pids()))
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert not any(map(is_there, pids()))

        asyncio.run(run())

    def test_cancelling_twice_does_not_leave_earlier(self, writing, job, pids):
        async def run():
            task = asyncio.create_task(writing.run_async(running(job)))
            await eventually(lambda: len(pids()) == 2)
            task.cancel()
            await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert not any(map(is_there, pids()))

        asyncio.run(run())

    def test_wait_for_ends_the_tree(self, writing, job, pids):
        async def run():
            task = asyncio.create_task(writing.run_async(running(job)))
            await eventually(lambda: len(pids()) == 2)
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(task, 0.01)
            assert not any(map(is_there, pids()))

        asyncio.run(run())

    def test_a_cancelled_gather_ends_all_trees(self, writing, job, pids):
        async def run():
            both = asyncio.gather(*(writing.run_async(running(job)) for _ in range(2)))
            await eventually(lambda: len(pids()) == 4)
            both.cancel()
            with pytest.raises(asyncio.CancelledError):
                await both
            await eventually(lambda: not any(map(is_there, pids())))

        asyncio.run(run())

    def test_the_end_of_the_loop_ends_the_tree(self, writing, job, pids):
        async def run():
            run.task = asyncio.create_task(writing.run_async(running(job)))
            await eventually(lambda: len(pids()) == 2)

        asyncio.run(run())
        assert run.task.cancelled()
        assert not any(map(is_there, pids()))

    def test_a_keyboard_interrupt_ends_the_tree(self, writing, job, pids):
        def interrupt():
            until(lambda: len(pids()) == 2)
            os.kill(os.getpid(), signal.SIGINT)

        thread = threading.Thread(target=interrupt)
        with pytest.raises(KeyboardInterrupt):
            thread.start()
            asyncio.run(writing.run_async(running(job)))
        thread.join()
        assert not any(map(is_there, pids()))

    def test_the_loop_runs_on_behind_a_cancellation(self, sandbox):
        async def run():
            task = asyncio.create_task(sandbox.run_async(SLEEP))
            await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            return await sandbox.run_async(["echo", "again"])

        assert asyncio.run(run()).stdout == b"again\n"


if sys.version_info >= (3, 11):

    class TestCancellationByScopes:
        def test_a_task_group_that_fails_ends_all_trees(self, writing, job, pids):
            async def run():
                async with asyncio.TaskGroup() as group:
                    group.create_task(writing.run_async(running(job)))
                    group.create_task(writing.run_async(running(job)))
                    await eventually(lambda: len(pids()) == 4)
                    raise LookupError("mine")

            with pytest.raises(BaseException) as raised:
                asyncio.run(run())
            assert [type(one) for one in raised.value.exceptions] == [LookupError]
            assert not any(map(is_there, pids()))

        def test_a_timeout_ends_the_tree(self, writing, job, pids):
            async def run():
                task = asyncio.create_task(writing.run_async(running(job)))
                await eventually(lambda: len(pids()) == 2)
                with pytest.raises(TimeoutError):
                    async with asyncio.timeout(0.01):
                        await task
                assert not any(map(is_there, pids()))

            asyncio.run(run())


class TestHandlers:
    def test_handlers_answer(self, sandbox):
        sandbox.add_handler("uname", lambda ctx: NotifAction.errno(13))
        result = asyncio.run(sandbox.run_async(["uname"]))
        assert b"Permission denied" in result.stderr

    def test_what_a_handler_raises_is_raised(self, sandbox):
        sandbox.add_handler("uname", lambda ctx: 1 / 0)
        with pytest.raises(sandlock.HandlerError) as raised:
            asyncio.run(sandbox.run_async(["uname"]))
        assert isinstance(raised.value.__cause__, ZeroDivisionError)

    def test_handlers_that_are_async_run_on_the_loop(self, sandbox):
        seen = []

        async def handler(ctx):
            await asyncio.sleep(0)
            seen.append((asyncio.get_running_loop(), threading.current_thread(), ctx.name))
            return NotifAction.errno(13)

        sandbox.add_handler("uname", handler)

        async def run():
            result = await sandbox.run_async(["uname"])
            assert seen == [(asyncio.get_running_loop(), threading.current_thread(), "uname")]
            return result

        assert b"Permission denied" in asyncio.run(run()).stderr
        # The sandbox can be run by the next loop, and without one.
        seen.clear()
        asyncio.run(run())
        sandbox.run(["uname"])
        assert len(seen) == 2

    def test_a_handler_can_wait_for_what_the_loop_does(self, sandbox):
        async def run():
            answer = asyncio.get_running_loop().create_future()
            asked = asyncio.Event()

            async def handler(ctx):
                asked.set()
                return await answer

            sandbox.add_handler("uname", handler)
            task = asyncio.create_task(sandbox.run_async(["uname"]))
            await asked.wait()
            answer.set_result(NotifAction.errno(13))
            return await task

        assert b"Permission denied" in asyncio.run(run()).stderr

    def test_a_handler_can_run_another_program(self, sandbox, policy):
        async def handler(ctx):
            inner = await Sandbox(policy).run_async(["echo", "inner"], check=True)
            assert inner.stdout == b"inner\n"
            return NotifAction.errno(13)

        sandbox.add_handler("uname", handler)
        assert b"Permission denied" in asyncio.run(sandbox.run_async(["uname"])).stderr

    def test_what_an_async_handler_raises_is_raised(self, sandbox):
        async def handler(ctx):
            raise LookupError("mine")

        sandbox.add_handler("uname", handler)
        with pytest.raises(sandlock.HandlerError) as raised:
            asyncio.run(sandbox.run_async(["uname"]))
        assert isinstance(raised.value.__cause__, LookupError)

    def test_an_async_handler_that_is_late_is_a_refusal(self, sandbox):
        cancelled = []

        async def handler(ctx):
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                cancelled.append(True)
                raise

        sandbox.add_handler("uname", handler, deadline=0.2)

        async def run():
            result = await sandbox.run_async(["uname"])
            await eventually(lambda: cancelled)
            return result

        result = asyncio.run(run())
        assert b"Operation not permitted" in result.stderr
        (failure,) = result.handler_errors
        assert failure.syscall == "uname"

    def test_cancelling_does_not_wait_for_an_async_handler(self, writing, job, pids):
        async def run():
            asked = asyncio.Event()

            async def handler(ctx):
                asked.set()
                await asyncio.sleep(60)

            writing.add_handler("uname", handler)
            task = asyncio.create_task(writing.run_async(["uname"]))
            await asked.wait()
            task.cancel()
            begin = time.monotonic()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert time.monotonic() - begin < 10

        asyncio.run(run())

    def test_a_slow_handler_does_not_block_the_loop(self, sandbox):
        # A handler on the supervisor's thread waits for what the loop does only meanwhile.
        asked, go_on = threading.Event(), threading.Event()

        def handler(ctx):
            asked.set()
            assert go_on.wait(20)
            return NotifAction.errno(13)

        sandbox.add_handler("uname", handler)

        async def run():
            task = asyncio.create_task(sandbox.run_async(["uname"]))
            await eventually(asked.is_set)
            assert (await Sandbox(sandbox.policy).run_async(["echo", "other"])).success
            assert not task.done()
            go_on.set()
            return await task

        assert b"Permission denied" in asyncio.run(run()).stderr

    def test_observers_of_a_cancelled_run_do_no_harm(self, sandbox):
        seen = []

        async def run():
            sandbox.add_handler("openat", lambda ctx: seen.append(ctx.name), observe=True)
            tasks = [
                asyncio.create_task(sandbox.run_async(["ls", "-R", "/usr/share"])) for _ in range(3)
            ]
            await eventually(lambda: seen)
            for task in tasks:
                task.cancel()
            ended = await asyncio.gather(*tasks, return_exceptions=True)
            assert [type(one) for one in ended] == [asyncio.CancelledError] * 3

        asyncio.run(run())


def test_asyncio_is_not_imported_before_it_is_needed():
    code = "import sandlock, sys; print('asyncio' in sys.modules)"
    command = [sys.executable, "-c", code]
    assert subprocess.run(command, cwd="/", capture_output=True).stdout == b"False\n"


def test_a_loop_needs_to_watch_descriptors_alone(sandbox):
    class Loop(asyncio.SelectorEventLoop):
        def run_in_executor(self, *_):
            raise AssertionError("no threads")

    loop = Loop()
    try:
        assert loop.run_until_complete(sandbox.run_async(["echo", "x"])).stdout == b"x\n"
    finally:
        loop.close()
