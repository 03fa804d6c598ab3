"""Confine untrusted programs under Landlock and seccomp, without root, namespaces or a daemon.

A Policy says what a program may do; a Sandbox runs it under that policy, and a Result tells how it
ended and what was enforced. Handlers answer system calls of the program, and cannot grant what the
policy refuses. See docs/python.md of the repository.
"""

from __future__ import annotations

import atexit as _atexit
import os as _os

from . import _errors, _native
from ._errors import (
    ArgumentError,
    CannotExecuteError,
    CommandError,
    CommandNotFoundError,
    ExitError,
    HandlerError,
    InternalError,
    PolicyError,
    RegistrationError,
    SandlockError,
    SpawnError,
    SystemCallError,
    TaskError,
    TaskGoneError,
    TaskMemoryError,
    TimeoutExpired,
    TooLongError,
    UnsupportedError,
)
from ._handlers import Handler, Observer
from ._native import (
    RESOLVE_BENEATH,
    RESOLVE_CACHED,
    RESOLVE_IN_ROOT,
    RESOLVE_NO_MAGICLINKS,
    RESOLVE_NO_SYMLINKS,
    RESOLVE_NO_XDEV,
    Audit,
    Count,
    Deny,
    Enforcement,
    HandlerCtx,
    HandlerFailure,
    NotifAction,
    OpenRequest,
    Policy,
    Result,
    Return,
    Usage,
    Verdict,
    When,
    WhenArg,
    __version__,
    check,
    confine_self,
    explain,
)
from ._process import Process, ProcessInfo
from ._sandbox import DEVNULL, INHERIT, PIPE, STDOUT, Sandbox

__all__ = [
    "DEVNULL",
    "INHERIT",
    "PIPE",
    "RESOLVE_BENEATH",
    "RESOLVE_CACHED",
    "RESOLVE_IN_ROOT",
    "RESOLVE_NO_MAGICLINKS",
    "RESOLVE_NO_SYMLINKS",
    "RESOLVE_NO_XDEV",
    "STDOUT",
    "ArgumentError",
    "Audit",
    "CannotExecuteError",
    "CommandError",
    "CommandNotFoundError",
    "Count",
    "Deny",
    "Enforcement",
    "ExitError",
    "Handler",
    "HandlerCtx",
    "HandlerError",
    "HandlerFailure",
    "InternalError",
    "NotifAction",
    "Observer",
    "OpenRequest",
    "Policy",
    "PolicyError",
    "Process",
    "ProcessInfo",
    "RegistrationError",
    "Result",
    "Return",
    "Sandbox",
    "SandlockError",
    "Settings",
    "SpawnError",
    "SystemCallError",
    "TaskError",
    "TaskGoneError",
    "TaskMemoryError",
    "TimeoutExpired",
    "TooLongError",
    "UnsupportedError",
    "Usage",
    "Verdict",
    "When",
    "WhenArg",
    "__version__",
    "check",
    "confine_self",
    "explain",
]

# In tracebacks and pickles, classes are where users find them.
for _class in [*vars(_errors).values(), Handler, Observer, Process, ProcessInfo, Sandbox]:
    if isinstance(_class, type) and _class.__module__.startswith(__name__):
        _class.__module__ = __name__
del _class

# What type checkers take for true, here and in the other modules. To import typing would take
# several times as long as to import everything else.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from ._settings import Settings
else:

    def __getattr__(name: str) -> object:
        # What is for type checkers is imported by those who ask for it.
        if name == "Settings":
            from ._settings import Settings

            return Settings
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


# Before the interpreter ends, no handler may be in it; a forked process has no handler threads.
_atexit.register(_native._close)
_os.register_at_fork(after_in_child=_native._after_fork)
