"""Handlers: what can be one, who is asked when, how they are registered, and how they fail."""

import asyncio
import errno
import functools
import logging
import os
import threading
import traceback

import pytest
from guests import PARENT, UNAME, python

import sandlock
from sandlock import (
    Count,
    Deny,
    Handler,
    HandlerError,
    NotifAction,
    Observer,
    RegistrationError,
    Return,
    Sandbox,
    TaskError,
    When,
)

CONTINUE = NotifAction.continue_()
REFUSED = NotifAction.errno(errno.EACCES)
EACCES = b"%d\n" % errno.EACCES
EPERM = b"%d\n" % errno.EPERM
DONE = b"done\n"


def outcome(sandbox, **options):
    """What uname(2) says to the program."""
    return sandbox.run(UNAME, check=True, **options).stdout


def refuse(ctx):
    return REFUSED


class Refusing(Handler):
    def handle(self, ctx):
        return REFUSED

    def method(self, ctx):
        return REFUSED

    @classmethod
    def of_class(cls, ctx):
        return REFUSED

    @staticmethod
    def static(ctx):
        return REFUSED

    async def later(self, ctx):
        await asyncio.sleep(0)
        return REFUSED


class AsyncRefusing(Handler):
    async def handle(self, ctx):
        await asyncio.sleep(0)
        return REFUSED


class Callable:
    def __call__(self, ctx):
        return REFUSED


class AsyncCallable:
    async def __call__(self, ctx):
        await asyncio.sleep(0)
        return REFUSED


async def later(ctx):
    await asyncio.sleep(0)
    return REFUSED


async def later_with(answer, ctx):
    await asyncio.sleep(0)
    return answer


