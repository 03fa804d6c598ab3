"""What tests of the package share: a policy and a sandbox for ordinary programs, what a test may
require of the machine, and a watch over tests that hang or leave something behind."""

from __future__ import annotations

import faulthandler
import gc
import os
from pathlib import Path

import pytest
from guests import ORDINARY
from waiting import until

import sandlock

# After this a test hangs: every thread shows where it is, and the process ends.
HANGS_AFTER = 60.0
# How long it takes at most until a thread that ends has ended.
ENDS_WITHIN = 5.0

IS_ROOT = os.geteuid() == 0
NEEDS = {"root": IS_ROOT, "no_root": not IS_ROOT}

REQUIRED = os.environ.get("SANDLOCK_TEST_REQUIRE") == "all"

_stderr = pytest.StashKey[int]()
_has_failed = pytest.StashKey[bool]()


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", f"needs(who): the user must be one of {', '.join(NEEDS)}")
    config.addinivalue_line("markers", "leaves(what): the test leaves processes or descriptors")
    # Where people see it: during tests descriptor 2 is pytest's own.
    with config.pluginmanager.getplugin("capturemanager").global_and_fixture_disabled():
        config.stash[_stderr] = os.dup(2)


def pytest_runtest_setup(item: pytest.Item) -> None:
    for mark in item.iter_markers("needs"):
        if not NEEDS[mark.args[0]]:
            # Never a failure: no setting makes a user root.
            pytest.skip(f"needs {mark.args[0]}")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item):
    report = yield
    item.stash[_has_failed] = report.failed
    return report if item.get_closest_marker("needs") else required(report)


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report():
    return required((yield))


def required(report):
    """Where everything is required, what was skipped has failed."""
    if REQUIRED and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped, and everything is required: {report.longrepr[2]}"
    return report


@pytest.fixture(autouse=True)
def nothing_hangs(request):
    faulthandler.dump_traceback_later(HANGS_AFTER, exit=True, file=request.config.stash[_stderr])
    yield
    faulthandler.cancel_dump_traceback_later()


@pytest.fixture(autouse=True)
def nothing_is_left(request):
    """Behind a test there are no more processes and descriptors of this process than before."""
    before = belongings()
    yield
    if request.node.get_closest_marker("leaves") or request.node.stash[_has_failed]:
        # The traceback of a test that failed has everything that the test had.
        return
    request.node.funcargs.clear()
    try:
        until(lambda: is_all_gone(before), ENDS_WITHIN)
    except AssertionError:
        pytest.fail(f"left behind: {sorted(belongings() - before)}")


def is_all_gone(before: set[str]) -> bool:
    if belongings() <= before:
        return True
    # Garbage goes when the threads have ended that had it.
    gc.collect()
    return belongings() <= before


def belongings() -> set[str]:
    """The descriptors and children of this process."""
    return descriptors() | children()


def descriptors() -> set[str]:
    found = set()
    for descriptor in Path("/proc/self/fd").iterdir():
        try:
            target = os.readlink(descriptor)
        except FileNotFoundError:
            # The one for this loop.
            continue
        found.add(f"descriptor {descriptor.name} -> {target}")
    return found


def children() -> set[str]:
    found = set()
    for task in Path("/proc/self/task").iterdir():
        try:
            found.update((task / "children").read_text().split())
        except (FileNotFoundError, ProcessLookupError):
            # A thread that has ended meanwhile.
            continue
    return {f"process {pid}" for pid in found}


@pytest.fixture(scope="session")
def policy() -> sandlock.Policy:
    """Ordinary programs run under it, and may do nothing more."""
    return sandlock.Policy(**ORDINARY)


@pytest.fixture
def sandbox(policy) -> sandlock.Sandbox:
    return sandlock.Sandbox(policy)


@pytest.fixture
def job(tmp_path) -> Path:
    """A directory that no policy grants until a test says so."""
    return tmp_path


@pytest.fixture
def writing(policy, job) -> sandlock.Sandbox:
    """As `sandbox`, with `job` to write in."""
    return sandlock.Sandbox(policy, fs_writable=[job])
