"""What holds for all tests."""

import os

import pytest

REQUIRED = os.environ.get("SANDLOCK_TEST_REQUIRE") == "all"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport():
    return _required((yield))


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report():
    return _required((yield))


def _required(report):
    """Where everything is required, what was skipped has failed."""
    if REQUIRED and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped, and everything is required: {report.longrepr[2]}"
    return report