class TestKinds:
    @pytest.mark.parametrize(
        "handler",
        [
            refuse,
            lambda ctx: REFUSED,
            functools.partial(lambda answer, ctx: answer, REFUSED),
            Refusing(),
            Refusing().method,
            Refusing.of_class,
            Refusing.static,
            Callable(),
            Deny(errno.EACCES),
            Return(-errno.EACCES),
            later,
            functools.partial(later_with, REFUSED),
            AsyncRefusing(),
            Refusing().later,
            AsyncCallable(),
        ],
        ids=lambda handler: getattr(handler, "__qualname__", type(handler).__name__),
    )
    def test_what_can_be_a_handler(self, sandbox, handler):
        assert outcome(sandbox) == DONE
        sandbox.add_handler("uname", handler)
        assert outcome(sandbox) == EACCES

    @pytest.mark.parametrize(
        ("handler", "message"),
        [
            (3, "int is no handler"),
            (None, "NoneType is no handler"),
            (Refusing, "Refusing is a class: give an object"),
            (Handler(), "Handler does not define handle"),
            (type("Empty", (Handler,), {})(), "Empty does not define handle"),
            (NotifAction.errno(1), "NotifAction is no handler"),
            (type("Both", (Handler, Observer), {})(), "Both is a Handler and an Observer"),
        ],
    )
    def test_what_can_be_none(self, sandbox, handler, message):
        with pytest.raises(TypeError, match=message):
            sandbox.add_handler("uname", handler)
        assert outcome(sandbox) == DONE

    def test_a_handler_has_state(self, sandbox):
        class Counting(Handler):
            def __init__(self):
                self.calls = 0

            def handle(self, ctx):
                self.calls += 1
                return CONTINUE

        counting = Counting()
        sandbox.add_handler("uname", counting)
        for _ in range(3):
            sandbox.run(UNAME)
        assert counting.calls == 3

    def test_one_handler_serves_several_calls_and_sandboxes(self, policy):
        names = []

        def handler(ctx):
            names.append(ctx.name)
            return CONTINUE

        one, two = Sandbox(policy), Sandbox(policy)
        one.add_handler(["uname", "getppid"], handler)
        two.add_handler("uname", handler)
        assert (one.run(UNAME).success, one.run(PARENT).success) == (True, True)
        assert outcome(two) == DONE
        assert names == ["uname", "getppid", "uname"]

    def test_several_threads_run_a_sandbox_with_a_handler_at_once(self, sandbox):
        asked = Count()
        sandbox.add_handler("uname", refuse)
        sandbox.add_observer("uname", asked)
        results = []
        threads = [
            threading.Thread(target=lambda: results.append(outcome(sandbox))) for _ in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert results == [EACCES] * 4
        assert asked.counts() == {"uname": {"refused": 4}}


class TestReady:
    def test_deny_refuses_with_a_number(self, sandbox):
        sandbox.add_handler("uname", Deny())
        assert outcome(sandbox) == EPERM
        assert (repr(Deny()), repr(Deny(13))) == ("Deny(1)", "Deny(13)")

    def test_return_answers_with_a_value(self, sandbox):
        sandbox.add_handler("getppid", Return(4242))
        assert sandbox.run(PARENT).stdout == b"4242\n"
        assert repr(Return(-1)) == "Return(-1)"

    @pytest.mark.parametrize("number", [0, 4096, -1, 1 << 70])
    def test_a_number_that_is_none_is_told(self, number):
        with pytest.raises(sandlock.ArgumentError):
            Deny(number)

    def test_a_value_has_64_bits(self):
        assert repr(Return((1 << 64) - 1)) == "Return(-1)"
        with pytest.raises(sandlock.ArgumentError):
            Return(1 << 64)

    def test_they_take_options(self, sandbox):
        sandbox.add_handler("umask", Deny(13), when=When.arg(0).eq(0o77), name="mine")
        code = "import os\nos.umask(0)\ntry: os.umask(0o77)\nexcept OSError: print('refused')"
        assert sandbox.run(python(code), check=True).stdout == b"refused\n"


class TestOrder:
    def test_the_first_answer_wins(self, sandbox):
        asked = []

        def handler(name, answer):
            def handle(ctx):
                asked.append(name)
                return answer

            return handle

        sandbox.add_handler("uname", handler("first", CONTINUE))
        sandbox.add_handler("uname", handler("second", REFUSED))
        sandbox.add_handler("uname", handler("third", NotifAction.errno(1)))
        assert outcome(sandbox) == EACCES
        assert asked == ["first", "second"]

    def test_before_comes_first(self, sandbox):
        sandbox.add_handler("uname", lambda ctx: NotifAction.errno(1))
        sandbox.add_handler("uname", refuse, priority="before")
        assert outcome(sandbox) == EACCES

    def test_a_built_in_is_asked_in_between(self, policy):
        # Changing the priority of a process outside: the built-in for `manage_tasks` refuses it.
        command = python(
            "import os, sys; os.setpriority(os.PRIO_PROCESS, int(sys.argv[1]), 19)",
            str(os.getpid()),
        )
        for priority, is_asked in (("before", True), ("after", False)):
            asked = []
            sandbox = Sandbox(policy, manage_tasks=True)
            sandbox.add_handler(
                "setpriority",
                lambda ctx, asked=asked: asked.append(1) or CONTINUE,
                priority=priority,
            )
            assert b"PermissionError" in sandbox.run(command).stderr
            assert bool(asked) == is_asked

    def test_no_handler_can_widen_the_policy(self, policy):
        # Refused for these arguments alone: handlers may be registered, and are not asked.
        code = "import ctypes; print(ctypes.CDLL(None).unshare(0x10000000))"
        asked = []
        sandbox = Sandbox(policy)
        sandbox.add_handler(
            "unshare", lambda ctx: asked.append(1) or NotifAction.returns(0), priority="before"
        )
        assert sandbox.run(python(code)).stdout == b"-1\n"
        assert asked == []
        # The same call with other arguments is asked about.
        sandbox.run(python(code.replace("0x10000000", "0x200")))
        assert asked == [1]

    def test_handlers_for_one_run_come_behind_the_others(self, sandbox):
        asked = []
        sandbox.add_handler("uname", lambda ctx: asked.append("always") or CONTINUE)
        more = [
            ("uname", lambda ctx: asked.append("once") or CONTINUE),
            (["uname", "getppid"], Deny(errno.EACCES)),
        ]
        assert sandbox.run_with_handlers(UNAME, more, text=True).stdout == "13\n"
        assert asked == ["always", "once"]
        assert outcome(sandbox) == DONE
        assert asked == ["always", "once", "always"]

    def test_handlers_for_one_run_can_be_observers(self, sandbox):
        count = Count()
        assert sandbox.run_with_handlers(UNAME, [("uname", count)]).success
        assert count.counts() == {"uname": {"continue": 1}}
        with pytest.raises(RegistrationError):
            sandbox.run_with_handlers(UNAME, [("no_such_call", count)])


class TestConditions:
    CODE = "import os\nfor mask in (0, 1, 2, 3, 4, 0o70): os.umask(mask)"

    @pytest.mark.parametrize(
        ("when", "asked"),
        [
            (When.arg(0).eq(2), [2]),
            (When.arg(0).ne(2), [0, 1, 3, 4, 0o70]),
            (When.arg(0).lt(2), [0, 1]),
            (When.arg(0).ge(3), [3, 4, 0o70]),
            (When.arg(0).masked_eq(1, 1), [1, 3]),
            (When.arg(0).masked_eq(0o77, 0o70), [0o70]),
            ([When.arg(0).ge(1), When.arg(0).lt(4)], [1, 2, 3]),
            (iter([When.arg(0).ge(1), When.arg(0).ne(3)]), [1, 2, 4, 0o70]),
            ([], [0, 1, 2, 3, 4, 0o70]),
        ],
    )
    def test_a_handler_is_asked_about_calls_that_match(self, sandbox, when, asked):
        masks = []
        sandbox.add_handler("umask", lambda ctx: masks.append(ctx.args[0]) or CONTINUE, when=when)
        sandbox.run(python(self.CODE), check=True)
        assert masks == asked

    def test_a_condition_is_a_value(self):
        assert When.arg(0).eq(-1) == When.arg(0).eq((1 << 64) - 1)
        assert (
            len({When.arg(0).eq(1), When.arg(0).eq(1), When.arg(1).eq(1), When.arg(0).ne(1)}) == 3
        )
        assert repr(When.arg(2).masked_eq(0o3, 0)) == "When.arg(2).masked_eq(0x3, 0x0)"

    @pytest.mark.parametrize("index", [-1, 6, 1 << 70])
    def test_an_argument_that_is_none_is_told(self, index):
        with pytest.raises(sandlock.ArgumentError):
            When.arg(index)

    def test_a_value_that_no_argument_has_is_told(self):
        with pytest.raises(sandlock.ArgumentError):
            When.arg(0).eq(1 << 64)

    def test_a_condition_that_nothing_matches_is_told(self, sandbox):
        with pytest.raises(RegistrationError):
            sandbox.add_handler("umask", refuse, when=When.arg(0).masked_eq(1, 2))
        with pytest.raises(RegistrationError):
            sandbox.add_handler("umask", refuse, when=When.arg(0).lt(0))

    @pytest.mark.parametrize("when", [3, "x", [3], When.arg(0), lambda ctx: True])
    def test_a_condition_is_made_by_when(self, sandbox, when):
        with pytest.raises(TypeError, match="when is"):
            sandbox.add_handler("umask", refuse, when=when)


class TestRegistration:
    @pytest.mark.parametrize(
        ("call", "message"),
        [
            ("no_such_call", "no_such_call"),
            ("UNAME", "UNAME"),
            (-1, "negative"),
            (99999, "99999"),
            (1 << 70, "out of range"),
            ("mount", "the base deny list refuses it"),
            ("clone3", "clone3"),
            ("exit_group", "must not be trapped"),
            ("close", "allow_interruptible"),
            ([], "no system call is named"),
        ],
        ids=str,
    )
    def test_a_call_that_cannot_be_asked_about_is_told(self, sandbox, call, message):
        with pytest.raises(ValueError, match=message):
            sandbox.add_handler(call, refuse)

    @pytest.mark.parametrize("call", [b"uname", 1.5, None, ["uname", 1.5], [["uname"]]], ids=str)
    def test_a_call_is_a_name_or_a_number(self, sandbox, call):
        with pytest.raises(TypeError):
            sandbox.add_handler(call, refuse)

    def test_several_calls_are_registered_all_or_none(self, sandbox):
        with pytest.raises(RegistrationError, match="mount"):
            sandbox.add_handler(["uname", "mount"], refuse)
        assert "handlers: 0" in repr(sandbox)
        assert outcome(sandbox) == DONE
        sandbox.add_handler(["uname", "getppid"], refuse)
        assert outcome(sandbox) == EACCES

    def test_calls_of_the_policy_are_told(self, policy):
        with pytest.raises(RegistrationError, match=r"syscalls\.deny"):
            Sandbox(policy, deny_syscalls=["uname"]).add_handler("uname", refuse)
        with pytest.raises(RegistrationError, match=r"syscalls\.only"):
            Sandbox(policy, only_syscalls=["execve"]).add_handler("uname", refuse)

    def test_a_call_can_be_named_by_its_number(self, sandbox):
        numbers = []
        sandbox.add_handler("uname", lambda ctx: numbers.append(ctx.syscall) or CONTINUE)
        sandbox.run(UNAME)
        other = Sandbox(sandbox.policy)
        other.add_handler(numbers[0], refuse)
        assert outcome(other) == EACCES

    def test_calls_that_signals_may_interrupt_are_accepted_if_that_is_said(self, sandbox):
        sandbox.add_handler("dup", Deny(errno.EACCES), allow_interruptible=True)
        code = "import ctypes; print(ctypes.CDLL(None).dup(0))"
        assert sandbox.run(python(code)).stdout == b"-1\n"

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"priority": "first"}, "priority"),
            ({"mode": "fast"}, "mode"),
            ({"on_error": "ignore"}, "on_error"),
            ({"on_error": 0}, "1 to 4095"),
            ({"on_error": 5000}, "1 to 4095"),
            ({"on_error": 1 << 70}, "on_error"),
            ({"deadline": 0}, "deadline"),
            ({"deadline": 3601}, "deadline"),
            ({"deadline": -1}, "deadline"),
            ({"deadline": 1, "mode": "inline"}, "pooled"),
            ({"name": ""}, "name"),
            ({"name": "policy"}, "name"),
            ({"name": "tasks"}, "name"),
        ],
        ids=str,
    )
    def test_an_option_that_makes_no_sense_is_told(self, sandbox, options, message):
        with pytest.raises(ValueError, match=message):
            sandbox.add_handler("uname", refuse, **options)
        assert outcome(sandbox) == DONE

    @pytest.mark.parametrize(
        "options",
        [
            {"name": 3},
            {"deadline": "1"},
            {"priority": 3},
            {"allow_interruptible": "yes"},
            {"no": 1},
        ],
        ids=str,
    )
    def test_an_option_of_another_type_is_told(self, sandbox, options):
        with pytest.raises(TypeError):
            sandbox.add_handler("uname", refuse, **options)

    def test_an_async_handler_cannot_be_inline(self, sandbox):
        with pytest.raises(RegistrationError, match="pooled"):
            sandbox.add_handler("uname", later, mode="inline")

    def test_handlers_can_be_added_while_programs_run(self, sandbox):
        process = sandbox.popen(["sh", "-c", "read line; exec uname"], stdin=sandlock.PIPE)
        sandbox.add_handler("uname", refuse)
        process.communicate(b"\n")
        assert process.wait().success
        assert outcome(sandbox) == EACCES


