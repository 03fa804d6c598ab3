"""How tests run the programs of this folder."""

import glob
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

import sandlock

HERE = pathlib.Path(__file__).parent
PROGRAMS = HERE / "programs"
# What an interpreter says that does not end in order.
LAST_WORDS = ("Fatal Python error", "panicked at", "Aborted", "core dumped", "Segmentation fault")


class Ended:
    """What became of a program."""

    def __init__(self, seen):
        self.code = seen["code"]
        self.seconds = seen["seconds"]
        self.in_time = seen["in_time"]
        self.left = seen["left"]
        self.stdout = seen["stdout"]
        self.stderr = seen["stderr"]

    def __repr__(self):
        return (
            f"code {self.code} after {self.seconds:.1f} s\n"
            f"--- stdout ---\n{self.stdout}\n--- stderr ---\n{self.stderr}"
        )


def run(program, *arguments, code=0, seconds=50, python=sys.executable, options=(), env=None):
    """Runs a program of the folder, or a piece of code, and sees to it that it ends in time, with
    this exit code, in order, and leaves neither processes nor files."""
    started = [python, "-W", "error", *options, *source(program), *arguments]
    with tempfile.TemporaryDirectory() as folder:
        scratch = pathlib.Path(folder, "scratch")
        scratch.mkdir()
        package = pathlib.Path(folder, "package")
        package.mkdir()
        seen = wardened(started, seconds, environment(scratch, package, python, env), scratch)
        ended = Ended(seen)
        assert ended.in_time, f"still runs: {ended}"
        assert ended.code == code, ended
        for words in LAST_WORDS:
            assert words not in ended.stderr, ended
        assert not ended.left, (ended.left, ended)
        files = list(scratch.rglob("*"))
        assert not files, (files, ended)
    return ended


def source(program):
    return [str(PROGRAMS / program)] if program.endswith(".py") else ["-c", program]


def wardened(command, seconds, env, folder):
    # Its interpreter takes nothing from the environment, which is the program's.
    warden = [sys.executable, "-I", "-S", str(HERE / "warden.py"), str(seconds), *command]
    done = subprocess.run(warden, env=env, cwd=folder, capture_output=True, timeout=seconds + 60)
    assert done.returncode == 0, done
    return json.loads(done.stdout)


def environment(scratch, package, python, more):
    env = {**os.environ, "TMPDIR": str(scratch), "HOME": str(scratch), "PYTHONFAULTHANDLER": "1"}
    env["PYTHONDONTWRITEBYTECODE"] = "1"
    # Without folders that this user cannot read.
    env["PATH"] = "/usr/bin:/bin"
    path = [str(PROGRAMS)]
    if python != sys.executable:
        # The package alone, not what else is installed beside it.
        (package / "sandlock").symlink_to(pathlib.Path(sandlock.__file__).parent)
        path.append(str(package))
    env["PYTHONPATH"] = os.pathsep.join(path)
    for name in ("PYTEST_CURRENT_TEST", "PYTEST_XDIST_WORKER", "PYTHONWARNINGS"):
        env.pop(name, None)
    return {**env, **(more or {})}


def interpreters():
    """This Python, and one of every other version from 3.9 on that this machine has."""
    found = {"{}.{}".format(*sys.version_info): sys.executable}
    pyenv = os.environ.get("PYENV_ROOT", os.path.expanduser("~/.pyenv"))
    for minor in range(9, 20):
        version = f"3.{minor}"
        candidates = [shutil.which(f"python{version}")]
        candidates += sorted(glob.glob(f"{pyenv}/versions/{version}.*/bin/python3"))
        for path in filter(None, candidates):
            if version not in found and says(path, version):
                found[version] = path
    return found


def says(python, version):
    """Whether it is what its name says, and not a script that finds nothing, or without a lock."""
    ask = "import sys, sysconfig as s; print('{}.{}'.format(*sys.version_info),"
    ask += " bool(s.get_config_var('Py_GIL_DISABLED')))"
    asked = subprocess.run([python, "-ISc", ask], capture_output=True, text=True)
    return asked.returncode == 0 and asked.stdout.split() == [version, "False"]
