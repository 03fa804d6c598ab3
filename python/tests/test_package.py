"""What pip has installed: its metadata, its files, the native module, types and the command."""

import ast
import importlib.metadata
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

import sandlock

REPOSITORY = Path(__file__).parents[2]
INSTALLED = importlib.metadata.distribution("sandlock")
PACKAGE = Path(sandlock.__file__).parent
SCRIPT = Path(sysconfig.get_path("scripts"), "sandlock")

# What Rust's standard library needs; each of them is part of glibc or of gcc.
LIBRARIES = re.compile(
    r"libc\.so\.6|libgcc_s\.so\.1|lib(dl|m|pthread|rt)\.so\.\d|ld-linux.*\.so\.\d"
)


def output_of(*command):
    done = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd="/"
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def readelf(*options):
    """What readelf says of the native module."""
    if not shutil.which("readelf"):
        pytest.skip("readelf is missing (binutils)")
    return output_of("readelf", "--wide", *options, sandlock._native.__file__)


def files():
    """What the wheel has put into the folder of packages; pip adds what it writes down itself."""
    of_pip = {"INSTALLER", "REQUESTED", "direct_url.json"}
    return {
        str(file)
        for file in INSTALLED.files
        if file.parts[0] != ".." and file.suffix != ".pyc" and file.name not in of_pip
    }


def test_the_version_of_the_native_module_is_the_one_of_the_package():
    assert sandlock.__version__ == INSTALLED.version


def test_the_version_is_the_one_of_the_workspace():
    workspace = (REPOSITORY / "Cargo.toml").read_text()
    assert f'\nversion = "{INSTALLED.version}"\n' in workspace


def test_the_metadata_tells_what_it_is():
    metadata = INSTALLED.metadata
    assert metadata["Summary"]
    assert metadata["Keywords"]
    assert metadata["Requires-Python"] == ">=3.9"
    assert metadata["Description-Content-Type"].startswith("text/markdown")
    assert INSTALLED.requires is None
    classifiers = metadata.get_all("Classifier")
    for minor in range(9, 15):
        assert f"Programming Language :: Python :: 3.{minor}" in classifiers
    assert {"Typing :: Typed", "Operating System :: POSIX :: Linux"} <= set(classifiers)


def test_the_licence_is_the_one_of_the_repository():
    assert INSTALLED.metadata["License-Expression"] == "Apache-2.0"
    assert INSTALLED.metadata.get_all("License-File") == ["LICENSE"]
    installed = INSTALLED.read_text("licenses/LICENSE")
    assert installed == (REPOSITORY / "LICENSE").read_text()


def test_the_wheel_fits_every_python_from_3_9_on():
    tags = re.findall(r"^Tag: (.*)$", INSTALLED.read_text("WHEEL"), re.M)
    assert len(tags) == 1
    assert re.fullmatch(rf"cp39-abi3-(many)?linux_.*{sysconfig.get_platform()[6:]}", tags[0])


def test_the_wheel_has_the_package_and_nothing_else():
    sources = REPOSITORY / "python" / "sandlock"
    expected = {f"sandlock/{file.name}" for file in sources.iterdir() if file.is_file()}
    expected |= {"sandlock/_native.abi3.so"}
    info = f"sandlock-{INSTALLED.version}.dist-info"
    named = ("METADATA", "RECORD", "WHEEL", "entry_points.txt", "licenses/LICENSE")
    expected |= {f"{info}/{name}" for name in named}
    # The crates that it was made of.
    expected |= {f"{info}/sboms/sandlock-python.cyclonedx.json"}
    assert files() == expected


def test_the_sources_of_the_repository_are_not_what_is_tested():
    assert PACKAGE != REPOSITORY / "python" / "sandlock"
    assert (PACKAGE / "py.typed").exists()


def test_the_native_module_exports_its_initialization_alone():
    symbols = [line.split() for line in readelf("--dyn-syms").splitlines()]
    exported = [words[7] for words in symbols if len(words) > 7 and words[6].isdigit()]
    assert exported == ["PyInit__native"]


def test_the_native_module_needs_libraries_of_every_linux_alone():
    needed = re.findall(r"\(NEEDED\).*\[(.*)\]", readelf("--dynamic"))
    assert needed
    for library in needed:
        assert LIBRARIES.fullmatch(library), library


def test_the_native_module_is_looked_for_in_no_folder_of_the_builder():
    dynamic = readelf("--dynamic")
    assert "RPATH" not in dynamic
    assert "RUNPATH" not in dynamic


def test_the_native_module_is_stripped():
    sections = readelf("--section-headers")
    assert ".dynsym" in sections
    assert ".symtab" not in sections
    assert ".debug_info" not in sections
    assert Path(sandlock._native.__file__).stat().st_size < 4 << 20


def test_the_script_is_the_command():
    assert output_of(SCRIPT, "--version") == f"sandlock {INSTALLED.version}\n"


def test_python_m_is_the_command():
    said = output_of(sys.executable, "-m", "sandlock", "--version")
    assert said == f"sandlock {INSTALLED.version}\n"


def test_the_command_runs_programs_and_passes_their_status_on():
    grants = ["--fs-read", "/usr", "--fs-read-if-exists", "/lib", "--fs-read-if-exists", "/lib64"]
    assert output_of(SCRIPT, "run", *grants, "--", "echo", "hello") == "hello\n"
    shell = ["sh", "-c", "exit 7"]
    assert subprocess.run([SCRIPT, "run", *grants, "--", *shell]).returncode == 7


def test_importing_it_imports_nothing_that_takes_long():
    program = "import sys; import sandlock; print(sorted(sys.modules))"
    before = "import sys; print(sorted(sys.modules))"
    loaded = ast.literal_eval(output_of(sys.executable, "-c", program))
    more = set(loaded) - set(ast.literal_eval(output_of(sys.executable, "-c", before)))
    assert "sandlock._native" in more
    assert not more & {"asyncio", "inspect", "selectors", "signal", "subprocess", "typing"}
