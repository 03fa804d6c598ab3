"""A web server, as uvicorn has one: a sandbox for each request, driven by one event loop.

server.py plain | handlers | async-handlers
"""

import asyncio
import os
import sys
import time

from citizen import let_through, nothing_left, sandbox

CLIENTS = 100
LEAVING = 20
TICK = 0.001
SCRIPT = "echo $1; echo error >&2"


class Server:
    """Answers `GET /N` with what a program prints that was given N."""

    def __init__(self, start):
        self.start = start
        self.cancelled = 0

    async def __call__(self, reader, writer):
        try:
            await self.answer(reader, writer)
        finally:
            writer.close()

    async def answer(self, reader, writer):
        request = (await reader.readuntil(b"\r\n\r\n")).split()[1].decode()
        run = asyncio.ensure_future(self.start(request.lstrip("/")))
        leaves = asyncio.ensure_future(reader.read(1))
        await asyncio.wait({run, leaves}, return_when=asyncio.FIRST_COMPLETED)
        if run.done():
            leaves.cancel()
            body = run.result()
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
            await writer.drain()
            return
        run.cancel()
        await asyncio.wait({run})
        assert run.cancelled()
        self.cancelled += 1


async def ask(port, path):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET /%s HTTP/1.1\r\n\r\n" % path.encode())
    await writer.drain()
    answer = await reader.read()
    assert answer.startswith(b"HTTP/1.1 200 OK"), answer
    assert answer.endswith(b"\r\n\r\n" + path.encode() + b"\n"), answer
    writer.close()
    await writer.wait_closed()


async def longest_block(work):
    """How long the loop did nothing else while it did `work`."""
    longest, is_done = 0.0, False

    async def tick():
        nonlocal longest
        while not is_done:
            begun = time.perf_counter()
            await asyncio.sleep(TICK)
            longest = max(longest, time.perf_counter() - begun - TICK)

    ticker = asyncio.ensure_future(tick())
    await asyncio.sleep(0)
    await work
    is_done = True
    await ticker
    return longest


async def all_answered(start):
    """Serves everybody at once; how long the loop was blocked."""
    server = await asyncio.start_server(Server(start), "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        clients = [ask(port, str(number)) for number in range(CLIENTS)]
        return await longest_block(asyncio.gather(*clients))


async def by_subprocess(word):
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        "sh", "-c", SCRIPT, "sh", word, stdout=pipe, stderr=pipe
    )
    return (await process.communicate())[0]


def by_sandbox(box):
    async def start(word):
        result = await box.run_async(["sh", "-c", SCRIPT, "sh", word], check=True)
        assert result.stderr == b"error\n", result.stderr
        return result.stdout

    return start


async def clients_leave(box):
    """Some clients go while their program runs: it ends, and theirs alone."""
    pipes = [os.pipe() for _ in range(LEAVING)]
    pids = []

    async def endless(word):
        command = ["sh", "-c", "echo $$; sleep 1000 & sleep 1000"]
        try:
            await box.run_async(command, stdout=pipes[int(word)][1])
        except asyncio.CancelledError:
            assert not is_there(pids[int(word)]), "it ends before the cancellation goes on"
            raise

    async def impatient(number):
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET /%d HTTP/1.1\r\n\r\n" % number)
        await writer.drain()
        pids.append(int(await first_line(pipes[number][0])))
        writer.close()
        await writer.wait_closed()

    serve = Server(endless)
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        # Beside somebody who stays.
        stays = asyncio.ensure_future(by_sandbox(box)("stays"))
        for number in range(LEAVING):
            await impatient(number)
        assert await stays == b"stays\n"
        while serve.cancelled < LEAVING:
            await asyncio.sleep(0.001)
    for pipe in pipes:
        for end in pipe:
            os.close(end)


async def first_line(descriptor):
    readable = asyncio.get_running_loop().create_future()
    loop = asyncio.get_running_loop()
    loop.add_reader(descriptor, lambda: readable.done() or readable.set_result(None))
    try:
        await readable
    finally:
        loop.remove_reader(descriptor)
    return os.read(descriptor, 100)


def is_there(pid):
    return os.path.exists(f"/proc/{pid}")


def with_handlers(box, kind):
    asked = []

    def handle(ctx):
        asked.append(ctx.name)
        return let_through(ctx)

    async def handle_async(ctx):
        await asyncio.sleep(0)
        return handle(ctx)

    if kind != "plain":
        box.add_handler(["execve", "getppid"], handle if kind == "handlers" else handle_async)
    return asked


async def main(kind):
    box = sandbox()
    asked = with_handlers(box, kind)
    ratios = []
    for _ in range(5):
        floor = await all_answered(by_subprocess)
        ratios.append(await all_answered(by_sandbox(box)) / floor)
        print(floor, ratios[-1], flush=True)
    assert min(ratios) < 2, ratios
    assert len(asked) >= (0 if kind == "plain" else 5 * CLIENTS), len(asked)
    await clients_leave(box)


with nothing_left():
    asyncio.run(main(sys.argv[1]))
