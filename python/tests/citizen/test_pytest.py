"""A project that uses the package, tested by pytest in every way."""

import shutil

import pytest

from .running import PROGRAMS, run

PROJECT = PROGRAMS / "project"
OPTIONS = {
    "alone": [],
    "in_workers": ["-n", "2"],
    "in_forks": ["-p", "forking"],
    "in_forks_of_workers": ["-n", "2", "-p", "forking"],
    "without_capture": ["-s"],
}


@pytest.fixture
def project(tmp_path):
    shutil.copy(PROJECT / "fixtures.py", tmp_path / "conftest.py")
    shutil.copy(PROJECT / "checks.py", tmp_path / "test_project.py")
    shutil.copy(PROJECT / "forking.py", tmp_path)
    return tmp_path


def run_pytest(project, options, **more):
    program = """
import os, sys, pytest
folder, *options = sys.argv[1:]
os.chdir(folder)
sys.path.insert(0, folder)
sys.exit(pytest.main(["-q", "-W", "error", "--basetemp", folder + "/tmp", *options]))
"""
    return run(program, str(project), *options, **more)


@pytest.mark.parametrize("how", OPTIONS)
def test_the_tests_of_a_project_pass(project, how):
    if "-n" in OPTIONS[how]:
        pytest.importorskip("xdist")
    ended = run_pytest(project, OPTIONS[how])
    assert "38 passed, 1 skipped" in ended.stdout, ended


def test_a_failure_shows_the_result(project):
    ended = run_pytest(project, [], code=1, env={"SHOULD_FAIL": "1"})
    assert "1 failed, 38 passed" in ended.stdout, ended
    assert r"<Result exited exit_code=3 stdout='' stderr='why\n'>" in ended.stdout, ended
