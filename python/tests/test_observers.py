"""Observers: what they see, what they are told, and that they decide nothing."""

import errno
import functools
import json
import os
import threading

import pytest
from guests import PARENT, UNAME, opening, python

import sandlock
from sandlock import (
    Audit,
    Count,
    Deny,
    NotifAction,
    Observer,
    RegistrationError,
    Sandbox,
    TaskGoneError,
    When,
)

CONTINUE = NotifAction.continue_()


class Seeing(Observer):
    """Notes everything."""

    def __init__(self):
        self.events = []

    def call(self, ctx):
        self.events.append(("call", ctx.id, ctx.name))

    def verdict(self, ctx, verdict):
        self.events.append(("verdict", ctx.id, verdict.outcome))


class CallsAlone(Observer):
    def __init__(self):
        self.names = []

    def call(self, ctx):
        self.names.append(ctx.name)


class VerdictsAlone(Observer):
    def __init__(self):
        self.verdicts = []

    def verdict(self, ctx, verdict):
        self.verdicts.append((verdict.outcome, verdict.errno, verdict.value, verdict.by))


def verdict_of(sandbox, call, command, answer, **options):
    """What an observer is told about the answer of a handler."""
    observer = VerdictsAlone()
    sandbox.add_observer(call, observer)
    sandbox.add_handler(call, lambda ctx: answer, name="mine", **options)
    sandbox.run(command)
    (verdict,) = observer.verdicts
    return verdict


class TestSeeing:
    def test_a_call_comes_before_its_verdict(self, sandbox):
        seeing = Seeing()
        sandbox.add_observer("uname", seeing)
        sandbox.run(["sh", "-c", "uname; uname"])
        (one, two) = sorted({number for _, number, _ in seeing.events})
        for number in (one, two):
            of_call = [(what, said) for what, id, said in seeing.events if id == number]
            assert of_call == [("call", "uname"), ("verdict", "continue")]

    def test_one_of_both_is_enough(self, sandbox):
        calls, verdicts = CallsAlone(), VerdictsAlone()
        sandbox.add_observer("uname", calls)
        sandbox.add_observer("uname", verdicts)
        sandbox.run(UNAME)
        assert calls.names == ["uname"]
        assert verdicts.verdicts == [("continue", None, None, "policy")]

    @pytest.mark.parametrize("add", ["add_observer", "add_handler"])
    def test_an_observer_is_added_in_either_way(self, sandbox, add):
        calls = CallsAlone()
        getattr(sandbox, add)(["uname", "getppid"], calls)
        sandbox.run(UNAME)
        sandbox.run(PARENT)
        assert calls.names == ["uname", "getppid"]

    def test_a_callable_is_an_observer_where_that_is_said(self, sandbox):
        names = []
        sandbox.add_handler("uname", lambda ctx: names.append(ctx.name), observe=True)
        sandbox.add_observer(
            "uname", functools.partial(lambda seen, ctx: seen.append(ctx.name), names)
        )
        assert sandbox.run(UNAME).stdout == b"done\n"
        assert names == ["uname", "uname"]

    @pytest.mark.parametrize("answer", [None, 3, NotifAction.errno(13)], ids=str)
    def test_what_it_answers_means_nothing(self, sandbox, answer):
        sandbox.add_observer("uname", lambda ctx: answer)
        result = sandbox.run(UNAME)
        assert (result.stdout, result.handler_errors) == (b"done\n", ())

    def test_all_of_them_see_a_call_before_anybody_decides(self, sandbox):
        order = []
        sandbox.add_handler(
            "uname", lambda ctx: order.append("before") or CONTINUE, priority="before"
        )
        sandbox.add_observer("uname", lambda ctx: order.append("first"))
        sandbox.add_observer("uname", lambda ctx: order.append("second"))
        sandbox.run(UNAME)
        assert order == ["first", "second", "before"]

    def test_memory_can_be_read_of_a_call_and_not_of_a_verdict(self, sandbox):
        class Reading(Observer):
            def call(self, ctx):
                self.path = ctx.read_path()

            def verdict(self, ctx, verdict):
                self.name = ctx.name
                with pytest.raises(TaskGoneError):
                    ctx.read_path()
                self.is_waiting = ctx.is_waiting()

        reading = Reading()
        sandbox.add_observer("openat", reading, name="reading")
        result = sandbox.run(opening("/usr/share/no-such"))
        assert result.handler_errors == ()
        assert (reading.path, reading.name) == ("/usr/share/no-such", "openat")
        assert reading.is_waiting is False

    def test_its_context_is_dead_afterwards(self, sandbox):
        kept = []
        sandbox.add_observer("uname", kept.append)
        sandbox.run(UNAME)
        with pytest.raises(TaskGoneError):
            kept[0].pid  # noqa: B018

    def test_conditions_hold_for_observers_too(self, sandbox):
        masks = []
        sandbox.add_observer("umask", lambda ctx: masks.append(ctx.args[0]), when=When.arg(0).ge(2))
        sandbox.run(python("import os\nfor mask in (0, 1, 2, 3): os.umask(mask)"))
        assert masks == [2, 3]

    def test_what_the_policy_refuses_nobody_sees(self, policy):
        # For these arguments; with others, the call is seen.
        calls = CallsAlone()
        sandbox = Sandbox(policy)
        sandbox.add_observer("unshare", calls)
        code = "import ctypes, sys; print(ctypes.CDLL(None).unshare(int(sys.argv[1], 0)))"
        assert sandbox.run(python(code, "0x10000000")).stdout == b"-1\n"
        assert calls.names == []
        assert sandbox.run(python(code, "0x200")).stdout == b"0\n"
        assert calls.names == ["unshare"]


