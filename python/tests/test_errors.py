"""Exceptions: one class for each kind of error, and each kind in the situation that it is for."""

import errno
import inspect
import os
import pickle

import pytest
from guests import python
from lacking import printed_without

import sandlock
from sandlock import NotifAction, Policy, Sandbox, SandlockError, _errors
from sandlock._native import ERROR_KINDS

# What each class is besides, for those who do not know this package.
BASES = {
    "PolicyError": ValueError,
    "UnsupportedError": SandlockError,
    "CommandError": ValueError,
    "CommandNotFoundError": FileNotFoundError,
    "CannotExecuteError": PermissionError,
    "SpawnError": OSError,
    "SystemCallError": OSError,
    "HandlerError": SandlockError,
    "RegistrationError": ValueError,
    "ArgumentError": ValueError,
    "InternalError": RuntimeError,
    "TaskGoneError": SandlockError,
    "TaskMemoryError": SandlockError,
    "TooLongError": SandlockError,
    "TaskError": SandlockError,
}
# Classes of no kind: how a program ended is no error on other surfaces.
PYTHONS_OWN = {"SandlockError": "", "ExitError": "exit", "TimeoutExpired": "timeout"}

ATTRIBUTES = {
    "errno": None,
    "setting": None,
    "step": None,
    "hint": None,
    "problems": (),
    "handler_error": None,
    "result": None,
}


def classes() -> dict[str, type[SandlockError]]:
    exported = {name: getattr(sandlock, name) for name in sandlock.__all__}
    return {
        name: value
        for name, value in exported.items()
        if inspect.isclass(value) and issubclass(value, BaseException)
    }


def raised_by(action) -> SandlockError:
    with pytest.raises(SandlockError) as raised:
        action()
    return raised.value


class TestClasses:
    def test_there_is_a_class_for_each_kind_and_no_other(self):
        assert {value.kind for value in _errors.CLASS_OF_KIND.values()} == set(ERROR_KINDS)
        assert _errors.CLASS_OF_KIND.keys() == ERROR_KINDS.keys()
        of_kinds = {value.__name__ for value in _errors.CLASS_OF_KIND.values()}
        assert set(classes()) == of_kinds | set(PYTHONS_OWN)
        assert set(BASES) == of_kinds

    @pytest.mark.parametrize("kind", ERROR_KINDS)
    def test_a_class_has_the_name_and_the_number_of_its_kind(self, kind):
        cls = _errors.CLASS_OF_KIND[kind]
        assert (cls.kind, cls.code) == (kind, ERROR_KINDS[kind])
        error = cls("why")
        assert (error.kind, error.code) == (kind, ERROR_KINDS[kind])

    def test_numbers_are_above_zero_and_different(self):
        assert min(ERROR_KINDS.values()) > 0
        assert len(set(ERROR_KINDS.values())) == len(ERROR_KINDS)

    @pytest.mark.parametrize("name", PYTHONS_OWN)
    def test_classes_of_no_kind_have_no_number(self, name):
        assert (classes()[name].kind, classes()[name].code) == (PYTHONS_OWN[name], 0)

    @pytest.mark.parametrize("name", BASES)
    def test_a_class_is_what_people_expect_it_to_be(self, name):
        assert issubclass(classes()[name], SandlockError)
        assert issubclass(classes()[name], BASES[name])

    def test_kinds_that_belong_together_have_a_common_class(self):
        assert issubclass(sandlock.CommandNotFoundError, sandlock.SpawnError)
        assert issubclass(sandlock.CannotExecuteError, sandlock.SpawnError)
        for name in ("TaskGoneError", "TaskMemoryError", "TooLongError"):
            assert issubclass(classes()[name], sandlock.TaskError)
        assert issubclass(sandlock.TimeoutExpired, TimeoutError)

    @pytest.mark.parametrize("name", ["HandlerError", "UnsupportedError", "ExitError", "TaskError"])
    def test_a_class_is_nothing_that_others_catch_by_mistake(self, name):
        assert not issubclass(classes()[name], (OSError, ValueError))

    @pytest.mark.parametrize("cls", classes().values(), ids=lambda cls: cls.__name__)
    def test_a_class_says_where_it_is_and_what_it_means(self, cls):
        assert cls.__module__ == "sandlock"
        assert inspect.getdoc(cls)

    @pytest.mark.parametrize("cls", classes().values(), ids=lambda cls: cls.__name__)
    def test_attributes_are_always_there(self, cls):
        error = cls("why")
        assert {name: getattr(error, name) for name in ATTRIBUTES} == ATTRIBUTES
        assert str(error) == "why"
        assert cls.__name__ in repr(error) and "why" in repr(error)
        assert str(cls()) == ""

    @pytest.mark.parametrize("cls", classes().values(), ids=lambda cls: cls.__name__)
    @pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
    def test_an_exception_can_be_pickled(self, cls, protocol):
        fields = {
            "errno": errno.EACCES,
            "setting": "fs.read",
            "step": "execute the program",
            "hint": "grant it",
            "problems": (("fs.read", "missing"),),
        }
        error = pickle.loads(pickle.dumps(cls("why", **fields), protocol))
        assert type(error) is cls
        assert str(error) == "why"
        assert {name: getattr(error, name) for name in fields} == fields

    def test_a_subclass_can_be_raised_and_pickled(self):
        error = pickle.loads(pickle.dumps(OwnError("mine", setting="fs.read")))
        assert (type(error), str(error), error.setting) == (OwnError, "mine", "fs.read")


