"""Policy: its settings, their errors, and what can be done with it."""

import copy
import datetime
import os
import pickle
import pydoc
import re
import typing
from collections import ChainMap, OrderedDict
from pathlib import Path, PurePosixPath

import pytest

from sandlock import Policy, PolicyError, Sandbox, SandlockError, UnsupportedError
from sandlock._settings import ProtectionMode, ProtectionName, Settings

# Each setting with a value, and what the policy says of it afterwards.
EVERY_SETTING = {
    "fs_readable": (["/usr"], ["/usr"]),
    "fs_readable_if_exists": (["/lib64"], ["/lib64"]),
    "fs_writable": (["/tmp/job"], ["/tmp/job"]),
    "fs_writable_if_exists": (["/dev/shm"], ["/dev/shm"]),
    "net_allow": (["tcp://:443"], ["tcp://:443"]),
    "net_unix": (["*"], ["*"]),
    "max_open_files": (256, 256),
    "max_file_size": ("64M", 64 << 20),
    "timeout": (1.5, "1.5s"),
    "env": ({"LANG": "C"}, {"LANG": "C"}),
    "clean_env": (True, True),
    "cwd": ("/tmp", "/tmp"),
    "keep_capabilities": (["CAP_CHOWN"], ["chown"]),
    "core_dumps": (True, True),
    "manage_tasks": (True, True),
    "deny_syscalls": (["chmod", "@file-metadata"], ["chmod", "@file-metadata"]),
    "allow_syscalls": (["ptrace"], ["ptrace"]),
    "only_syscalls": (["@processes"], ["@processes"]),
    "protections": ({"fs_ioctl_dev": "off"}, {"fs_ioctl_dev": "off"}),
}

# One of each kind, a path that is not UTF-8 aside.
EVERYTHING = {name: value for name, (value, _) in EVERY_SETTING.items()}


def problems_of(**settings) -> tuple:
    with pytest.raises(PolicyError) as raised:
        Policy(**settings)
    return raised.value.problems


class TestTable:
    """The settings are those of the table of settings, on every side."""

    def test_the_typed_dictionary_has_the_settings_that_are_tested_here(self):
        assert set(Settings.__annotations__) == set(EVERY_SETTING)
        assert Settings.__total__ is False

    @pytest.mark.parametrize("name", Settings.__annotations__)
    def test_a_setting_of_the_typed_dictionary_is_known(self, name):
        # No setting takes an object: one that is known has a path of the table.
        ((path, message),) = problems_of(**{name: object()})
        assert "unknown" not in message
        assert path != name or name == "protections"

    @pytest.mark.parametrize("name", EVERY_SETTING)
    def test_a_setting_is_accepted_and_changes_the_policy(self, name):
        value, said = EVERY_SETTING[name]
        policy = Policy(**{name: value})
        assert policy != Policy()
        assert policy.settings == {name: said}

    @pytest.mark.parametrize("name", EVERY_SETTING)
    def test_a_setting_survives_keywords_and_toml(self, name):
        policy = Policy(**{name: EVERY_SETTING[name][0]})
        assert Policy(**policy.settings) == policy
        assert Policy.from_toml(policy.to_toml()) == policy

    @pytest.mark.parametrize("name", EVERY_SETTING)
    def test_a_setting_changes_the_plan(self, name):
        assert Policy(**{name: EVERY_SETTING[name][0]}).describe() != Policy().describe()

    def test_names_and_modes_of_protections_are_those_that_are_accepted(self):
        names, modes = typing.get_args(ProtectionName), typing.get_args(ProtectionMode)
        ((_, message),) = problems_of(protections={"no_such": "off"})
        for name in names:
            assert name in message
            for mode in modes:
                assert Policy(protections={name: mode}) is not None
        ((_, message),) = problems_of(protections={names[0]: "no_such"})
        assert message.startswith(f"expected one of {', '.join(modes)}, ")

    def test_a_sandbox_takes_every_setting_of_a_policy(self):
        settings = dict(EVERYTHING, fs_writable=["/tmp"])
        sandbox = Sandbox(**settings)
        assert sandbox.policy == Policy(**settings)