class TestVerdicts:
    @pytest.mark.parametrize(
        ("answer", "verdict"),
        [
            (CONTINUE, ("continue", None, None, "policy")),
            (NotifAction.errno(13), ("refused", 13, None, "mine")),
            (NotifAction.returns(7), ("answered", None, 7, "mine")),
            (NotifAction.inject_bytes(b""), ("injected", None, None, "mine")),
            (NotifAction.kill(), ("killed", None, None, "mine")),
        ],
    )
    def test_each_answer_has_its_verdict(self, sandbox, answer, verdict):
        assert verdict_of(sandbox, "getppid", PARENT, answer) == verdict

    def test_a_failure_is_a_refusal_or_a_kill(self, policy):
        verdict = verdict_of(Sandbox(policy), "uname", UNAME, None, on_error=13)
        assert verdict == ("refused", 13, None, "mine")
        observer = VerdictsAlone()
        sandbox = Sandbox(policy)
        sandbox.add_observer("uname", observer)
        sandbox.add_handler("uname", lambda ctx: None, name="mine")
        with pytest.raises(sandlock.HandlerError):
            sandbox.run(UNAME)
        assert [outcome for outcome, *_ in observer.verdicts] == ["killed"]

    def test_a_built_in_decides_too(self, policy):
        observer = VerdictsAlone()
        sandbox = Sandbox(policy, manage_tasks=True)
        sandbox.add_observer("setpriority", observer)
        sandbox.run(
            python("import os, sys; os.setpriority(0, int(sys.argv[1]), 19)", str(os.getpid()))
        )
        assert observer.verdicts == [("refused", errno.EPERM, None, "tasks")]

    def test_a_verdict_says_what_it_is(self, sandbox):
        shown = []

        class Showing(Observer):
            def verdict(self, ctx, verdict):
                shown.append(repr(verdict))

        sandbox.add_observer("uname", Showing())
        sandbox.add_handler("uname", Deny(13), name="mine")
        sandbox.run(UNAME)
        assert shown == ["<Verdict refused, errno=13 by mine>"]

    def test_verdicts_of_pooled_handlers_are_told(self, sandbox):
        verdict = verdict_of(sandbox, "uname", UNAME, NotifAction.errno(13), mode="pooled")
        assert verdict == ("refused", 13, None, "mine")


class TestFailures:
    def test_one_that_raises_is_skipped_and_listed(self, sandbox):
        def broken(ctx):
            raise LookupError("mine")

        others = CallsAlone()
        sandbox.add_observer("uname", broken, name="broken")
        sandbox.add_observer("uname", others)
        result = sandbox.run(UNAME)
        assert result.stdout == b"done\n"
        (failure,) = result.handler_errors
        assert (failure.syscall, failure.handler, failure.message) == (
            "uname",
            "broken",
            "LookupError: mine",
        )
        assert type(failure.cause) is LookupError
        assert others.names == ["uname"]

    def test_one_that_raises_at_a_verdict_is_listed(self, sandbox):
        class Broken(Observer):
            def verdict(self, ctx, verdict):
                raise LookupError("mine")

        sandbox.add_observer("uname", Broken())
        (failure,) = sandbox.run(UNAME).handler_errors
        assert (failure.handler, type(failure.cause)) == (Broken.__qualname__, LookupError)

    def test_a_coroutine_that_nobody_waits_for_is_listed(self, sandbox):
        async def later(ctx):
            raise AssertionError("nobody waits")

        sandbox.add_observer("uname", lambda ctx: later(ctx))
        (failure,) = sandbox.run(UNAME).handler_errors
        assert "async def" in failure.message

    @pytest.mark.parametrize(
        ("observer", "message"),
        [
            (Observer(), "defines neither call"),
            (CallsAlone, "is a class"),
            (3, "int is no observer"),
            (Deny(), "Deny is a handler"),
        ],
        ids=["empty", "class", "int", "handler"],
    )
    def test_what_can_be_none(self, sandbox, observer, message):
        with pytest.raises(TypeError, match=message):
            sandbox.add_observer("uname", observer)

    def test_one_cannot_be_async(self, sandbox):
        async def later(ctx):
            pass

        class Later(Observer):
            async def call(self, ctx):
                pass

        for observer in (later, Later()):
            with pytest.raises(TypeError, match="async def"):
                sandbox.add_observer("uname", observer)

    @pytest.mark.parametrize(
        "options",
        [{"priority": "before"}, {"mode": "pooled"}, {"deadline": 1}, {"on_error": 13}],
        ids=str,
    )
    def test_options_of_handlers_are_none_of_observers(self, sandbox, options):
        for observer in (CallsAlone(), Count()):
            with pytest.raises(RegistrationError, match="an observer has no"):
                sandbox.add_handler("uname", observer, **options)
        with pytest.raises(TypeError):
            sandbox.add_observer("uname", CallsAlone(), **options)


