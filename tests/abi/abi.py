#!/usr/bin/env python3
"""What programs that were linked with the library rely on.

    abi.py PREFIX    checks the library that is installed below PREFIX, and the header
    abi.py --write   adds what is new in the header to constants.txt and sandlock.abi

Numbers never change and functions never go while the SONAME stays, so nothing here takes a line out
of the two files. To change the interface on purpose, delete them, run `make generate`, and say in the
commit what breaks. A struct that begins with its size and gets a field at its end is such a change for
libabigail, though it breaks nothing.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
HEADER = ROOT / "include/sandlock.h"
CONSTANTS = HERE / "constants.txt"
DESCRIPTION = HERE / "sandlock.abi"

MOST_BYTES = 3 << 20
LIBRARIES = {"libc.so.6", "libgcc_s.so.1"}
# Of libabigail's exit status: an error, a wrong call, a change.
ABIDIFF_FAILED, ABIDIFF_CHANGED = 3, 4
SYSTEM_HEADERS = """
    assert.h complex.h ctype.h dirent.h err.h errno.h fcntl.h inttypes.h limits.h locale.h math.h netdb.h poll.h
    pthread.h pwd.h regex.h sched.h setjmp.h signal.h stdarg.h stdatomic.h stdio.h stdlib.h string.h sys/ioctl.h
    sys/mman.h sys/param.h sys/resource.h sys/socket.h sys/stat.h sys/syscall.h sys/sysmacros.h sys/time.h sys/types.h
    sys/wait.h termios.h threads.h time.h unistd.h wchar.h linux/audit.h linux/landlock.h linux/seccomp.h
""".split()


def output(*command, **options):
    return subprocess.run(command, check=True, capture_output=True, text=True, **options).stdout


def functions():
    """The functions that the header declares, each with its declaration."""
    code = re.sub(r"/\*.*?\*/|//[^\n]*|^#[^\n]*", "", HEADER.read_text(), flags=re.S | re.M)
    declarations = re.findall(r"^[a-z][^;{}]*?\b(\w+)\([^;{}]*\);", code, flags=re.M)
    bodies = re.findall(r"^([a-z][^;{}]*?\b\w+\([^;{}]*\));", code, flags=re.M)
    return {name: body for name, body in zip(declarations, bodies) if not body.startswith("typedef")}


def constants():
    """The numbers that the header defines, by name; those of the version change."""
    defined = dict(re.findall(r"^#define (SANDLOCK_\w+) (.+)$", HEADER.read_text(), flags=re.M))
    return {name: value for name, value in defined.items() if not name.startswith("SANDLOCK_VERSION_")}


def recorded_constants():
    lines = CONSTANTS.read_text().splitlines() if CONSTANTS.exists() else []
    return dict(line.split(maxsplit=1) for line in lines)


def lost_constants():
    """What somebody's program was compiled with and is not so any more."""
    now = constants()
    for name, value in recorded_constants().items():
        if now.get(name) != value:
            yield f"INCOMPATIBLE: {name} was {value} and is {now.get(name, 'gone')}"


def describe(path):
    """Writes libabigail's description of a library with the header's functions and types.

    The real library's debugging information speaks of Rust's types; here C's own compiler reads the
    declarations, with empty functions for bodies.
    """
    with tempfile.TemporaryDirectory() as scratch:
        bodies = "".join(f"{declaration} {{ __builtin_trap(); }}\n" for declaration in functions().values())
        Path(scratch, "sandlock.c").write_text("#include <sandlock.h>\n" + bodies)
        # The description has the names of the files, as they are given here.
        compiled = ["-std=c11", "-g", "-shared", "-fPIC", "-isystem", HEADER.parent, "sandlock.c", "-o", "sandlock"]
        output("cc", *compiled, cwd=scratch)
        hidden = ["--no-corpus-path", "--no-comp-dir-path", "--no-show-locs"]
        output("abidw", *hidden, "--out-file", Path(path).resolve(), "sandlock", cwd=scratch)


def compare(*options):
    """What libabigail says about the committed description and the header; empty where they agree."""
    with tempfile.TemporaryDirectory() as scratch:
        now = Path(scratch, "sandlock.abi")
        describe(now)
        command = ["abidiff", "--no-architecture", "--harmless", *options, DESCRIPTION, now]
        done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode & ABIDIFF_FAILED:
        sys.exit(f"abidiff failed: {done.stderr}")
    return done.stdout if done.returncode & ABIDIFF_CHANGED else ""


def incompatible():
    return compare("--no-added-syms")


def write():
    lost = list(lost_constants())
    described = shutil.which("abidw")
    if described and DESCRIPTION.exists() and (found := incompatible()):
        lost.append("INCOMPATIBLE: " + found)
    if lost:
        sys.exit("\n".join(lost) + "\n" + __doc__)
    CONSTANTS.write_text("".join(f"{name} {value}\n" for name, value in sorted(constants().items())))
    if described:
        describe(DESCRIPTION)
    else:
        print("abidw is missing (abigail-tools): tests/abi/sandlock.abi is left as it is", file=sys.stderr)


