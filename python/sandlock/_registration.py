"""Calls of add_handler() and add_observer(), which can be carried out on another sandbox too."""

from __future__ import annotations

from ._errors import RegistrationError
from ._handlers import Handler, Observer
from ._native import Audit, Count, Deny, Return

TYPE_CHECKING = False
if TYPE_CHECKING:
    from asyncio import AbstractEventLoop
    from collections.abc import Callable
    from typing import Any

    from ._native import Sandbox
    from ._types import Seconds, Syscalls

READY_HANDLERS = (Deny, Return)
READY_OBSERVERS = (Audit, Count)

# How long a call waits for a pooled handler where nothing else is said, in seconds.
_DEADLINE = 10.0
# Of inspect, which takes several milliseconds to import.
_CO_COROUTINE = 0x80


class Registration:
    """One of a sandbox's handlers or observers."""

    is_async = False

    def __init__(self, syscall: Syscalls, handler: Any, options: dict[str, Any]) -> None:
        if isinstance(syscall, (bytes, bytearray)):
            raise TypeError("a system call is a name or a number, and a name is a str")
        self.calls = [syscall] if isinstance(syscall, (str, int)) else list(syscall)
        if not self.calls:
            raise RegistrationError("no system call is named")
        if isinstance(handler, type):
            raise TypeError(f"{handler.__qualname__} is a class: give an object of it")
        if isinstance(handler, Handler) and isinstance(handler, Observer):
            kind = type(handler).__qualname__
            raise TypeError(f"{kind} is a Handler and an Observer: make it two objects")
        self.handler = handler
        self.options = options
        if hasattr(options["when"], "__iter__"):
            # It is read once more for another sandbox.
            options["when"] = tuple(options["when"])
        if options["name"] is None:
            options["name"] = str(
                getattr(handler, "__qualname__", None) or type(handler).__qualname__
            )

    def register(self, native: Sandbox, loop: AbstractEventLoop | None) -> None:
        """Registers it. What is `async def` runs on `loop`, if there is one."""
        raise NotImplementedError


class ObserverRegistration(Registration):
    def __init__(self, syscall: Syscalls, observer: Any, options: dict[str, Any]) -> None:
        super().__init__(syscall, observer, options)
        self.is_ready = isinstance(observer, READY_OBSERVERS)
        self.methods = (None, None) if self.is_ready else _watching(observer)
        if any(is_async(method) for method in self.methods):
            raise TypeError("an observer cannot be `async def`: nobody waits for it")

    def register(self, native: Sandbox, loop: AbstractEventLoop | None) -> None:
        if self.is_ready:
            native.add_ready(self.calls, self.handler, **self.options)
        else:
            native.add_observer(self.calls, *self.methods, **self.options)


class HandlerRegistration(Registration):
    def __init__(
        self,
        syscall: Syscalls,
        handler: Any,
        options: dict[str, Any],
        mode: str | None,
        deadline: Seconds | None,
    ) -> None:
        super().__init__(syscall, handler, options)
        self.is_ready = isinstance(handler, READY_HANDLERS)
        self.method = None if self.is_ready else _deciding(handler)
        self.is_async = is_async(self.method)
        if mode is None:
            mode = "pooled" if self.is_async or deadline is not None else "inline"
        if mode not in ("inline", "pooled"):
            raise RegistrationError(f'mode is "inline" or "pooled", not {mode!r}')
        if mode == "inline" and (self.is_async or deadline is not None):
            raise RegistrationError("what is `async def`, or has a deadline, is pooled")
        if mode == "pooled":
            options["deadline"] = _DEADLINE if deadline is None else deadline

    def register(self, native: Sandbox, loop: AbstractEventLoop | None) -> None:
        if self.is_ready:
            native.add_ready(self.calls, self.handler, **self.options)
            return
        method: Any = self.method
        if self.is_async:
            from ._asyncio import Driven

            method = Driven(method, self.options["deadline"], loop)
        native.add_handler(self.calls, method, **self.options)


def is_observer(handler: object) -> bool:
    return isinstance(handler, (Observer, *READY_OBSERVERS))


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


def _deciding(handler: Any) -> Callable[..., Any]:
    """What is to be called about a call."""
    kind: Any = type(handler)
    if isinstance(handler, Handler):
        if kind.handle is Handler.handle:
            raise TypeError(f"{kind.__qualname__} does not define handle(self, ctx)")
        return handler.handle
    if callable(handler):
        return handler  # type: ignore[no-any-return]
    raise TypeError(f"{kind.__qualname__} is no handler: subclass Handler, or give a callable")


def _watching(observer: Any) -> tuple[Any, Any]:
    """What is to be called about a call, and about its verdict; None where nothing is defined."""
    kind: Any = type(observer)
    if isinstance(observer, (Handler, *READY_HANDLERS)):
        raise TypeError(
            f"{kind.__qualname__} is a handler, which decides: it cannot be an observer"
        )
    if isinstance(observer, Observer):
        call = observer.call if kind.call is not Observer.call else None
        verdict = observer.verdict if kind.verdict is not Observer.verdict else None
        if call is None and verdict is None:
            raise TypeError(f"{kind.__qualname__} defines neither call() nor verdict()")
        return call, verdict
    if callable(observer):
        return observer, None
    raise TypeError(f"{kind.__qualname__} is no observer: subclass Observer, or give a callable")