class OwnError(sandlock.PolicyError):
    pass


class TestSituations:
    """Each kind is raised where it belongs."""

    def test_policy(self):
        error = raised_by(lambda: Policy(timeout="soon"))
        assert type(error) is sandlock.PolicyError
        assert error.setting == "limits.timeout"
        assert error.problems == (("limits.timeout", str(error).partition(": ")[2]),)

    def test_unsupported(self):
        code = """
            import sandlock
            try:
                sandlock.Sandbox(fs_readable=["/usr"])
            except sandlock.UnsupportedError as error:
                print(error.kind, type(error).__name__, error)
        """
        printed = printed_without("landlock_create_ruleset", code)
        assert printed.startswith("unsupported UnsupportedError ")
        assert "Landlock" in printed

    @pytest.mark.parametrize("command", [[], [""], ["true\0"]], ids=["empty", "no_name", "nul"])
    def test_command(self, sandbox, command):
        assert type(raised_by(lambda: sandbox.run(command))) is sandlock.CommandError
        assert sandbox.run(["true"]).success

    def test_not_found(self, sandbox, job):
        for command in ("no-such-command", job / "missing", job / "missing" / "deeper"):
            error = raised_by(lambda command=command: sandbox.run([command]))
            assert type(error) is sandlock.CommandNotFoundError
            assert (error.errno, error.strerror) == (errno.ENOENT, os.strerror(errno.ENOENT))
            assert str(command) in str(error)

    def test_cannot_execute_what_is_not_executable(self, policy, job):
        script = job / "script"
        script.write_text("#!/bin/sh\nexit 0\n")
        sandbox = Sandbox(policy, fs_readable=[job])
        error = raised_by(lambda: sandbox.run([script]))
        assert type(error) is sandlock.CannotExecuteError
        assert error.errno == errno.EACCES
        assert "executable" in error.hint and error.hint in str(error)
        script.chmod(0o755)
        assert sandbox.run([script]).success

    def test_cannot_execute_what_is_not_granted(self, sandbox):
        error = raised_by(lambda: Sandbox().run(["/usr/bin/true"]))
        assert type(error) is sandlock.CannotExecuteError
        assert (error.errno, error.setting) == (errno.EACCES, "fs.read")
        assert error.step == "execute the program"
        assert "/usr/bin/true" in str(error)
        assert sandbox.run(["/usr/bin/true"]).success

    def test_spawn(self):
        code = """
            import sandlock
            lib = ["/lib", "/lib64"]
            sandbox = sandlock.Sandbox(fs_readable=["/usr"], fs_readable_if_exists=lib)
            try:
                sandbox.run(["true"])
            except sandlock.SpawnError as error:
                print(type(error).__name__, error.step, error.errno, sep="; ")
        """
        printed = printed_without("setsid", code)
        assert printed == f"SpawnError; start a new session; {errno.ENOSYS}\n"

    def test_io(self, sandbox):
        error = raised_by(lambda: sandbox.run(["true"], stdin=9999))
        assert type(error) is sandlock.SystemCallError
        assert (error.errno, error.strerror) == (errno.EBADF, os.strerror(errno.EBADF))
        assert "9999" in str(error)

    @pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")
    def test_io_in_a_process_that_was_forked(self, sandbox):
        with sandbox.popen(["cat"], stdin=sandlock.PIPE) as process:
            child = os.fork()
            if child == 0:
                try:
                    process.wait()
                except sandlock.SystemCallError as error:
                    os._exit(error.errno)
                os._exit(0)
            assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == errno.ECHILD

    def test_handler(self, sandbox):
        def fails(ctx):
            raise KeyError("mine")

        sandbox.add_handler("uname", fails)
        error = raised_by(lambda: sandbox.run(["sh", "-c", "echo before; uname"]))
        assert type(error) is sandlock.HandlerError
        assert isinstance(error.__cause__, KeyError)
        failure = error.handler_error
        assert (failure.syscall, failure.cause) == ("uname", error.__cause__)
        assert failure.handler.endswith("fails")
        assert (error.result.reason, error.result.stdout) == ("killed", b"before\n")

    def test_handler_without_its_cause_can_be_pickled(self, sandbox):
        sandbox.add_handler("uname", lambda ctx: 1 / 0)
        error = raised_by(lambda: sandbox.run(["uname"]))
        copied = pickle.loads(pickle.dumps(error))
        assert (copied.result, copied.handler_error) == (error.result, error.handler_error)
        assert copied.handler_error.cause is None

    @pytest.mark.parametrize("call", ["no_such_call", -1, 99999, "mount", "exit_group", "close"])
    def test_registration(self, sandbox, call):
        error = raised_by(lambda: sandbox.add_handler(call, sandlock.Deny()))
        assert type(error) is sandlock.RegistrationError
        assert str(call) in str(error)

    def test_argument(self):
        error = raised_by(lambda: sandlock.Deny(0))
        assert type(error) is sandlock.ArgumentError

    @pytest.mark.parametrize("number", [0, -1, 4096, 1 << 80])
    def test_a_number_out_of_range_is_an_argument(self, number):
        assert type(raised_by(lambda: NotifAction.errno(number))) is sandlock.ArgumentError

    def test_task_gone(self, sandbox):
        kept = []

        def keep(ctx):
            kept.append(ctx)
            return NotifAction.continue_()

        sandbox.add_handler("uname", keep)
        assert sandbox.run(["uname"]).success
        error = raised_by(lambda: kept[0].pid)
        assert type(error) is sandlock.TaskGoneError
        assert "dead" in str(error)

    @pytest.mark.parametrize(
        ("ask", "cls", "number"),
        [
            (lambda ctx: ctx.read(0, 8), "TaskMemoryError", errno.EFAULT),
            (lambda ctx: ctx.write(0, b"x"), "TaskMemoryError", errno.EFAULT),
            (lambda ctx: ctx.read(ctx.args[0], 1 << 30), "TooLongError", errno.ENAMETOOLONG),
            (lambda ctx: ctx.open_request(), "TaskError", None),
        ],
        ids=["read", "write", "too_long", "no_open"],
    )
    def test_errors_of_tasks(self, sandbox, ask, cls, number):
        found = []

        def handler(ctx):
            try:
                ask(ctx)
            except SandlockError as error:
                found.append(error)
            return NotifAction.continue_()

        sandbox.add_handler("uname", handler)
        assert sandbox.run(["uname"]).success
        (error,) = found
        assert type(error).__name__ == cls
        assert number is None or error.errno == number

    def test_exit(self, sandbox):
        with pytest.raises(sandlock.ExitError, match="exited with 3") as raised:
            sandbox.run(python("print('out'); raise SystemExit(3)"), check=True)
        assert (raised.value.result.exit_code, raised.value.result.stdout) == (3, b"out\n")

    def test_timeout(self, sandbox):
        with pytest.raises(sandlock.TimeoutExpired) as raised:
            sandbox.run(["sh", "-c", "echo out; exec sleep 60"], timeout=1, check=True)
        assert (raised.value.result.reason, raised.value.result.stdout) == ("timeout", b"out\n")

    def test_what_a_program_says_about_its_end_is_escaped(self, sandbox):
        code = r"import sys; sys.stderr.write('first\n\x1b[31mlast\n'); sys.exit(1)"
        with pytest.raises(sandlock.ExitError) as raised:
            sandbox.run(python(code), check=True, text=True)
        assert str(raised.value) == r"the program exited with 1: '\x1b[31mlast'"
