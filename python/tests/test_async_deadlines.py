"""Handlers that are `async def` and do not answer in time."""

from __future__ import annotations

import asyncio
import datetime

import pytest

import sandlock


async def slow(ctx):
    await asyncio.sleep(3600)


async def quick(ctx):
    await asyncio.sleep(0)
    return sandlock.NotifAction.continue_()


def run_in_a_loop(sandbox, command):
    return asyncio.run(sandbox.run_async(command))


RUNS = pytest.mark.parametrize("run", [sandlock.Sandbox.run, run_in_a_loop])


@RUNS
def test_the_call_is_refused_and_the_program_goes_on(sandbox, run):
    # Again and again, because two clocks are involved.
    sandbox.add_handler("uname", slow, deadline=0.02)
    for _ in range(10):
        result = run(sandbox, ["sh", "-c", "uname || echo refused"])
        assert result.stdout == b"refused\n"
        assert [str(one.message) for one in result.handler_errors] == ["missed its deadline"]


@RUNS
def test_a_deadline_can_be_a_timedelta(sandbox, run):
    sandbox.add_handler("uname", quick, deadline=datetime.timedelta(seconds=20))
    result = run(sandbox, ["uname"])
    assert (result.success, result.handler_errors) == (True, ())
