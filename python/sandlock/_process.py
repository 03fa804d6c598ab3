"""A program under way."""

from __future__ import annotations

import io
import os

from ._errors import SandlockError, TimeoutExpired

TYPE_CHECKING = False
if TYPE_CHECKING:
    import datetime
    from types import TracebackType
    from typing import IO, Any

    from ._communicate import Exchange
    from ._native import Child, Result, Usage

# Of signal, which takes a millisecond to import; the number is the same everywhere.
_SIGTERM = 15


class Process:
    """A running program and everything it started, as Sandbox.popen() returns it.

    Every method can be called from any thread. As a context manager it closes its pipes and waits,
    and ends the tree first if the block raises. The tree also ends when nobody has this object any
    more, and when this process ends, in whatever way; not when the thread ends that started it. In
    a process that was forked from this one, waiting and signalling raise SystemCallError (ECHILD).
    """

    stdin: IO[Any] | None
    """The writing end of descriptor 0, if that is PIPE."""
    stdout: IO[Any] | None
    """The reading end of descriptor 1, if that is PIPE."""
    stderr: IO[Any] | None
    """The reading end of descriptor 2, if that is PIPE."""

    def __init__(self, child: Child) -> None:
        self._child = child
        self._result: Result | None = None
        self._exchange: Exchange | None = None
        self.pid: int = child.pid
        stdin, stdout, stderr = child.pipes()
        self.stdin = _stream(child, stdin, "wb")
        self.stdout = _stream(child, stdout, "rb")
        self.stderr = _stream(child, stderr, "rb")

    def fileno(self) -> int:
        """A descriptor that becomes readable when nothing of the tree is left: for select and event
        loops. wait() does not block for long then."""
        return self._child.fileno()

    @property
    def returncode(self) -> int | None:
        """As subprocess has it: the exit code, or the negative number of the signal that ended the
        program; None while something of the tree is there."""
        result = self.poll()
        return None if result is None else result.returncode

    def poll(self) -> Result | None:
        """The result; None while something of the tree is there. Raises as wait()."""
        if self._result is None:
            self._result = self._child.wait(0.0)
        return self._result

    def wait(self, timeout: float | datetime.timedelta | None = None) -> Result:
        """Waits until nothing of the tree is left, and returns the result. What comes out of piped
        outputs must be read meanwhile, or the program waits for room: see communicate().

        Raises TimeoutExpired if it is still there after `timeout` seconds; it runs on. Raises
        HandlerError, from what the handler raised, if a handler's failure ended it.
        """
        if self._result is None:
            self._result = self._child.wait(timeout)
        if self._result is None:
            raise TimeoutExpired(f"the program still runs after {timeout} seconds")
        return self._result

    def communicate(
        self, input: Any = None, timeout: float | datetime.timedelta | None = None
    ) -> tuple[Any | None, Any | None]:
        """Writes `input` to descriptor 0, reads piped outputs to their ends, waits for the end, and
        returns what came out of descriptors 1 and 2; None for one that is no pipe.

        Raises TimeoutExpired if it still runs after `timeout` seconds; nothing of what was read is
        lost if it is called once more.
        """
        from ._communicate import Exchange

        if input is not None and self.stdin is None:
            raise ValueError("descriptor 0 is no pipe: stdin=PIPE makes it one")
        seconds: Any = getattr(timeout, "total_seconds", lambda: timeout)()
        if self._exchange is None:
            self._exchange = Exchange(self, input)
        elif input is not None:
            raise ValueError("input can be given to the first communicate() alone")
        return self._exchange.finish(self, seconds)

    def kill(self) -> None:
        """Kills the whole tree, also what left the program's session and group, and what is
        stopped; wait() says when it is gone, and how."""
        self._child.kill()

    def terminate(self) -> None:
        """Sends SIGTERM to the program itself, which may end in order, or not at all."""
        self._child.signal(_SIGTERM)

    def send_signal(self, sig: int) -> None:
        """Sends a signal to the program itself. One that has ended gets none."""
        self._child.signal(sig)

    def pause(self) -> None:
        """Stops every process of the tree (SIGSTOP), and returns when all have stopped. Time goes
        on: the timeout still ends a paused tree."""
        self._child.pause()

    def resume(self) -> None:
        """Lets every process of the tree go on (SIGCONT)."""
        self._child.resume()

    def processes(self) -> list[ProcessInfo]:
        """Every process of the tree at this moment, parents before their children; empty when it
        has ended."""
        return [ProcessInfo(*one) for one in self._child.processes()]

    def usage(self) -> Usage:
        """What the tree has used so far, to a hundredth of a second. Result.usage is exact."""
        return self._child.usage()

    def __enter__(self) -> Process:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if error is None:
            self._close_pipes()
            self.wait()
            return
        self._child.kill()
        try:
            self.wait()
        except SandlockError:
            # What the block raised says more.
            pass
        finally:
            # Not before: a program whose input ends may end by itself instead.
            self._close_pipes()

    def _close_pipes(self) -> None:
        for stream in (self.stdin, self.stdout, self.stderr):
            if stream is not None:
                close(stream)

    def __repr__(self) -> str:
        how = "under way" if self._result is None else repr(self._result)
        return f"<Process {self.pid}: {how}>"


class ProcessInfo:
    """One process of a tree."""

    __slots__ = ("command", "parent", "pid")

    pid: int
    """Its id."""
    parent: int
    """The id of its parent."""
    command: tuple[str, ...]
    """The command and its arguments, up to 4 KiB; the name in brackets where there are none."""

    def __init__(self, pid: int, parent: int, command: tuple[str, ...]) -> None:
        self.pid = pid
        self.parent = parent
        self.command = command

    def __repr__(self) -> str:
        return f"<ProcessInfo {self.pid} of {self.parent}: {self.command}>"


def close(stream: IO[Any]) -> None:
    """Closes a pipe. A program that reads no more of what was buffered is no error."""
    try:
        stream.close()
    except BrokenPipeError:
        pass


def _stream(child: Child, fd: int | None, mode: str) -> IO[Any] | None:
    if fd is None:
        return None
    stream: Any = os.fdopen(fd, mode)
    if child.text is not None:
        encoding, errors = child.text
        through = mode == "wb"
        stream = io.TextIOWrapper(
            stream, encoding=encoding, errors=errors, newline="", write_through=through
        )
    # Whoever reads it keeps the tree alive, although nobody may have the Process any more.
    stream._child = child
    return stream  # type: ignore[no-any-return]
