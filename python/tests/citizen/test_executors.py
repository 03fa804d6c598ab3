"""concurrent.futures and multiprocessing."""

import multiprocessing

import pytest

from .running import run


def test_many_threads_share_a_sandbox():
    run("executors.py", "threads")


@pytest.mark.parametrize("method", multiprocessing.get_all_start_methods())
def test_policies_results_and_exceptions_pass_between_processes(method):
    run("executors.py", method)


def test_a_process_of_multiprocessing_uses_sandboxes():
    run("executors.py", "process")


def test_a_fork_in_the_middle_of_runs_leaves_both_processes_whole():
    run("executors.py", "middle")
