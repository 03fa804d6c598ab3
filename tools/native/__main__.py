"""Builds the C and C++ programs of this repository against an installed library, and runs them.

    python3 tools/native PREFIX

Each is built by each compiler, plain and with sanitizers, and run as this user and, if that is root,
also as an ordinary one. Prints what failed or was skipped, and one line with counts.
"""

import os
import shutil
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from builds import CompilerError, builds, second_library
from programs import programs
from report import Report
from runs import attempts, run

ROOT = Path(__file__).resolve().parents[2]


def main(prefix):
    report = Report()
    for tool in ("pkg-config", "gcc"):
        if not shutil.which(tool):
            report.skips("everything in C and C++", f"{tool} is missing")
            return report.finish()
    if not shutil.which("valgrind"):
        report.skips("programs under valgrind", "it is missing")
    with tempfile.TemporaryDirectory(prefix="sandlock-native-") as scratch:
        scratch = Path(scratch)
        # Others must reach what they are to run.
        scratch.chmod(0o755)
        jobs = list(builds(programs(ROOT, scratch), prefix, scratch, report))
        jobs.append(second_library(ROOT, prefix, scratch))
        # What takes longest to compile goes first, so that no processor waits for it at the end.
        jobs.sort(key=lambda build: (build.program.language, build.variant), reverse=True)
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            list(pool.map(lambda build: try_out(build, scratch, report), jobs))
    return report.finish()


def try_out(build, scratch, report):
    try:
        binary = build.compile(scratch)
    except CompilerError as error:
        report.fails(build.name, str(error))
        return
    report.passes()
    if binary is None:
        return
    for name, user, under in attempts(build):
        if output := run(binary, user, under, scratch):
            report.fails(f"{build.name} as {name}", output)
        else:
            report.passes()
    binary.unlink()


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    sys.exit(main(Path(sys.argv[1]).resolve()))
