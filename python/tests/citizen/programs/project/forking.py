"""A plugin that runs each test in a process forked for it, as pytest-forked does."""

import os
import pickle

import pytest
from _pytest.runner import runtestprotocol


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item):
    hook = item.ihook
    hook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    for report in reports(item):
        hook.pytest_runtest_logreport(report=report)
    hook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
    return True


def reports(item):
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        made = runtestprotocol(item, log=False)
        with os.fdopen(writer, "wb") as pipe:
            pickle.dump(
                [
                    item.config.hook.pytest_report_to_serializable(config=item.config, report=one)
                    for one in made
                ],
                pipe,
            )
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        told = pickle.load(pipe)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    from_data = item.config.hook.pytest_report_from_serializable
    return [from_data(config=item.config, data=one) for one in told]