class TestPooled:
    def test_several_are_asked_at_once(self, sandbox):
        # Each waits for the other one: on one thread they would wait for ever.
        both = threading.Barrier(2)

        def handler(ctx):
            both.wait(20)
            return REFUSED

        sandbox.add_handler("uname", handler, mode="pooled", deadline=30)
        command = ["sh", "-c", "uname & uname; wait"]
        assert sandbox.run(command).stderr.count(b"Permission denied") == 2

    def test_a_call_that_is_not_answered_in_time_is_refused(self, sandbox):
        go_on = threading.Event()
        sandbox.add_handler(
            "uname", lambda ctx: go_on.wait(20) and CONTINUE, deadline=0.1, name="late"
        )
        try:
            result = sandbox.run(UNAME)
        finally:
            go_on.set()
        assert result.stdout == EPERM
        (failure,) = result.handler_errors
        assert (failure.syscall, failure.handler, failure.cause) == ("uname", "late", None)
        assert "deadline" in failure.message

    def test_what_fails_is_a_failure_as_inline(self, sandbox):
        sandbox.add_handler("uname", lambda ctx: 1 / 0, mode="pooled")
        with pytest.raises(HandlerError) as raised:
            sandbox.run(UNAME)
        assert isinstance(raised.value.__cause__, ZeroDivisionError)

    def test_a_handler_can_run_another_program(self, sandbox, policy):
        other = Sandbox(policy)

        def handler(ctx):
            return REFUSED if other.run(["echo"]).success else CONTINUE

        sandbox.add_handler("uname", handler, mode="pooled")
        assert outcome(sandbox) == EACCES


