"""A server that runs code for others, each request in a sandbox of its own.

    python3 server.py PORT     serves on 127.0.0.1
    python3 server.py          serves itself some requests, and shows the answers

A request is a line of JSON, {"code": "print(1)"}, and so is the answer. The event loop drives all
runs: none has a thread. If a client closes its end before the answer, its program is ended.

Holds against code that does its best to get out, as far as the kernel holds: it has no file but the
interpreter's, no network, and two seconds. Eight run at a time, and the others wait. Does not hold
against use of memory: eight programs can use what there is.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from typing import Any

import sandlock

AT_ONCE = 8
MOST_BYTES = 100_000

# One for all: it is made ready once, and can run any number of programs at the same time.
SANDBOX = sandlock.Sandbox(
    fs_readable=["/usr", sys.prefix, sys.base_prefix],
    fs_readable_if_exists=["/lib", "/lib64"],
    cwd="/usr",
    timeout=2,
)


class Server:
    def __init__(self) -> None:
        self.places = asyncio.Semaphore(AT_ONCE)

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            request = await asyncio.wait_for(reader.readline(), 10)
            run = asyncio.create_task(self.run(request))
            # Until the answer is there, nothing comes but the end of the connection.
            gone = asyncio.create_task(closed(reader))
            await asyncio.wait([run, gone], return_when=asyncio.FIRST_COMPLETED)
            gone.cancel()
            if not run.done():
                # Ends the program, and waits until nothing of it is left.
                run.cancel()
                await asyncio.wait([run])
            else:
                writer.write(json.dumps(run.result()).encode() + b"\n")
                await writer.drain()
        except (ValueError, OSError, asyncio.TimeoutError):
            # A line that is too long; a client that has gone, or says nothing.
            pass
        finally:
            writer.close()

    async def run(self, request: bytes) -> dict[str, Any]:
        try:
            code = json.loads(request)["code"].encode()
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            return {"error": 'a request is {"code": TEXT}'}
        async with self.places:
            try:
                result = await SANDBOX.run_async(
                    [sys.executable, "-I", "-"],
                    input=code,
                    env={"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"},
                    text=True,
                    capture_limit=MOST_BYTES,
                )
            except sandlock.SandlockError as error:
                return {"error": str(error)}
        return {
            "reason": result.reason,
            "exit_code": result.exit_code,
            "stdout": result.stdout,
            "stderr": result.stderr,
        }


async def closed(reader: asyncio.StreamReader) -> None:
    with contextlib.suppress(OSError):
        await reader.read(1)


async def listen(port: int) -> asyncio.AbstractServer:
    return await asyncio.start_server(Server().answer, "127.0.0.1", port, limit=MOST_BYTES)


async def ask(port: int, request: Any) -> dict[str, Any]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(json.dumps(request).encode() + b"\n")
        return json.loads(await reader.readline())
    finally:
        writer.close()


async def demonstrate() -> int:
    async with await listen(0) as server:
        port = server.sockets[0].getsockname()[1]
        requests = [{"code": f"print({n} + 1)"} for n in range(20)]
        requests.append({"code": "while True: pass"})
        requests.append({"code": "print(open('/etc/passwd').read())"})
        requests.append({"what": "?"})
        answers = await asyncio.gather(*(ask(port, request) for request in requests))
    *sums, endless, refused, wrong = answers
    print([answer["stdout"].strip() for answer in sums])
    for answer in (endless, refused, wrong):
        print(json.dumps(answer))
    as_expected = (
        [answer["stdout"] for answer in sums] == [f"{n + 1}\n" for n in range(20)]
        and endless["reason"] == "timeout"
        and refused["exit_code"] == 1
        and "PermissionError" in refused["stderr"]
        and "error" in wrong
    )
    print("all as expected" if as_expected else "that is not what was expected")
    return 0 if as_expected else 1


async def serve(port: int) -> None:
    async with await listen(port) as server:
        host, port = server.sockets[0].getsockname()
        print(f"listening on {host} port {port}", flush=True)
        await server.serve_forever()


if __name__ == "__main__":
    if len(sys.argv) > 1:
        with contextlib.suppress(KeyboardInterrupt):
            asyncio.run(serve(int(sys.argv[1])))
    else:
        sys.exit(asyncio.run(demonstrate()))
