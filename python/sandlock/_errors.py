"""One exception per kind of error. The kinds are those of the native module, and of every
surface."""

from __future__ import annotations

import os

from ._native import ERROR_KINDS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any, NoReturn

    from ._native import HandlerFailure, Result


class SandlockError(Exception):
    """Why something could not be done. Its text is one line with everything a user needs."""

    kind: str = ""
    """The kind of the error, the same word on every surface: "policy", "not_found", ...; of those
    that are Python's alone, ExitError and TimeoutExpired, "exit" and "timeout"."""
    code: int = 0
    """The permanent number of the kind, which is also the status code of the C library; 0 where
    there is none."""

    errno: Any
    """The error number behind the failure; None where there is none."""
    setting: str | None
    """The dotted path of the (first) setting at fault: "limits.file_size", "fs.read[2]"."""
    step: str | None
    """The step of the start, or of confine_self(), that failed."""
    hint: str | None
    """A way out, where one is known. It is part of the text too."""
    problems: tuple[tuple[str, str], ...]
    """Every problem found in the settings: dotted path and message."""
    handler_error: HandlerFailure | None
    """The handler that failed, for HandlerError and for a start that its failure refused."""
    result: Result | None
    """What the program left that ended so: of HandlerError, ExitError and TimeoutExpired."""

    def __init__(
        self,
        message: str = "",
        *,
        errno: int | None = None,
        setting: str | None = None,
        step: str | None = None,
        hint: str | None = None,
        problems: Sequence[tuple[str, str]] = (),
        handler_error: HandlerFailure | None = None,
        result: Result | None = None,
    ) -> None:
        super().__init__(message)
        self.errno = errno
        if isinstance(self, OSError) and errno is not None:
            setattr(self, "strerror", os.strerror(errno))  # noqa: B010
        self.setting = setting
        self.step = step
        self.hint = hint
        self.problems = tuple(problems)
        self.handler_error = handler_error
        self.result = result

    def __str__(self) -> str:
        return str(self.args[0]) if self.args else ""

    def __reduce__(self) -> tuple[Any, ...]:
        # An OSError among the bases would make another one of it.
        fields = ("errno", "setting", "step", "hint", "problems", "handler_error", "result")
        return _rebuild, (type(self), self.args[:1], {name: getattr(self, name) for name in fields})


def _rebuild(
    cls: type[SandlockError], args: tuple[str, ...], fields: dict[str, Any]
) -> SandlockError:
    return cls(*args, **fields)


class PolicyError(SandlockError, ValueError):
    """A setting is unknown, malformed or contradicts another one: see `problems`."""


class UnsupportedError(SandlockError):
    """This kernel cannot enforce what the policy asks for."""


class CommandError(SandlockError, ValueError):
    """The command, or something else that was asked for one start, cannot be used."""


class SpawnError(SandlockError, OSError):
    """The program could not be started, or the calling thread not be confined: see `step`."""


class CommandNotFoundError(SpawnError, FileNotFoundError):
    """The command does not exist."""


class CannotExecuteError(SpawnError, PermissionError):
    """The command exists but cannot be executed, or the policy does not let it start."""


class SystemCallError(SandlockError, OSError):
    """A system call of the library itself failed."""


class HandlerError(SandlockError):
    """A handler failed, and the tree was killed. What the handler raised is the cause."""


class RegistrationError(SandlockError, ValueError):
    """A handler cannot be registered for that call, or with these options."""


class ArgumentError(SandlockError, ValueError):
    """An argument cannot be used."""


class InternalError(SandlockError, RuntimeError):
    """A bug of this library."""


class TaskError(SandlockError):
    """Something about a task that waits for an answer could not be done.

    Where a handler lets it pass, the call is refused with `errno`, or EPERM if there is none.
    """


class TaskGoneError(TaskError):
    """The task waits no more, or the handler has been asked: its HandlerCtx is dead."""


class TaskMemoryError(TaskError):
    """Memory of the task is not mapped."""


class TooLongError(TaskError):
    """Something of the task is longer than the limit."""


class ExitError(SandlockError):
    """With check=True: the program ended otherwise than with 0, in time. See `result`."""

    kind = "exit"


class TimeoutExpired(SandlockError, TimeoutError):
    """With check=True, and of Process.wait(): the time was over.

    `result` has what the program printed until then; it is None where the program still runs.
    """

    kind = "timeout"


CLASS_OF_KIND: dict[str, type[SandlockError]] = {
    "policy": PolicyError,
    "unsupported": UnsupportedError,
    "command": CommandError,
    "not_found": CommandNotFoundError,
    "cannot_execute": CannotExecuteError,
    "spawn": SpawnError,
    "io": SystemCallError,
    "handler": HandlerError,
    "registration": RegistrationError,
    "argument": ArgumentError,
    "internal": InternalError,
    "task_gone": TaskGoneError,
    "task_memory": TaskMemoryError,
    "too_long": TooLongError,
    "task": TaskError,
}

for _kind, _class in CLASS_OF_KIND.items():
    _class.kind, _class.code = _kind, ERROR_KINDS[_kind]


def raise_for(result: Result) -> NoReturn:
    """Raises what says how a program ended that did not succeed."""
    if result.reason == "timeout":
        message = f"the program's time was over after {result.usage.wall:.3g} seconds"
        raise TimeoutExpired(message, result=result)
    if result.exit_code is not None:
        how = f"the program exited with {result.exit_code}"
    else:
        how = f"signal {result.signal} ended the program ({result.reason})"
    raise ExitError(how + _last_words(result.stderr), result=result)


def _last_words(stderr: Any) -> str:
    """The last line of what it said about it, escaped: the program may have put anything there."""
    lines = stderr[-1000:].strip().splitlines()
    return f": {lines[-1][:200]!r}" if lines else ""