class TestFailures:
    """What a handler raises, and what it answers that is no answer."""

    def test_what_is_raised_is_the_cause(self, sandbox):
        def broken(ctx):
            raise LookupError("mine")

        sandbox.add_handler("uname", broken)
        with pytest.raises(HandlerError) as raised:
            sandbox.run(["sh", "-c", "echo out; uname; echo behind"])
        error = raised.value
        assert type(error.__cause__) is LookupError
        assert "in broken" in "".join(traceback.format_tb(error.__cause__.__traceback__))
        assert "LookupError: mine" in str(error) and "uname" in str(error)
        assert (error.result.reason, error.result.stdout) == ("killed", b"out\n")
        assert error.handler_error.handler.endswith("broken")

    @pytest.mark.parametrize(
        "exception",
        [KeyboardInterrupt, SystemExit, StopIteration, GeneratorExit, MemoryError, RecursionError],
    )
    def test_nothing_that_is_raised_gets_lost(self, sandbox, exception):
        def broken(ctx):
            raise exception

        sandbox.add_handler("uname", broken)
        with pytest.raises(HandlerError) as raised:
            sandbox.run(UNAME)
        assert type(raised.value.__cause__) is exception

    def test_an_exception_that_cannot_be_shown_is_told(self, sandbox):
        class Broken(Exception):
            def __str__(self):
                raise ValueError("no text")

        def broken(ctx):
            raise Broken

        sandbox.add_handler("uname", broken)
        with pytest.raises(HandlerError) as raised:
            sandbox.run(UNAME)
        assert type(raised.value.__cause__) is Broken

    def test_a_chain_of_exceptions_is_kept(self, sandbox):
        def broken(ctx):
            raise ValueError("second") from LookupError("first")

        sandbox.add_handler("uname", broken)
        with pytest.raises(HandlerError) as raised:
            sandbox.run(UNAME)
        assert str(raised.value.__cause__.__cause__) == "first"

    def test_deep_recursion_is_a_failure(self, sandbox):
        def deeper(ctx):
            return deeper(ctx)

        sandbox.add_handler("uname", deeper)
        with pytest.raises(HandlerError) as raised:
            sandbox.run(UNAME)
        assert type(raised.value.__cause__) is RecursionError

    @pytest.mark.parametrize(
        ("answer", "message"),
        [
            (None, "answered with NoneType"),
            (True, "answered with bool"),
            (0, "answered with int"),
            ("continue", "answered with str"),
            (NotifAction, "answered with type"),
            (NotifAction.continue_, "call it"),
            (NotImplemented, "NotImplementedType"),
        ],
    )
    def test_an_answer_that_is_none_is_a_failure(self, sandbox, answer, message):
        sandbox.add_handler("uname", lambda ctx: answer)
        with pytest.raises(HandlerError, match=message) as raised:
            sandbox.run(UNAME)
        assert raised.value.__cause__ is None

    def test_a_coroutine_is_no_answer(self, sandbox):
        sandbox.add_handler("uname", lambda ctx: later(ctx))
        with pytest.raises(HandlerError, match="answered with a coroutine"):
            sandbox.run(UNAME)

    @pytest.mark.parametrize("mode", ["inline", "pooled"])
    def test_on_error_is_a_number_that_the_call_fails_with(self, sandbox, mode):
        def broken(ctx):
            raise LookupError("mine")

        sandbox.add_handler("uname", broken, on_error=errno.EACCES, name="mine", mode=mode)
        result = sandbox.run(UNAME)
        assert result.stdout == EACCES
        (failure,) = result.handler_errors
        assert (failure.syscall, failure.handler) == ("uname", "mine")
        assert failure.message == "LookupError: mine"
        assert type(failure.cause) is LookupError
        assert "in broken" in "".join(traceback.format_tb(failure.cause.__traceback__))
        assert repr(failure) == "<HandlerFailure of mine at uname: LookupError: mine>"

    def test_a_hundred_failures_are_listed_and_more_are_counted(self, sandbox):
        sandbox.add_handler("getppid", lambda ctx: None, on_error=1)
        result = sandbox.run(python("import os\nfor _ in range(130): os.getppid()"))
        assert (len(result.handler_errors), result.handler_errors_dropped) == (100, 30)

    def test_names_are_those_of_the_handlers(self, sandbox):
        count = Count()
        seen = []

        class Seeing(Observer):
            def verdict(self, ctx, verdict):
                seen.append(verdict.by)

        sandbox.add_observer("uname", Seeing())
        sandbox.add_observer("uname", count)
        sandbox.add_handler("uname", Refusing())
        sandbox.run(UNAME)
        assert seen == ["Refusing"]