class Checks:
    """Counts what was found; `check` is called once for each promise."""

    def __init__(self):
        self.done = self.skipped = self.failed = 0

    def check(self, promise, problems):
        problems = [problem for problem in problems if problem]
        self.done += 1
        if problems:
            self.failed += 1
            print(f"FAILED abi: {promise}:", *problems, sep="\n  ")

    def skip(self, promise, reason):
        self.skipped += 1
        print(f"SKIP abi: {promise}: {reason}")

    def passed(self):
        print(f"abi: {self.done} checks, {self.failed} failed, {self.skipped} skipped")
        required = os.environ.get("SANDLOCK_TEST_REQUIRE") == "all"
        return not self.failed and not (required and self.skipped)


def exported(library):
    """Name and kind of what the library gives out, with its version where it has one."""
    lines = output("nm", "--dynamic", "--defined-only", "--with-symbol-versions", library).splitlines()
    return {line.split()[2]: line.split()[1] for line in lines}


def symbol_problems(symbols):
    declared = set(functions())
    yield from (f"{name} is declared and not exported" for name in declared - set(symbols))
    yield from (f"{name} is exported and not declared" for name in set(symbols) - declared)
    yield from (f"{name} is no function" for name, kind in symbols.items() if kind != "T")
    yield from (f"{name} does not begin with sandlock_" for name in symbols if not name.startswith("sandlock_"))


def archive_symbols(archive):
    lines = output("nm", "--extern-only", "--defined-only", archive).splitlines()
    return {line.split()[2]: line.split()[1] for line in lines if len(line.split()) == 3}


def dynamic(library):
    """The entries of the dynamic section: SONAME and NEEDED."""
    return re.findall(r"\((SONAME|NEEDED)\).*\[(.*)\]", output("readelf", "--dynamic", library))


def dynamic_problems(library):
    version = re.search(r'^version = "(\d+\.\d+)\.\d+', (ROOT / "Cargo.toml").read_text(), flags=re.M)[1]
    entries = dynamic(library)
    soname = [value for key, value in entries if key == "SONAME"]
    if soname != [f"libsandlock.so.{version}"]:
        yield f"the SONAME is {soname}"
    for name in (value for key, value in entries if key == "NEEDED"):
        if name not in LIBRARIES and not name.startswith("ld-linux"):
            yield f"needs {name}"
    if library.resolve().name == library.name or not (library.parent / soname[0]).exists():
        yield "the links are missing"


def macro_problems():
    """The header is the same whatever was included before it."""
    alone = preprocessed("")
    for header in SYSTEM_HEADERS:
        if preprocessed(f"#include <{header}>\n") != alone:
            yield f"a macro of <{header}> changes it"


def preprocessed(before):
    """The lines that come from sandlock.h."""
    source = before + "#include <sandlock.h>\n"
    command = ["cc", "-std=gnu11", "-E", "-x", "c", f"-I{HEADER.parent}", "-"]
    ours, lines = False, []
    for line in output(*command, input=source).splitlines():
        if line.startswith("# "):
            ours = "sandlock.h" in line
        elif ours and line.strip():
            lines.append(line)
    return lines


def missing_libraries(prefix):
    """What Rust says that its static libraries need, and sandlock.pc does not name.

    C compilers add libc and libgcc themselves, and the latter's name depends on how it is linked.
    """
    with tempfile.TemporaryDirectory() as scratch:
        command = ["rustc", "--crate-type=staticlib", "--print=native-static-libs", f"--out-dir={scratch}", "-"]
        done = subprocess.run(command, input="", check=True, capture_output=True, text=True)
    needed = re.search(r"native-static-libs: (.*)", done.stderr)[1].split()
    named = (prefix / "lib/pkgconfig/sandlock.pc").read_text().split()
    return [f"{name} is missing" for name in needed if name not in named + ["-lc", "-lgcc_s"]]


def description_problems():
    if not DESCRIPTION.exists():
        yield "there is none; `make generate` writes it"
    elif found := incompatible():
        yield "INCOMPATIBLE: " + found
    elif found := compare():
        yield "it has grown, and `make generate` adds this: " + found


def constant_problems():
    yield from lost_constants()
    for name in sorted(constants().keys() - recorded_constants().keys()):
        yield f"{name} is new; `make generate` adds it"


def main(prefix):
    library = prefix / "lib/libsandlock.so"
    size = library.stat().st_size
    checks = Checks()
    checks.check("the library exports what the header declares", symbol_problems(exported(library)))
    checks.check("so does the static library", symbol_problems(archive_symbols(library.with_suffix(".a"))))
    checks.check("the library's name, and what it needs", dynamic_problems(library))
    checks.check("its size", [f"{size} bytes are more than {MOST_BYTES}"] if size > MOST_BYTES else [])
    checks.check("sandlock.pc names what a static link needs", missing_libraries(prefix))
    checks.check("macros of other headers", macro_problems())
    checks.check("numbers are those of constants.txt", constant_problems())
    types = "types and functions are those of sandlock.abi"
    if shutil.which("abidw"):
        checks.check(types, description_problems())
    else:
        checks.skip(types, "abidw is missing (abigail-tools)")
    return 0 if checks.passed() else 1


if __name__ == "__main__":
    if sys.argv[1:] == ["--write"]:
        write()
    elif len(sys.argv) == 2:
        sys.exit(main(Path(sys.argv[1])))
    else:
        sys.exit(__doc__)
