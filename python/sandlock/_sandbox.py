"""A policy made ready to run programs under it."""

from __future__ import annotations

from . import _native
from ._errors import RegistrationError
from ._native import Policy
from ._process import Process
from ._registration import HandlerRegistration, ObserverRegistration, Registration, is_observer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from asyncio import AbstractEventLoop
    from collections.abc import Iterable, Sequence
    from typing import Any, Literal, overload

    from typing_extensions import Unpack

    from ._native import Enforcement, Result, When
    from ._settings import Settings, StrOrBytesPath
    from ._types import (
        AnyHandler,
        AnyObserver,
        Environment,
        RunOptions,
        Seconds,
        Stream,
        Syscalls,
        Watching,
        WatchingObject,
    )

PIPE: int = _native.PIPE
"""For popen(): the other end is an attribute of the Process. For run(): collected for the
result."""
STDOUT: int = _native.STDOUT
"""For stderr: whatever stdout is, so that both keep their order."""
DEVNULL: int = _native.DEVNULL
"""/dev/null."""
INHERIT: int = _native.INHERIT
"""This process's own descriptor of the same number."""


class Sandbox:
    """A policy, checked against this kernel and made ready: it runs any number of programs, also at
    the same time from several threads, and in processes forked from this one.

    Takes a Policy, or its settings as keywords, or both: keywords are laid over the policy, lists
    append and everything else replaces. Granted paths are resolved here, not at each run. `name` is
    for people.

    Raises PolicyError, with every problem at once, and UnsupportedError where this kernel lacks a
    protection that the policy demands.

    >>> sandbox = Sandbox(fs_readable=["/usr"], fs_readable_if_exists=["/lib", "/lib64"])
    >>> sandbox.run(["echo", "hello"]).stdout
    b'hello\\n'
    """

    def __init__(
        self,
        policy: Policy | None = None,
        /,
        *,
        name: str | None = None,
        **settings: Unpack[Settings],
    ) -> None:
        if policy is None:
            policy = Policy(**settings)
        elif not isinstance(policy, Policy):
            kind = type(policy).__qualname__
            raise TypeError(
                f"expected a Policy, not {kind}; settings are keywords: Sandbox(**settings)"
            )
        elif settings:
            policy = policy.with_settings(**settings)
        self._policy = policy
        self._name = name
        self._registrations: list[Registration] = []
        self._native = _native.Sandbox(policy, name)

    @property
    def policy(self) -> Policy:
        """What was asked for."""
        return self._policy

    @property
    def name(self) -> str | None:
        """What people call it."""
        return self._name

    @property
    def enforcement(self) -> Enforcement:
        """What a run will enforce, what is degraded and weakened, with what handlers add to it."""
        return self._native.enforcement()

    if TYPE_CHECKING:

        @overload
        def add_handler(
            self,
            syscall: Syscalls,
            handler: AnyHandler | WatchingObject,
            *,
            priority: Literal["after", "before"] = "after",
            mode: Literal["inline", "pooled"] | None = None,
            deadline: Seconds | None = None,
            when: When | Iterable[When] | None = None,
            on_error: Literal["kill"] | int = "kill",
            name: str | None = None,
            allow_interruptible: bool = False,
            observe: Literal[False] = False,
        ) -> None: ...
        @overload
        def add_handler(
            self,
            syscall: Syscalls,
            handler: Watching,
            *,
            when: When | Iterable[When] | None = None,
            name: str | None = None,
            allow_interruptible: bool = False,
            observe: Literal[True],
        ) -> None: ...

    def add_handler(
        self,
        syscall: Syscalls,
        handler: AnyHandler | AnyObserver,
        *,
        priority: Literal["after", "before"] = "after",
        mode: Literal["inline", "pooled"] | None = None,
        deadline: Seconds | None = None,
        when: When | Iterable[When] | None = None,
        on_error: Literal["kill"] | int = "kill",
        name: str | None = None,
        allow_interruptible: bool = False,
        observe: bool = False,
    ) -> None:
        """Asks `handler` about a call, or about several: names or numbers. Handlers are asked in
        the order in which they were added, behind the built-ins; the first answer that is not
        NotifAction.continue_() wins, and none can grant what the policy refuses.

        `handler` is a Handler, a callable that takes a HandlerCtx, one of the ready-made handlers,
        or an observer, for which this is add_observer(); with `observe` a callable is one, too.

        `priority`: "before" asks it in front of the built-ins; it can only make things stricter.
        `mode`: "inline" (usual) on the supervisor's thread, which answers one call after the other;
        "pooled" on one of up to 16 threads, for handlers that wait: a call that has no answer after
        `deadline` seconds (10 if nothing is said, at most 3600) fails with EPERM. An `async def` is
        pooled; under run_async() it runs on that event loop.
        `when`: conditions that must all hold; other calls are not trapped and cost nothing.
        `on_error`: what it means that it raised, or answered with something that is no NotifAction.
        "kill" (usual): the tree is killed, and run() raises HandlerError from what it raised. An
        error number: the call fails with it, and the failure is listed in Result.handler_errors. A
        TaskError of the HandlerCtx is a refusal, not a failure.
        `name`: in verdicts and errors. `allow_interruptible`: accepts calls that a signal must not
        interrupt (close, dup, fork, clone, wait).

        Raises RegistrationError, which names the call and the reason: there is no such call, the
        policy refuses it, so that nobody would be asked, or it must not be trapped. Nothing is
        registered then.
        """
        shown = {"when": when, "name": name, "allow_interruptible": allow_interruptible}
        if observe or is_observer(handler):
            if (priority, mode or "inline", deadline, on_error) != (
                "after",
                "inline",
                None,
                "kill",
            ):
                raise RegistrationError("an observer has no priority, mode, deadline or on_error")
            self._register(ObserverRegistration(syscall, handler, shown))
        else:
            options = {"priority": priority, "on_error": on_error, **shown}
            self._register(HandlerRegistration(syscall, handler, options, mode, deadline))

    def add_observer(
        self,
        syscall: Syscalls,
        observer: AnyObserver,
        *,
        when: When | Iterable[When] | None = None,
        name: str | None = None,
        allow_interruptible: bool = False,
    ) -> None:
        """Shows `observer` every such call that the supervisor is asked about, before anybody
        decides, and what was decided: an Observer, a ready-made one, or a callable that takes a
        HandlerCtx.

        Options and errors as of add_handler().
        """
        shown = {"when": when, "name": name, "allow_interruptible": allow_interruptible}
        self._register(ObserverRegistration(syscall, observer, shown))

    def run(
        self,
        cmd: Sequence[StrOrBytesPath],
        *,
        input: Any = None,
        timeout: Seconds | None = None,
        check: bool = False,
        text: bool = False,
        cwd: StrOrBytesPath | None = None,
        env: Environment | None = None,
        stdin: Stream = None,
        stdout: Stream = None,
        stderr: Stream = None,
        encoding: str | None = None,
        errors: str | None = None,
        capture_limit: int | None = None,
    ) -> Result:
        """Runs a command to its end and collects what it prints. A program that ends badly is no
        error: the result says how it ended. When the program ends, whatever it left running is
        killed.

        `cmd`: the program, looked for in its PATH, and its arguments. No shell is involved.
        `input`: bytes for descriptor 0, or str with `text`; `stdin` is a file or descriptor
        instead, or INHERIT. Usually there is nothing to read.
        `timeout`: seconds, instead of the policy's; then the whole tree is killed. inf is none.
        `check`: raises ExitError or TimeoutExpired, with the result, unless the program succeeded.
        `text`, `encoding`, `errors`: outputs are str. What is no text is replaced, where `errors`
        says nothing else: a program cannot raise UnicodeDecodeError here.
        `cwd`: the directory to start in; it grants nothing.
        `env`: the whole environment, as in subprocess: nothing of this process's variables but what
        is in it, and what the policy sets.
        `stdout`, `stderr`: PIPE (usual) collects; DEVNULL, INHERIT, a file or a descriptor; STDOUT
        for stderr.
        `capture_limit`: how many bytes of each output are kept, 64 MiB if nothing is said; the rest
        is read and counted.

        Other Python threads run meanwhile. A KeyboardInterrupt, or whatever else a signal handler
        raises, ends the tree and goes on.

        Raises CommandNotFoundError (a FileNotFoundError), CannotExecuteError (a PermissionError),
        SpawnError, CommandError; HandlerError if a handler's failure ended the run.
        """
        run = self._native.begin(
            cmd,
            input=input,
            timeout=timeout,
            text=text,
            cwd=cwd,
            env=env,
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            encoding=encoding,
            errors=errors,
            capture_limit=capture_limit,
        )
        result = _result_of(run)
        if check:
            result.check()
        return result

    async def run_async(
        self,
        cmd: Sequence[StrOrBytesPath],
        *,
        input: Any = None,
        timeout: Seconds | None = None,
        check: bool = False,
        text: bool = False,
        cwd: StrOrBytesPath | None = None,
        env: Environment | None = None,
        stdin: Stream = None,
        stdout: Stream = None,
        stderr: Stream = None,
        encoding: str | None = None,
        errors: str | None = None,
        capture_limit: int | None = None,
    ) -> Result:
        """As run(), for asyncio: the running event loop drives the run, without a thread (but one
        that answers calls, if handlers are registered). Cancelling it ends the tree, which is gone
        when the cancellation goes on.

        Handlers that are `async def` run on this event loop.
        """
        import asyncio

        from ._asyncio import result_of

        native = self._native
        if any(one.is_async for one in self._registrations):
            native = self._with([], asyncio.get_running_loop())._native
        run = native.begin(
            cmd,
            input=input,
            timeout=timeout,
            text=text,
            cwd=cwd,
            env=env,
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            encoding=encoding,
            errors=errors,
            capture_limit=capture_limit,
        )
        result = await result_of(run)
        if check:
            result.check()
        return result

    def run_interactive(
        self,
        cmd: Sequence[StrOrBytesPath],
        *,
        timeout: Seconds | None = None,
        cwd: StrOrBytesPath | None = None,
        env: Environment | None = None,
    ) -> int:
        """Runs a command with this process's own descriptors 0, 1 and 2, session and terminal, as a
        shell does, and returns its exit code, or the negative number of the signal that ended it.

        The descriptors, not sys.stdin and its like: what a notebook or a test runner has put there
        does not see the program. Arguments and errors as of run().
        """
        run = self._native.begin(cmd, interactive=True, timeout=timeout, cwd=cwd, env=env)
        return _result_of(run).returncode

    def run_with_handlers(
        self,
        cmd: Sequence[StrOrBytesPath],
        handlers: Iterable[tuple[Syscalls, AnyHandler | AnyObserver]],
        **options: Unpack[RunOptions],
    ) -> Result:
        """As run(), with more handlers for this run alone: pairs of calls and handlers, as
        add_handler() takes them.
        """
        return self._with(handlers).run(cmd, **options)

    def popen(
        self,
        cmd: Sequence[StrOrBytesPath],
        *,
        stdin: Stream = None,
        stdout: Stream = None,
        stderr: Stream = None,
        timeout: Seconds | None = None,
        text: bool = False,
        cwd: StrOrBytesPath | None = None,
        env: Environment | None = None,
        encoding: str | None = None,
        errors: str | None = None,
        capture_limit: int | None = None,
    ) -> Process:
        """Starts a command and returns when it has been executed. A thread of the library serves
        it.

        `stdin`, `stdout`, `stderr`: PIPE, whose other end is an attribute of the Process; DEVNULL,
        INHERIT, a file or a descriptor; STDOUT for stderr. Where nothing is said, stdin is DEVNULL,
        and what comes out is in the result of wait(): an untrusted program gets nothing of this
        process by default. Other arguments and errors as of run().
        """
        child = self._native.spawn(
            cmd,
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            timeout=timeout,
            text=text,
            cwd=cwd,
            env=env,
            encoding=encoding,
            errors=errors,
            capture_limit=capture_limit,
        )
        return Process(child)

    def _register(self, registration: Registration) -> None:
        registration.register(self._native, None)
        self._registrations.append(registration)

    def _with(
        self,
        handlers: Iterable[tuple[Syscalls, AnyHandler | AnyObserver]],
        loop: AbstractEventLoop | None = None,
    ) -> Sandbox:
        """Another sandbox with the same policy and handlers, and more of them."""
        other: Sandbox = object.__new__(type(self))
        vars(other).update(vars(self))
        other._native = self._native.without_handlers()
        other._registrations = list(self._registrations)
        for registration in self._registrations:
            registration.register(other._native, loop)
        for syscall, handler in handlers:
            # The overloads know handlers and observers, but no union of them.
            Sandbox.add_handler(other, syscall, handler)  # type: ignore[arg-type]
        return other

    def __copy__(self) -> Sandbox:
        return self._with(())

    def __getstate__(self) -> dict[str, Any]:
        if self._registrations:
            message = "a sandbox with handlers cannot be pickled: make it there, of its policy"
            raise TypeError(message)
        return {name: value for name, value in vars(self).items() if name != "_native"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._native = _native.Sandbox(self._policy, self._name)

    def __repr__(self) -> str:
        name = "" if self._name is None else f" {self._name!r}"
        added = len(self._registrations)
        return f"<Sandbox{name} {self._policy!r}, handlers: {added}>"


def _result_of(run: _native.Run) -> Result:
    """Waits for the end. What a signal handler raises meanwhile ends the tree."""
    try:
        return run.wait()
    except BaseException:
        run.end()
        raise
    finally:
        run.close()