def code_of(ctx):
    """The address of the instruction that makes the call; its first byte is not zero."""
    return ctx.instruction_pointer - {"x86_64": 2, "aarch64": 4}[ctx.arch]


class TestRefusals:
    """An error about the task that a handler lets pass is a refusal, not a failure."""

    @pytest.mark.parametrize(
        ("ask", "number"),
        [
            (lambda ctx: ctx.read(0, 1), errno.EFAULT),
            (lambda ctx: ctx.read((1 << 64) - 1 + 8, 1), errno.EFAULT),
            (lambda ctx: ctx.read_cstr(code_of(ctx), 1), errno.ENAMETOOLONG),
            (lambda ctx: ctx.open_request(), errno.EPERM),
        ],
        ids=["unmapped", "beyond", "too_long", "no_open"],
    )
    def test_the_call_fails_with_its_number(self, sandbox, ask, number):
        def handler(ctx):
            ask(ctx)
            return CONTINUE

        sandbox.add_handler("uname", handler)
        result = sandbox.run(UNAME)
        assert (result.stdout, result.handler_errors) == (b"%d\n" % number, ())

    @pytest.mark.parametrize(("number", "seen"), [(13, 13), (None, 1), (0, 1), (5000, 1), (-13, 1)])
    def test_a_handler_can_raise_one_of_its_own(self, sandbox, number, seen):
        def handler(ctx):
            raise TaskError("not for you", errno=number)

        sandbox.add_handler("uname", handler)
        assert outcome(sandbox) == b"%d\n" % seen

    @pytest.mark.parametrize("number", ["13", 1 << 70, 13.5], ids=str)
    def test_a_number_that_is_none_is_a_failure(self, sandbox, number):
        def handler(ctx):
            raise TaskError("not for you", errno=number)

        sandbox.add_handler("uname", handler)
        with pytest.raises(HandlerError):
            sandbox.run(UNAME)

    def test_an_error_that_comes_of_it_is_a_failure(self, sandbox):
        def handler(ctx):
            try:
                ctx.read(0, 1)
            except TaskError as error:
                raise RuntimeError("confused") from error

        sandbox.add_handler("uname", handler)
        with pytest.raises(HandlerError, match="confused"):
            sandbox.run(UNAME)


