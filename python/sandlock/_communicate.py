"""Serving the pipes of a program, all at once."""

from __future__ import annotations

import io
import os
import selectors
import time

from ._errors import TimeoutExpired
from ._process import close

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import IO, Any

    from ._process import Process

# A pipe that is writable has room for this much (PIPE_BUF of pipe(7)).
_WRITE = 4096
_READ = 65536


class Exchange:
    """What goes in and comes out, kept from one attempt to the next."""

    def __init__(self, process: Process, input: Any) -> None:
        # Not the process itself: it has this, and would only go with the garbage.
        self.stdin = process.stdin
        _flush(process.stdin)
        self.unwritten = memoryview(_encoded(process.stdin, input))
        self.outputs = [(stream, bytearray()) for stream in (process.stdout, process.stderr)]

    def finish(self, process: Process, timeout: float | None) -> tuple[Any, Any]:
        """Moves everything, and waits for the end, at most so many seconds."""
        deadline = None if timeout is None else time.monotonic() + timeout
        with selectors.DefaultSelector() as selector:
            self._register(selector)
            while selector.get_map():
                left = _left(deadline)
                for key, _ in selector.select(left):
                    if not key.data(key.fd):
                        selector.unregister(key.fileobj)
                        close(key.fileobj)  # type: ignore[arg-type]
                if left == 0:
                    raise TimeoutExpired(f"the program still runs after {timeout} seconds")
        process.wait(_left(deadline))
        stdout, stderr = (_decoded(stream, bytes(read)) for stream, read in self.outputs)
        return stdout, stderr

    def _register(self, selector: selectors.BaseSelector) -> None:
        if self.stdin is not None and not self.stdin.closed:
            if self.unwritten:
                selector.register(self.stdin, selectors.EVENT_WRITE, self._write)
            else:
                close(self.stdin)
        for stream, read in self.outputs:
            if stream is not None and not stream.closed:
                selector.register(stream, selectors.EVENT_READ, _reader(read))

    def _write(self, fd: int) -> bool:
        """Whether there is more to write; a program that reads no more has had enough."""
        try:
            written = os.write(fd, self.unwritten[:_WRITE])
        except BrokenPipeError:
            return False
        self.unwritten = self.unwritten[written:]
        return bool(self.unwritten)


def _reader(read: bytearray) -> Any:
    def more(fd: int) -> bool:
        block = os.read(fd, _READ)
        read.extend(block)
        return bool(block)

    return more


def _left(deadline: float | None) -> float | None:
    return None if deadline is None else max(0.0, deadline - time.monotonic())


def _flush(stdin: IO[Any] | None) -> None:
    """What was written before comes before the input."""
    if stdin is None or stdin.closed:
        return
    try:
        stdin.flush()
    except BrokenPipeError:
        # Nobody reads it, nor what comes behind it.
        pass


def _encoded(stdin: IO[Any] | None, input: Any) -> bytes:
    if input is None:
        return b""
    if isinstance(stdin, io.TextIOWrapper) and isinstance(input, str):
        return bytes(input.encode(stdin.encoding, stdin.errors or "strict"))
    return bytes(memoryview(input))


def _decoded(stream: IO[Any] | None, read: bytes) -> Any:
    if stream is None:
        return None
    if isinstance(stream, io.TextIOWrapper):
        return read.decode(stream.encoding, stream.errors or "strict")
    return read
