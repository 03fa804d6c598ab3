"""How it is compiled: by every compiler, plain and with sanitizers, and against the static library."""

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from programs import Program, file_name

WARNINGS = ["-Wall", "-Wextra", "-Werror", "-pedantic"]
# Sanitized programs are compiled twice as fast without optimization.
PLAIN = ["-O1"]
SANITIZERS = ["-g1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
COMPILERS = {"c": ["gcc", "clang"], "c++": ["g++", "clang++"]}
STATIC_TEST = "tests/c/sandbox.c"


@dataclass(frozen=True)
class Build:
    program: Program
    compiler: str
    # What is special about it, for people.
    variant: str
    flags: tuple
    libraries: tuple

    @property
    def name(self):
        return f"{self.program.name} ({self.compiler}, {self.variant})"

    @property
    def plain(self):
        return self.variant == "plain"

    def compile(self, binaries):
        """The program, or nothing where there is nothing to run. An error is the compiler's output."""
        command = [self.compiler, f"-std={self.program.standard}", *WARNINGS, *self.flags, self.program.source, *self.program.others]
        binary = binaries / file_name(self.name)
        command += ["-o", binary, *self.libraries] if self.program.whole else ["-fsyntax-only"]
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if done.returncode != 0:
            raise CompilerError(done.stdout)
        return binary if self.program.whole else None


class CompilerError(Exception):
    pass


def package(prefix, *question):
    """What pkg-config says about the installed library."""
    environment = os.environ | {"PKG_CONFIG_PATH": str(prefix / "lib/pkgconfig")}
    command = ["pkg-config", *question, "sandlock"]
    done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    return done.stdout.split()


def builds(programs, prefix, scratch, report):
    sanitizing = {name for name in usable(report) if sanitizes(name, scratch, report)}
    cflags = tuple(package(prefix, "--cflags"))
    libraries = (*package(prefix, "--libs"), f"-Wl,-rpath,{prefix / 'lib'}")
    for program in programs:
        for compiler in filter(shutil.which, COMPILERS[program.language]):
            yield Build(program, compiler, "plain", (*cflags, *PLAIN), libraries)
            if program.whole and compiler in sanitizing:
                yield Build(program, compiler, "sanitized", (*cflags, *SANITIZERS), libraries)
    yield from static_builds(programs, prefix, cflags)


def usable(report):
    for name in sorted(set().union(*COMPILERS.values())):
        if shutil.which(name):
            yield name
        else:
            report.skips(f"everything compiled by {name}", "it is missing")


def sanitizes(compiler, scratch, report):
    """Whether the compiler's sanitizers are installed; Debian has clang's in a package of its own."""
    source = scratch / "empty.c"
    source.write_text("int main(void) { return 0; }\n")
    language = "c++" if compiler in COMPILERS["c++"] else "c"
    command = [compiler, "-x", language, *SANITIZERS, source, "-o", scratch / f"empty-{compiler}"]
    if subprocess.run(command, capture_output=True).returncode == 0:
        return True
    report.skips(f"sanitizers of {compiler}", "its runtime is missing (libclang-rt-dev of its version)")
    return False


def static_builds(programs, prefix, cflags):
    """With the static library and libc's shared one, and with nothing shared at all."""
    static = package(prefix, "--static", "--libs")
    archive = ["-l:libsandlock.a" if name == "-lsandlock" else name for name in static]
    for program in programs:
        if program.language == "c" and program.name.startswith(("examples/", STATIC_TEST)):
            yield Build(program, "gcc", "static library", cflags, tuple(archive))
            yield Build(program, "gcc", "static", (*cflags, "-static"), tuple(static))


def second_library(root, prefix, scratch):
    """A program with another static library of Rust's beside ours."""
    folder = root / "tests/abi/second"
    command = ["rustc", "--edition=2024", "--crate-type=staticlib", "-Copt-level=1", "-Clto", "--out-dir", scratch]
    subprocess.run([*command, folder / "second.rs"], check=True)
    static = ["-l:libsandlock.a" if name == "-lsandlock" else name for name in package(prefix, "--static", "--libs")]
    program = Program("tests/abi/second", folder / "main.c", "c", "c11")
    flags = tuple(package(prefix, "--cflags"))
    return Build(program, "gcc", "two Rust libraries", flags, (str(Path(scratch, "libsecond.a")), *static))
