"""check(), explain() and confine_self(): what this kernel can do, and who confines itself."""

import json
import subprocess
import sys
import textwrap
import typing

import pytest
from interpreters import fresh, printed
from lacking import printed_without

import sandlock
from sandlock import Policy, PolicyError, Sandbox
from sandlock._settings import ProtectionName

PROTECTIONS = set(typing.get_args(ProtectionName))


def command(*arguments) -> str:
    """What the command prints."""
    words = [sys.executable, "-m", "sandlock", *arguments]
    return subprocess.run(words, cwd="/", stdout=subprocess.PIPE, text=True, check=True).stdout


class TestCheck:
    def test_it_says_what_this_kernel_can_enforce(self):
        report = sandlock.check()
        assert set(report) == {"v", "host", "notifications", "protections", "enforced_in_full"}
        assert set(report["protections"]) == PROTECTIONS
        assert report["host"]["landlock_abi"] >= 1
        assert type(report["enforced_in_full"]) is bool

    def test_it_is_what_the_command_prints(self):
        assert json.loads(command("check", "--json")) == sandlock.check()

    def test_the_report_is_the_callers(self):
        sandlock.check().clear()
        assert sandlock.check()["v"] == 1

    def test_a_kernel_without_landlock_is_told(self):
        code = """
            import sandlock
            report = sandlock.check()
            print(report["host"]["landlock_abi"], report["enforced_in_full"])
        """
        assert printed_without("landlock_create_ruleset", code) == "0 False\n"
        assert printed(code).endswith(f" {sandlock.check()['enforced_in_full']}\n")


class TestExplain:
    POLICY = Policy(fs_readable=["/no/such"], net_allow=["tcp://:443"], timeout=30)
    FLAGS = ("--fs-read", "/no/such", "--net-allow", "tcp://:443", "--timeout", "30")

    def test_it_says_what_a_policy_would_mean(self):
        explained = sandlock.explain(self.POLICY)
        assert set(explained) == {"v", "policy", "plan", "enforcement"}
        assert explained["policy"]["fs"]["read"] == ["/no/such"]
        assert any("grant read /no/such" in line for line in explained["plan"])
        assert explained["enforcement"]["weakened"] == []

    def test_it_is_what_the_command_prints(self):
        assert json.loads(command("explain", "--json", *self.FLAGS)) == sandlock.explain(
            self.POLICY
        )

    def test_a_description_is_what_the_command_prints(self):
        assert command("explain", *self.FLAGS) == self.POLICY.describe()

    def test_a_description_is_the_plan(self):
        assert self.POLICY.describe().splitlines() == sandlock.explain(self.POLICY)["plan"]

    def test_the_enforcement_is_the_one_of_a_sandbox(self, policy):
        policy = policy.with_settings(allow_syscalls=["ptrace"])
        enforcement = Sandbox(policy).enforcement
        assert sandlock.explain(policy)["enforcement"] == {
            name: list(value) if isinstance(value, tuple) else value
            for name in ("landlock_abi", "enforced", "degraded", "weakened")
            for value in [getattr(enforcement, name)]
        }

    def test_settings_that_contradict_each_other_are_told(self):
        with pytest.raises(PolicyError, match=r"syscalls\.only"):
            sandlock.explain(Policy(only_syscalls=["read"]))

    def test_what_json_cannot_hold_is_told(self):
        with pytest.raises(PolicyError, match=r"fs\.read\[0\]: is not UTF-8"):
            sandlock.explain(Policy(fs_readable=[b"/\xff"]))

    @pytest.mark.parametrize("policy", [None, {}, "fs.read = []"], ids=str)
    def test_a_policy_is_a_policy(self, policy):
        with pytest.raises(TypeError):
            sandlock.explain(policy)

    def test_a_kernel_that_lacks_something_is_told(self):
        code = """
            import sandlock
            try:
                sandlock.explain(sandlock.Policy())
            except sandlock.UnsupportedError as error:
                print(error)
        """
        assert "Landlock" in printed_without("landlock_create_ruleset", code)
        assert printed(code) == ""


class TestConfineSelf:
    """In processes of their own: it is for ever."""

    READ = """
        import os, sys, sandlock
        def can_read():
            try:
                open("/etc/passwd").close()
                return True
            except PermissionError:
                return False
    """

    def test_the_process_is_confined_and_what_it_starts(self):
        code = """
            import subprocess
            cat = ["/usr/bin/cat", "/etc/passwd"]
            print(can_read(), subprocess.run(cat, stdout=subprocess.DEVNULL).returncode)
            policy = sandlock.Policy(
                fs_readable=["/usr"],
                fs_readable_if_exists=["/lib", "/lib64"],
                fs_writable_if_exists=["/dev/null"],
            )
            enforcement = sandlock.confine_self(policy)
            print(can_read(), subprocess.run(cat, stderr=subprocess.DEVNULL).returncode)
            print(enforcement == sandlock.Sandbox(policy).enforcement)
        """
        ended = fresh(self.joined(code))
        assert ended.stdout.splitlines()[:2] == ["True 0", "False 1"], ended

    def test_system_calls_are_refused(self):
        code = """
            import ctypes, socket
            libc = ctypes.CDLL(None, use_errno=True)
            socket.socket().close()
            sandlock.confine_self(sandlock.Policy())
            try:
                socket.socket()
            except PermissionError:
                print("refused")
        """
        assert printed(self.joined(code)) == "refused\n"

    def test_threads_that_run_already_are_not_confined(self):
        code = """
            import threading
            begin, found = threading.Event(), []
            def look():
                begin.wait()
                found.append(can_read())
            earlier = threading.Thread(target=look)
            earlier.start()
            sandlock.confine_self(sandlock.Policy())
            later = threading.Thread(target=look)
            later.start()
            begin.set()
            for thread in (earlier, later):
                thread.join()
            print(sorted(found), can_read())
        """
        assert printed(self.joined(code)) == "[False, True] False\n"

    @pytest.mark.parametrize(
        ("settings", "path"),
        [
            ({"timeout": 3}, "limits.timeout"),
            ({"max_open_files": 3}, "limits.open_files"),
            ({"max_file_size": 3}, "limits.file_size"),
            ({"env": {"A": "1"}}, "process.env"),
            ({"clean_env": True}, "process.clean_env"),
            ({"cwd": "/"}, "process.cwd"),
        ],
        ids=lambda value: value if isinstance(value, str) else None,
    )
    def test_settings_that_no_thread_can_apply_are_told(self, settings, path):
        # Nothing is done to this process then.
        with pytest.raises(PolicyError) as raised:
            sandlock.confine_self(Policy(**settings))
        assert path in str(raised.value)

    def test_a_missing_path_is_told(self):
        with pytest.raises(PolicyError, match="/no/such"):
            sandlock.confine_self(Policy(fs_readable=["/no/such"]))

    def test_a_policy_is_a_policy(self):
        with pytest.raises(TypeError):
            sandlock.confine_self(None)

    def test_a_kernel_that_lacks_something_is_told(self):
        code = """
            import sandlock
            try:
                sandlock.confine_self(sandlock.Policy())
            except sandlock.UnsupportedError as error:
                print(error)
            open("/etc/passwd").close()
        """
        assert "Landlock" in printed_without("landlock_create_ruleset", code)

    @staticmethod
    def joined(code):
        return textwrap.dedent(TestConfineSelf.READ) + textwrap.dedent(code)