class TestCount:
    def test_calls_are_counted_by_verdict(self, sandbox):
        count = Count()
        sandbox.add_observer(["uname", "getppid"], count)
        sandbox.add_handler("getppid", Deny())
        assert count.counts() == {}
        for command in (UNAME, UNAME, PARENT):
            sandbox.run(command)
        assert count.counts() == {"uname": {"continue": 2}, "getppid": {"refused": 1}}
        assert repr(count) == f"<Count {count.counts()}>"

    def test_one_can_be_registered_on_several_sandboxes(self, policy):
        count = Count()
        for _ in range(2):
            sandbox = Sandbox(policy)
            sandbox.add_handler("uname", count)
            sandbox.run(UNAME)
        assert count.counts() == {"uname": {"continue": 2}}

    def test_counts_can_be_read_while_programs_run(self, sandbox):
        count = Count()
        sandbox.add_observer("uname", count)
        command = ["sh", "-c", "uname >&2; echo ready; read line; exec uname"]
        with sandbox.popen(command, stdin=sandlock.PIPE, stdout=sandlock.PIPE) as process:
            process.stdout.readline()
            assert count.counts() == {"uname": {"continue": 1}}
            process.stdin.close()
        assert count.counts() == {"uname": {"continue": 2}}


class TestAudit:
    """Its records are those of the crate; here is how they get to Python."""

    def records(self, lines):
        return [json.loads(line) for line in lines]

    def test_records_go_to_a_file(self, sandbox, job):
        audit = Audit(job / "audit.jsonl")
        sandbox.add_observer("uname", audit)
        sandbox.run(UNAME)
        (record,) = self.records((job / "audit.jsonl").read_text().splitlines())
        assert (record["syscall"], record["verdict"]) == ("uname", "continue")
        assert (audit.dropped, audit.write_error) == (0, None)

    @pytest.mark.parametrize("shape", ["file", "descriptor"])
    def test_records_go_to_a_descriptor(self, sandbox, job, shape):
        with open(job / "audit.jsonl", "wb") as file:
            sandbox.add_observer("uname", Audit(file if shape == "file" else file.fileno()))
            sandbox.run(UNAME)
        assert len(self.records((job / "audit.jsonl").read_text().splitlines())) == 1

    def test_records_go_to_a_callable(self, policy):
        lines = []
        sandbox = Sandbox(policy, name="mine")
        sandbox.add_handler("openat", Audit(lines.append))
        sandbox.run(opening(b"/usr/\xff"))
        assert all(type(line) is bytes and b"\n" not in line for line in lines)
        records = self.records(lines)
        assert {record["sandbox"] for record in records} == {"mine"}
        assert any("/usr/" in str(record["args"]) for record in records)

    def test_a_callable_that_raises_does_not_harm(self, sandbox, capfd):
        def broken(record):
            raise LookupError("mine")

        audit = Audit(broken)
        sandbox.add_observer("uname", audit)
        assert sandbox.run(UNAME).stdout == b"done\n"
        assert audit.dropped == 1
        assert capfd.readouterr().err == ""

    def test_a_target_that_takes_no_more_is_told(self, sandbox):
        reading, writing = os.pipe()
        audit = Audit(writing)
        os.close(writing)
        os.close(reading)
        sandbox.add_observer("uname", audit)
        assert sandbox.run(UNAME).stdout == b"done\n"
        assert audit.dropped == 1
        assert audit.write_error.errno == errno.EPIPE

    @pytest.mark.parametrize(
        ("target", "error"),
        [
            ("/no/such/folder/file", sandlock.SystemCallError),
            (9999, sandlock.SystemCallError),
            (-1, sandlock.ArgumentError),
            (None, TypeError),
        ],
        ids=str,
    )
    def test_a_target_that_is_none_is_told(self, target, error):
        with pytest.raises(error):
            Audit(target)

    def test_a_descriptor_that_cannot_be_written_is_told(self):
        with open("/dev/null", "rb") as file, pytest.raises(sandlock.ArgumentError):
            Audit(file)

    def test_a_callable_is_called_by_no_two_threads_at_once(self, policy):
        lock = threading.Lock()
        overlaps = []

        def tell(record):
            if not lock.acquire(blocking=False):
                overlaps.append(record)
                return
            lock.release()

        sandbox = Sandbox(policy)
        sandbox.add_observer("openat", Audit(tell))
        for process in [sandbox.popen(UNAME) for _ in range(3)]:
            process.wait()
        assert overlaps == []