class TestValues:
    """Which Python objects mean what."""

    @pytest.mark.parametrize(
        "path",
        ["/usr", b"/usr", Path("/usr"), PurePosixPath("/usr")],
        ids=lambda path: type(path).__name__,
    )
    def test_a_path_is_a_str_bytes_or_an_os_pathlike(self, path):
        assert Policy(fs_readable=[path], cwd=path).settings == {
            "fs_readable": ["/usr"],
            "cwd": "/usr",
        }

    def test_a_path_like_may_be_of_bytes(self):
        class Entry:
            def __fspath__(self):
                return b"/\xff"

        assert Policy(cwd=Entry()).settings == {"cwd": "/\udcff"}

    def test_bytes_that_are_not_utf8_survive_as_os_fsdecode_has_them(self):
        policy = Policy(fs_readable=[b"/\xff\xfe"], env={"A": b"\x80"})
        assert policy.settings == {"fs_readable": ["/\udcff\udcfe"], "env": {"A": "\udc80"}}
        assert Policy(fs_readable=[os.fsdecode(b"/\xff\xfe")], env={"A": "\udc80"}) == policy

    @pytest.mark.parametrize(
        "paths",
        [
            ("/a", "/b"),
            iter(["/a", "/b"]),
            (path for path in ("/a", "/b")),
            {"/a": 0, "/b": 0}.keys(),
        ],
        ids=["tuple", "iterator", "generator", "keys"],
    )
    def test_a_list_is_anything_that_can_be_iterated(self, paths):
        assert Policy(fs_readable=paths).settings == {"fs_readable": ["/a", "/b"]}

    def test_what_a_generator_raises_is_raised(self):
        def broken():
            yield "/usr"
            raise LookupError("mine")

        with pytest.raises(LookupError, match="mine"):
            Policy(fs_readable=broken())

    @pytest.mark.parametrize("mapping", [OrderedDict(A="1"), ChainMap({"A": "1"}), {b"A": b"1"}])
    def test_a_table_is_any_mapping(self, mapping):
        assert Policy(env=mapping).settings == {"env": {"A": "1"}}

    def test_the_environment_of_this_process_is_a_table(self, monkeypatch):
        monkeypatch.setenv("SANDLOCK_TEST", "here")
        assert Policy(env=os.environ).settings["env"] == dict(os.environ)
        assert Policy(env=os.environb) == Policy(env=os.environ)

    @pytest.mark.parametrize(
        ("value", "said"),
        [
            (30, "30s"),
            (1.5, "1.5s"),
            ("30", "30s"),
            ("500ms", "0.5s"),
            ("2m", "120s"),
            ("1h", "3600s"),
            (datetime.timedelta(minutes=2), "120s"),
            (datetime.timedelta(milliseconds=1), "0.001s"),
        ],
        ids=str,
    )
    def test_a_time_is_seconds_a_text_or_a_timedelta(self, value, said):
        assert Policy(timeout=value).settings == {"timeout": said}

    @pytest.mark.parametrize(
        ("value", "said"), [(4096, 4096), ("64K", 65536), ("1.5G", 1610612736), ("1T", 1 << 40)]
    )
    def test_a_size_is_a_number_of_bytes_or_a_text(self, value, said):
        assert Policy(max_file_size=value).settings == {"max_file_size": said}

    def test_a_number_is_what_has_an_index(self):
        class Number:
            def __index__(self):
                return 64

        assert Policy(max_open_files=Number()) == Policy(max_open_files=64)

    @pytest.mark.parametrize("name", EVERY_SETTING)
    def test_a_setting_that_is_none_says_nothing(self, name):
        assert Policy(**{name: None}) == Policy()
        policy = Policy(**{name: EVERY_SETTING[name][0]})
        assert policy.with_settings(**{name: None}) == policy

    def test_what_is_said_as_by_default_is_not_said(self):
        policy = Policy(fs_readable=[], env={}, clean_env=False, protections={})
        assert policy == Policy()
        assert policy.settings == {}


