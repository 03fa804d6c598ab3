"""What needs asyncio, which is imported only then."""

from __future__ import annotations

import asyncio

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from typing import Any

    from ._native import HandlerCtx, NotifAction, Result, Run
    from ._types import Seconds

# How much longer a coroutine may take than its call waits for it, in seconds. The library's clock
# is to be the first one: it refuses the call, and lists that. Ours would make the handler fail.
_GRACE = 1.0


class Driven:
    """A handler that is `async def`, for the threads of a pool.

    Its coroutines run on `loop`, if there is one, and on a loop of their own each otherwise.
    """

    def __init__(
        self,
        method: Callable[[HandlerCtx], Coroutine[Any, Any, NotifAction]],
        deadline: Seconds,
        loop: asyncio.AbstractEventLoop | None,
    ) -> None:
        self._method = method
        seconds = deadline if isinstance(deadline, (int, float)) else deadline.total_seconds()
        self._patience = seconds + _GRACE
        self._loop = loop

    def __call__(self, ctx: HandlerCtx) -> NotifAction:
        if self._loop is None:
            return asyncio.run(asyncio.wait_for(self._method(ctx), self._patience))
        coroutine = self._method(ctx)
        try:
            future = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
        except BaseException:
            # The loop is closed: the run has ended. Or Python warns that nobody waited for it.
            coroutine.close()
            raise
        try:
            return future.result(self._patience)
        except BaseException:
            # The call has been refused by now: nobody waits for the answer.
            future.cancel()
            raise


async def result_of(run: Run) -> Result:
    """Drives `run` to its end. Where the task is cancelled, the tree is ended, and gone when the
    cancellation goes on.
    """
    loop = asyncio.get_running_loop()
    ended: asyncio.Future[Result] = loop.create_future()
    gone: asyncio.Future[None] = loop.create_future()

    def advance() -> None:
        try:
            result = run.advance()
        except BaseException as error:
            loop.remove_reader(descriptor)
            ended.set_exception(error)
        else:
            if result is not None:
                loop.remove_reader(descriptor)
                ended.set_result(result)
        if (ended.done() or run.is_gone()) and not gone.done():
            gone.set_result(None)

    descriptor = run.fileno()
    loop.add_reader(descriptor, advance)
    try:
        return await asyncio.shield(ended)
    except asyncio.CancelledError:
        run.kill()
        await _until(gone)
        raise
    finally:
        loop.remove_reader(descriptor)
        if ended.done() and not ended.cancelled():
            # What it was, nobody may ask any more.
            ended.exception()
        run.close()


async def _until(gone: asyncio.Future[None]) -> None:
    """Waits until a tree that has been killed is gone, which does not take long, whatever comes."""
    while not gone.done():
        try:
            await asyncio.shield(gone)
        except asyncio.CancelledError:
            continue