class TestThread:
    """Handlers run on threads that Python has not started."""

    def test_threading_knows_them(self, sandbox):
        threads = []
        sandbox.add_handler(
            "uname", lambda ctx: threads.append(threading.current_thread()) or CONTINUE
        )
        outcome(sandbox)
        (thread,) = threads
        assert thread is not threading.current_thread()

    def test_what_belongs_to_a_thread_stays_for_a_run(self, sandbox):
        local = threading.local()
        seen = []

        def handler(ctx):
            local.calls = getattr(local, "calls", 0) + 1
            seen.append(local.calls)
            return CONTINUE

        sandbox.add_handler("uname", handler)
        sandbox.run(["sh", "-c", "uname; uname; uname"])
        sandbox.run(["uname"])
        assert seen == [1, 2, 3, 1]

    def test_logging_works(self, sandbox, caplog):
        caplog.set_level(logging.INFO)
        sandbox.add_handler(
            "uname", lambda ctx: logging.info("asked about %s", ctx.name) or CONTINUE
        )
        outcome(sandbox)
        assert caplog.messages == ["asked about uname"]

    def test_locks_work(self, sandbox):
        lock = threading.RLock()

        def handler(ctx):
            with lock:
                return REFUSED

        sandbox.add_handler("uname", handler)
        assert outcome(sandbox) == EACCES

    def test_printing_works(self, sandbox, capsys):
        sandbox.add_handler("uname", lambda ctx: print("asked") or CONTINUE)
        outcome(sandbox)
        assert capsys.readouterr().out == "asked\n"

    def test_a_trace_function_does_not_harm(self, sandbox):
        called = []
        threading.setprofile(lambda *_: called.append(1))
        try:
            sandbox.add_handler("uname", refuse)
            assert outcome(sandbox) == EACCES
        finally:
            threading.setprofile(None)
