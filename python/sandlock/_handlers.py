"""What handlers and observers written in Python are."""

from __future__ import annotations

from ._native import Count, Deny, Return

# What type checkers take for true; importing typing takes longer than everything else here.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from typing import Any

    from ._native import HandlerCtx, NotifAction, Verdict

    SyncHandler = Callable[[HandlerCtx], NotifAction]
    AsyncHandler = Callable[[HandlerCtx], Awaitable[NotifAction]]

READY_HANDLERS = (Deny, Return)
READY_OBSERVERS = (Count,)

# Of inspect, which takes several milliseconds to import.
_CO_COROUTINE = 0x80


class Handler:
    """Decides about a system call that a task of the program makes, and that waits meanwhile.

    Subclass it; state lives on the object. It is called on a thread of the library, by several at
    once where the sandbox runs several programs. A plain callable that takes the same argument is a
    handler too.
    """

    def handle(self, ctx: HandlerCtx) -> NotifAction | Awaitable[NotifAction]:
        """The answer to the call that `ctx` describes: a NotifAction and nothing else.

        `async def` makes a handler that is called on a thread of a pool; see Sandbox.add_handler().
        """
        raise NotImplementedError(f"{type(self).__name__} does not define handle()")


class Observer:
    """Watches a system call: sees each one that the supervisor is asked about before anybody
    decides, and afterwards what was decided. What the policy's filter refuses in the kernel, nobody
    sees.

    Subclass it and define one of the two, or both. An observer that raises is skipped for that
    call, and listed in Result.handler_errors.
    """

    def call(self, ctx: HandlerCtx) -> None:
        """A task makes the call that `ctx` describes."""

    def verdict(self, ctx: HandlerCtx, verdict: Verdict) -> None:
        """What became of it. The task has been answered and runs on: its memory can no longer be
        read."""


def is_observer(handler: object) -> bool:
    return isinstance(handler, (Observer, *READY_OBSERVERS))


def name_of(handler: object) -> str:
    """The name in verdicts and errors, where the caller gives none."""
    name = getattr(handler, "__qualname__", None) or type(handler).__qualname__
    return str(name)


def method_of(handler: object) -> Callable[[HandlerCtx], Any]:
    """What is to be called about a call."""
    if isinstance(handler, type):
        raise TypeError(f"{handler.__qualname__} is a class; give an object of it")
    if isinstance(handler, Handler):
        return handler.handle
    if callable(handler):
        return handler
    raise TypeError(
        f"{type(handler).__qualname__} is no handler: subclass Handler, or give a callable"
    )


def methods_of(observer: object) -> tuple[Any, Any]:
    """What is to be called about a call, and about its verdict; None where nothing is defined."""
    if isinstance(observer, type):
        raise TypeError(f"{observer.__qualname__} is a class; give an object of it")
    if isinstance(observer, Observer):
        cls = type(observer)
        call = observer.call if cls.call is not Observer.call else None
        verdict = observer.verdict if cls.verdict is not Observer.verdict else None
        if call is None and verdict is None:
            raise TypeError(f"{cls.__qualname__} defines neither call() nor verdict()")
        return call, verdict
    if callable(observer):
        return observer, None
    raise TypeError(
        f"{type(observer).__qualname__} is no observer: subclass Observer, or give a callable"
    )


def is_async(method: Any) -> bool:
    """Whether it is `async def`, or an object whose __call__ is."""
    from functools import partial

    while isinstance(method, partial):
        method = method.func
    function = getattr(method, "__func__", method)
    if not hasattr(function, "__code__"):
        function = type(method).__call__
    code = getattr(function, "__code__", None)
    return code is not None and bool(code.co_flags & _CO_COROUTINE)