class TestMistakes:
    """Wrong keys and values are told all at once, with their dotted paths."""

    @pytest.mark.parametrize(
        ("settings", "path", "message"),
        [
            ({"fs_readable": "/usr"}, "fs.read", "expected a list"),
            ({"fs_readable": b"/usr"}, "fs.read", "expected a list"),
            ({"fs_readable": Path("/usr")}, "fs.read", "expected a list"),
            ({"fs_readable": {"/usr": 1}}, "fs.read", "expected a list"),
            ({"fs_readable": ["/a", 1]}, "fs.read[1]", "expected a path"),
            ({"fs_readable": ["/a", None]}, "fs.read[1]", "expected a path"),
            ({"fs_readable": ["/a", [["/b"]]]}, "fs.read[1]", "expected a path"),
            ({"fs_writable": ["/a\0b"]}, "fs.write[0]", "NUL"),
            ({"net_allow": ["udp://:53"]}, "net.allow[0]", "expected a rule"),
            ({"net_allow": ["tcp://:70000"]}, "net.allow[0]", ""),
            ({"net_unix": ["/run/x"]}, "net.unix[0]", "expected `*`"),
            ({"max_open_files": "64"}, "limits.open_files", "expected a whole number"),
            ({"max_open_files": True}, "limits.open_files", "expected a whole number"),
            ({"max_open_files": 1.5}, "limits.open_files", "expected a whole number"),
            ({"max_open_files": 0}, "limits.open_files", "expected a whole number"),
            ({"max_open_files": -1}, "limits.open_files", "expected a whole number"),
            ({"max_open_files": 2**80}, "limits.open_files", "a number beyond 64 bits"),
            ({"max_file_size": "64X"}, "limits.file_size", "expected a size"),
            ({"max_file_size": -1}, "limits.file_size", "expected a size"),
            ({"timeout": 0}, "limits.timeout", "above zero"),
            ({"timeout": -1.5}, "limits.timeout", "expected a time"),
            ({"timeout": float("nan")}, "limits.timeout", "expected a time"),
            ({"timeout": float("inf")}, "limits.timeout", "expected a time"),
            ({"timeout": 1e300}, "limits.timeout", ""),
            ({"timeout": datetime.timedelta(days=-1)}, "limits.timeout", "expected a time"),
            ({"timeout": True}, "limits.timeout", "expected a time"),
            ({"env": ["A=1"]}, "process.env", "expected a table"),
            ({"env": "A=1"}, "process.env", "expected a table"),
            ({"env": {"A": 1}}, "process.env.A", "expected a text"),
            ({"env": {"A=B": "1"}}, "process.env.A=B", "name of a variable"),
            ({"env": {"A": "a\0b"}}, "process.env.A", "NUL"),
            ({"env": {1: "1"}}, "process.env", "a table with 1 as a key"),
            ({"clean_env": 1}, "process.clean_env", "expected true or false"),
            ({"clean_env": "yes"}, "process.clean_env", "expected true or false"),
            ({"cwd": ""}, "process.cwd", "expected a path"),
            ({"cwd": ["/tmp"]}, "process.cwd", "expected a path"),
            ({"cwd": "\ud800"}, "process.cwd", "surrogate"),
            ({"keep_capabilities": ["root"]}, "process.keep_capabilities[0]", "no capability"),
            ({"deny_syscalls": ["no_such"]}, "syscalls.deny[0]", "no system call"),
            ({"deny_syscalls": [0]}, "syscalls.deny[0]", ""),
            ({"allow_syscalls": ["@no_such"]}, "syscalls.allow[0]", "no group"),
            ({"protections": ["fs_refer"]}, "protections", "expected a table"),
            ({"protections": {"no_such": "off"}}, "protections.no_such", "expected one of"),
            ({"protections": {"fs_refer": False}}, "protections.fs_refer", "expected strict"),
            ({"no_such": 1}, "no_such", "unknown setting"),
            ({"fs.read": ["/usr"]}, "fs.read", "did you mean fs_readable?"),
            ({"fs_readble": ["/usr"]}, "fs_readble", "did you mean fs_readable?"),
        ],
        ids=ascii,
    )
    def test_a_mistake_is_told_with_its_path(self, settings, path, message):
        ((told_path, told_message),) = problems_of(**settings)
        assert told_path == path
        assert message in told_message

    def test_all_mistakes_are_told_at_once(self):
        with pytest.raises(PolicyError) as raised:
            Policy(
                fs_readable=["/a", 1, 2], env={"A": 1}, timeout="soon", no_such=True, clean_env=3
            )
        error = raised.value
        paths = [path for path, _ in error.problems]
        assert sorted(paths) == [
            "fs.read[1]",
            "fs.read[2]",
            "limits.timeout",
            "no_such",
            "process.clean_env",
            "process.env.A",
        ]
        assert error.setting == paths[0]
        assert str(error) == "; ".join(f"{path}: {message}" for path, message in error.problems)
        assert "\n" not in str(error)

    def test_a_list_that_contains_itself_is_a_mistake(self):
        paths: list = ["/usr"]
        paths.append(paths)
        ((path, _),) = problems_of(fs_readable=paths)
        assert path == "fs.read[1]"

    def test_what_an_os_pathlike_raises_is_raised(self):
        class Broken:
            def __fspath__(self):
                raise LookupError("mine")

        with pytest.raises(LookupError, match="mine"):
            Policy(cwd=Broken())

    def test_settings_are_keywords_alone(self):
        with pytest.raises(TypeError, match="positional"):
            Policy({"fs_readable": ["/usr"]})

    def test_a_sandbox_tells_mistakes_as_a_policy_does(self):
        with pytest.raises(PolicyError, match=r"^fs\.read: expected a list"):
            Sandbox(fs_readable="/usr")
        with pytest.raises(PolicyError, match=r"^timout: unknown setting; did you mean timeout"):
            Sandbox(Policy(), timout=3)

    def test_settings_that_contradict_each_other_are_told_when_a_plan_is_made(self):
        policy = Policy(only_syscalls=["read"], deny_syscalls=["write"])
        for use in (policy.describe, lambda: Sandbox(policy)):
            with pytest.raises(PolicyError) as raised:
                use()
            assert raised.value.setting

    def test_a_path_that_is_missing_is_told_when_a_sandbox_is_made(self, tmp_path):
        missing = tmp_path / "missing"
        with pytest.raises(SandlockError) as raised:
            Sandbox(fs_readable=[missing])
        assert raised.value.setting == "fs.read[0]"
        assert str(missing) in str(raised.value)
        assert Sandbox(fs_readable_if_exists=[missing])
        missing.mkdir()
        assert Sandbox(fs_readable=[missing])


