"""What people write who use the package with a type checker. It is checked, and not run.

A line that must be an error says of which code: `# error: arg-type`.
"""

from __future__ import annotations

import asyncio
import datetime
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Optional

import sandlock
from sandlock import (
    Audit,
    Count,
    Deny,
    Handler,
    HandlerCtx,
    NotifAction,
    Observer,
    Policy,
    Process,
    Result,
    Return,
    Sandbox,
    Verdict,
    When,
)


def policies(folder: Path, environment: Mapping[str, str]) -> Policy:
    policy = Policy(
        fs_readable=["/usr", b"/etc", folder],
        fs_writable=(folder,),
        max_file_size="64M",
        timeout=datetime.timedelta(minutes=1),
        env=environment,
        protections={"fs_refer": "if-available"},
    )
    text: str = policy.to_toml()
    said: dict[str, Any] = policy.settings
    known = {policy: len(said)}
    Policy.from_toml(text).with_settings(env=os.environ, clean_env=True)
    settings: sandlock.Settings = {"fs_readable": ["/usr"], "timeout": 3}
    Policy(**settings)
    Policy(fs_readable=[3])  # error: list-item
    Policy(fs_raedable=["/usr"])  # error: call-arg
    Policy(clean_env="yes")  # error: arg-type
    Policy(protections={"fs_refer": "maybe"})  # error: dict-item
    policy.timeout = 3  # error: attr-defined
    return max(known, key=lambda one: known[one])


class Sandboxed(Sandbox):
    """A class of their own."""

    def run_quickly(self, *words: str) -> str:
        output: str = self.run(words, text=True, timeout=1).stdout
        return output


def running(policy: Policy, folder: Path) -> Result:
    sandbox = Sandbox(policy, name="mine", fs_readable=[folder])
    with open(os.devnull, "wb") as file:
        result = sandbox.run(
            ["cat", folder, b"-"],
            input=b"hello",
            timeout=1.5,
            env={"PATH": "/usr/bin"},
            stdout=file,
            stderr=sandlock.STDOUT,
            capture_limit=1 << 20,
        )
    code: Optional[int] = result.exit_code
    number: int = result.returncode
    seconds: float = result.usage.wall
    peak: Optional[int] = result.usage.peak_memory
    weakened: tuple[str, ...] = result.enforcement.weakened
    if result.reason == "timeout" or not result.success:
        result.check()
    for failure in result.handler_errors:
        raise RuntimeError(failure.message) from failure.cause
    print(code, number, seconds, peak, weakened, Sandboxed().run_quickly("echo"))
    sandbox.run(["echo", 3])  # error: list-item
    sandbox.run(["echo"], timeout="3")  # error: arg-type
    sandbox.run(["echo"], shell=True)  # error: call-arg
    wrong: str = result.exit_code  # error: assignment
    if result.reason == "finished":  # error: comparison-overlap
        print(wrong)
    status: int = sandbox.run_interactive(["sh"])
    print(status)
    return sandbox.run_with_handlers(["true"], [("uname", Deny()), (["close"], Count())], text=True)


def talking(sandbox: Sandbox) -> Process:
    with sandbox.popen(["cat"], stdin=sandlock.PIPE, stdout=subprocess.PIPE) as process:
        if process.stdin is not None:
            process.stdin.write(b"hello")
        process.stdin.close()  # error: union-attr
        for one in process.processes():
            pid: int = one.pid
            process.send_signal(pid)
        result: Optional[Result] = process.poll()
        status: Optional[int] = process.returncode
        print(result, status, process.wait(datetime.timedelta(seconds=1)).stdout)
    return process


async def later(sandbox: Sandbox) -> list[Result]:
    first: Result = await sandbox.run_async(["true"], check=True)
    first.check()
    print(sandbox.run_async(["true"]).stdout)  # error: attr-defined
    return list(await asyncio.gather(*(sandbox.run_async(["true"]) for _ in range(3))))


class Refusing(Handler):
    def __init__(self) -> None:
        self.refused: list[str] = []

    def handle(self, ctx: HandlerCtx) -> NotifAction:
        path: str = ctx.read_path()
        data: bytes = ctx.read(ctx.args[1], 16)
        if data.startswith(b"x"):
            return NotifAction.inject_bytes(b"data")
        self.refused.append(path)
        return NotifAction.errno(13)


class AsyncRefusing(Handler):
    async def handle(self, ctx: HandlerCtx) -> NotifAction:
        await asyncio.sleep(0)
        return NotifAction.continue_()


class Wrong(Handler):
    def handle(self, ctx: HandlerCtx) -> int:  # error: override
        return 13


class Seeing(Observer):
    def call(self, ctx: HandlerCtx) -> None:
        print(ctx.name, ctx.pid)

    def verdict(self, ctx: HandlerCtx, verdict: Verdict) -> None:
        number: Optional[int] = verdict.errno
        if verdict.outcome == "refused":
            print(number, verdict.by)


def opened(ctx: HandlerCtx) -> NotifAction:
    request = ctx.open_request().with_resolve(sandlock.RESOLVE_NO_SYMLINKS)
    return ctx.open_for_child(request) if request.writes else NotifAction.continue_()


async def answered(ctx: HandlerCtx) -> NotifAction:
    return NotifAction.returns(0)


def nothing(ctx: HandlerCtx) -> None:
    print(ctx)


def handling(sandbox: Sandbox) -> dict[str, dict[str, int]]:
    count = Count()
    sandbox.add_handler("openat", Refusing(), when=When.arg(2).masked_eq(3, 0))
    sandbox.add_handler(["openat", 257], opened, priority="before", on_error=13, name="mine")
    sandbox.add_handler("uname", answered, deadline=datetime.timedelta(seconds=1))
    sandbox.add_handler("uname", AsyncRefusing(), mode="pooled")
    sandbox.add_handler("uname", lambda ctx: NotifAction.errno(13))
    sandbox.add_handler("uname", Return(0), when=[When.arg(0).eq(1), When.arg(1).ne(2)])
    sandbox.add_handler("uname", count)
    sandbox.add_handler("uname", Seeing())
    sandbox.add_handler("uname", nothing, observe=True)
    sandbox.add_observer("uname", nothing, name="seeing")
    sandbox.add_observer("uname", Audit(print))
    sandbox.add_handler("uname", nothing)  # error: arg-type
    sandbox.add_handler("uname", Refusing)  # error: arg-type
    sandbox.add_handler("uname", 13)  # error: call-overload
    sandbox.add_handler("uname", opened, priority="first")  # error: call-overload
    sandbox.add_handler("uname", opened, when=3)  # error: call-overload
    sandbox.add_observer("uname", Deny())  # error: arg-type
    NotifAction.errno("EACCES")  # error: arg-type
    return count.counts()


def failing(sandbox: Sandbox) -> Optional[str]:
    try:
        sandbox.run(["true"], check=True)
    except sandlock.TimeoutExpired as error:
        print(error.result)
    except sandlock.CommandNotFoundError as error:
        print(error.filename, error.errno, error.step)
    except sandlock.HandlerError as error:
        return error.handler_error.message  # error: union-attr
    except sandlock.SandlockError as error:
        problems: tuple[tuple[str, str], ...] = error.problems
        print(problems, error.kind, error.code, error.hint)
        return error.setting
    return None


def asking(policy: Policy) -> bool:
    report: dict[str, Any] = sandlock.check()
    enforced: tuple[str, ...] = sandlock.confine_self(policy).enforced
    sandlock.confine_self({"fs_readable": []})  # error: arg-type
    return bool(report["enforced_in_full"]) and "fs_refer" in enforced
