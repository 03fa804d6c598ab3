"""What handlers and observers written in Python are."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Awaitable

    from ._native import HandlerCtx, NotifAction, Verdict


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
        read.
        """