class TestToml:
    def test_everything_goes_through_toml_and_back(self):
        policy = Policy(**EVERYTHING)
        assert Policy.from_toml(policy.to_toml()) == policy

    def test_a_text_in_toml_means_what_keywords_mean(self):
        text = """
            fs.read = ["/usr"]
            limits = { timeout = "2m", file_size = "64K" }
            [process.env]
            LANG = "C"
        """
        assert Policy.from_toml(text) == Policy(
            fs_readable=["/usr"], timeout=120, max_file_size=65536, env={"LANG": "C"}
        )

    def test_an_empty_text_is_an_empty_policy(self):
        assert Policy.from_toml("") == Policy()

    def test_all_mistakes_of_a_text_are_told_at_once(self):
        with pytest.raises(PolicyError) as raised:
            Policy.from_toml('no_such = 1\n[fs]\nread = "/usr"\n[limits]\nopen_files = 0\n')
        paths = [path for path, _ in raised.value.problems]
        assert sorted(paths) == ["fs.read", "limits.open_files", "no_such"]

    def test_a_text_that_is_no_toml_is_told_with_its_line(self):
        with pytest.raises(PolicyError, match=r"^line 2: not valid TOML: ") as raised:
            Policy.from_toml("fs.read = []\nfs.write =")
        assert "\n" not in str(raised.value)

    def test_python_names_are_none_of_toml(self):
        with pytest.raises(PolicyError, match="fs_readable: unknown setting"):
            Policy.from_toml('fs_readable = ["/usr"]')

    def test_what_toml_cannot_hold_is_told(self):
        with pytest.raises(PolicyError, match=r"^fs\.read\[1\]: is not UTF-8"):
            Policy(fs_readable=["/usr", b"/\xff"]).to_toml()

    def test_a_text_is_a_str(self):
        with pytest.raises(TypeError):
            Policy.from_toml(b"")


