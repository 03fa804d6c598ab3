"""What arguments are, for type checkers; nobody imports it at run time."""

from __future__ import annotations

import datetime
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import IO, Any, TypedDict, Union

from ._handlers import Handler, Observer
from ._native import Audit, Count, Deny, HandlerCtx, NotifAction, Return
from ._settings import StrOrBytes, StrOrBytesPath

Syscalls = Union[str, int, Iterable[Union[str, int]]]
Deciding = Callable[[HandlerCtx], Union[NotifAction, Awaitable[NotifAction]]]
Watching = Callable[[HandlerCtx], object]
AnyHandler = Union[Handler, Deciding, Deny, Return]
WatchingObject = Union[Observer, Audit, Count]
AnyObserver = Union[WatchingObject, Watching]
Stream = Union[int, IO[Any], None]
Environment = Union[Mapping[str, StrOrBytes], Mapping[bytes, StrOrBytes]]
Seconds = Union[float, datetime.timedelta]


class RunOptions(TypedDict, total=False):
    """The keywords of Sandbox.run()."""

    input: Any
    timeout: Seconds | None
    check: bool
    text: bool
    cwd: StrOrBytesPath | None
    env: Environment | None
    stdin: Stream
    stdout: Stream
    stderr: Stream
    encoding: str | None
    errors: str | None
    capture_limit: int | None