class TestLaidOver:
    def test_lists_append(self):
        policy = Policy(fs_readable=["/a"], deny_syscalls=["chmod"])
        assert policy.with_settings(fs_readable=["/b"]).settings == {
            "fs_readable": ["/a", "/b"],
            "deny_syscalls": ["chmod"],
        }

    def test_tables_gain_keys(self):
        policy = Policy(env={"A": "1", "B": "1"}, protections={"fs_refer": "off"})
        policy = policy.with_settings(env={"B": "2", "C": "2"}, protections={"net_tcp": "off"})
        assert policy.settings["env"] == {"A": "1", "B": "2", "C": "2"}
        assert policy.settings["protections"] == {"fs_refer": "off", "net_tcp": "off"}

    def test_everything_else_replaces(self):
        policy = Policy(timeout=1, clean_env=True, cwd="/a", max_open_files=1)
        over = policy.with_settings(timeout=2, clean_env=False, cwd="/b", max_open_files=2)
        assert over == Policy(timeout=2, cwd="/b", max_open_files=2)

    def test_the_policy_below_is_as_it_was(self):
        policy = Policy(fs_readable=["/a"])
        policy.with_settings(fs_readable=["/b"], timeout=1)
        assert policy == Policy(fs_readable=["/a"])

    def test_a_sandbox_lays_keywords_over_its_policy(self):
        sandbox = Sandbox(Policy(fs_readable=["/usr"], timeout=1), fs_readable=["/tmp"], timeout=2)
        assert sandbox.policy == Policy(fs_readable=["/usr", "/tmp"], timeout=2)

    def test_mistakes_are_told_as_by_the_constructor(self):
        with pytest.raises(PolicyError) as raised:
            Policy().with_settings(fs_readable="/usr", no_such=1)
        assert len(raised.value.problems) == 2


class TestValue:
    """A policy is a value."""

    def test_equal_policies_are_equal_and_hash_alike(self):
        one = Policy(env={"A": "1", "B": "2"}, timeout=60, fs_readable=["/usr"])
        two = Policy(fs_readable=[b"/usr"], timeout="1m", env={"B": "2", "A": "1"})
        assert one == two
        assert hash(one) == hash(two)
        assert len({one, two, Policy()}) == 2

    @pytest.mark.parametrize("name", EVERY_SETTING)
    def test_a_policy_differs_from_one_with_another_setting(self, name):
        one = Policy(**{name: EVERY_SETTING[name][0]})
        assert one != Policy()
        assert one != Policy()

    def test_the_order_of_a_list_counts(self):
        assert Policy(fs_readable=["/a", "/b"]) != Policy(fs_readable=["/b", "/a"])

    def test_a_policy_equals_nothing_else(self):
        assert Policy() != {}
        assert Policy() != None  # noqa: E711
        assert Policy() != Policy

    @pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
    def test_a_policy_can_be_pickled(self, protocol):
        policy = Policy(**EVERYTHING).with_settings(fs_readable=[b"/\xff"], env={"B": b"\xfe"})
        assert pickle.loads(pickle.dumps(policy, protocol)) == policy

    def test_a_policy_can_be_copied(self):
        policy = Policy(**EVERYTHING)
        assert copy.copy(policy) == policy
        assert copy.deepcopy(policy) == policy
        assert copy.deepcopy([policy]) == [policy]

    def test_a_policy_cannot_be_changed(self):
        policy = Policy(fs_readable=["/usr"])
        with pytest.raises(AttributeError):
            policy.timeout = 3
        policy.settings["fs_readable"].append("/etc")
        assert policy == Policy(fs_readable=["/usr"])

    def test_its_repr_is_the_call_that_makes_it(self):
        policy = Policy(**EVERYTHING).with_settings(fs_readable=[b"/\xff", "/it's"])
        assert eval(repr(policy), {"Policy": Policy}) == policy
        assert repr(Policy()) == "Policy()"
        assert repr(Policy(fs_readable=["/usr"])) == "Policy(fs_readable=['/usr'])"

    def test_its_description_says_what_is_granted(self):
        assert re.search(
            r"grant read /no/such \(fs\.read\)", Policy(fs_readable=["/no/such"]).describe()
        )

    def test_its_description_says_what_is_weakened(self):
        assert "weakened: nothing" in Policy().describe()
        assert "weakened: nothing" not in Policy(allow_syscalls=["ptrace"]).describe()

    def test_its_help_has_the_module_where_users_find_it(self):
        assert Policy.__module__ == "sandlock"
        assert "from_toml" in pydoc.render_doc(Policy)

    def test_an_unsupported_error_is_none_of_a_policy(self):
        assert not issubclass(UnsupportedError, ValueError)
        assert issubclass(PolicyError, ValueError)
