"""What the documents say in Python is run, and their links lead somewhere.

A block ```python is a program of its own, run by a fresh interpreter in an empty folder, with
warnings as errors. `pytest` behind the language runs it as a file of tests, `no-run` compiles it
and nothing more.
"""

from __future__ import annotations

import ast
import doctest
import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

import sandlock

REPOSITORY = Path(__file__).parents[2]
DOCUMENTS = ["README.md", "python/README.md", "docs/python.md", "docs/extension-handlers.md"]
BLOCK = re.compile(r"^```python\b([^\n]*)\n(.*?)^```$", re.M | re.S)
LINK = re.compile(r"\]\(([^)\s]+)\)")
RUNNERS = {"": [], "pytest": ["-m", "pytest", "--quiet", "-p", "no:cacheprovider"]}
SECONDS = 50


class Block(NamedTuple):
    document: str
    line: int
    how: str
    code: str

    def __str__(self) -> str:
        return f"{self.document}:{self.line}"


def blocks():
    found = []
    for document in DOCUMENTS:
        text = (REPOSITORY / document).read_text()
        for match in BLOCK.finditer(text):
            line = text.count("\n", 0, match.start()) + 1
            found.append(Block(document, line, match.group(1).strip(), match.group(2)))
    return found


BLOCKS = blocks()


@pytest.mark.parametrize("block", BLOCKS, ids=str)
def test_a_block_does_what_its_document_says(block, tmp_path):
    # With the numbers of lines that the document has.
    program = tmp_path / "test_block.py"
    program.write_text("\n" * block.line + block.code)
    if block.how == "no-run":
        compile(block.code, str(block), "exec")
        return
    place = tmp_path / "place"
    place.mkdir()
    done = subprocess.run(
        [sys.executable, "-B", "-W", "error", *RUNNERS[block.how], program],
        cwd=place,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=SECONDS,
    )
    assert done.returncode == 0, done.stdout


def test_every_document_has_blocks_and_few_are_not_run():
    assert {block.document for block in BLOCKS} == set(DOCUMENTS)
    assert {block.how for block in BLOCKS} <= {*RUNNERS, "no-run"}
    assert sum(block.how == "no-run" for block in BLOCKS) <= 1


def test_a_block_that_fails_is_noticed(tmp_path):
    """The control: so the other tests do run what they find."""
    wrong = Block("nowhere.md", 7, "", "import sandlock\nassert sandlock.PIPE == 1\n")
    with pytest.raises(AssertionError, match=r"line 9"):
        test_a_block_does_what_its_document_says(wrong, tmp_path)


@pytest.mark.parametrize("document", DOCUMENTS)
def test_links_lead_somewhere(document):
    place = REPOSITORY / document
    for link in LINK.findall(place.read_text()):
        if "://" in link:
            continue
        path, _, anchor = link.partition("#")
        target = place.parent / path if path else place
        assert target.exists(), link
        assert not anchor or anchor in anchors(target.read_text()), link


def anchors(text):
    """The names of its sections, as they are made of their titles."""
    titles = re.findall(r"^#+ (.*)$", text, re.M)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


# What is in a native module has no source: what its docstrings say is found by its public name.
EXAMPLES = [
    example
    for name in sandlock.__all__
    for example in doctest.DocTestFinder().find(getattr(sandlock, name), name, module=False)
    if example.examples
]


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.name)
def test_a_docstring_shows_what_happens(example):
    example.globs = dict(vars(sandlock))
    said = []
    doctest.DocTestRunner().run(example, out=said.append)
    assert not said, "".join(said)


def test_docstrings_have_examples():
    assert {example.name for example in EXAMPLES} >= {"Policy", "Sandbox", "When"}


@pytest.mark.parametrize("name", [name for name in sandlock.__all__ if not name.startswith("__")])
def test_the_guide_names_what_is_public(name):
    words = set(re.findall(r"\w+", (REPOSITORY / "docs/python.md").read_text()))
    assert name in words or name.startswith("RESOLVE_")


def test_the_guide_tells_every_class_of_errors_and_what_it_also_is():
    """Its table is the one of the package."""
    text = (REPOSITORY / "docs/python.md").read_text()
    table = text[text.index("| class | also a | when |") :].split("\n\n")[0]
    told = {}
    for row in table.splitlines()[2:]:
        names, bases = (re.findall(r"`(\w+)`", cell) for cell in row.split("|")[1:3])
        told.update((name, bases or ["SandlockError"]) for name in names)
    classes = {
        name: value
        for name, value in vars(sandlock).items()
        if isinstance(value, type) and issubclass(value, sandlock.SandlockError)
    }
    del classes["SandlockError"]
    assert set(told) == set(classes)
    for name, bases in told.items():
        direct = [base.__name__ for base in classes[name].__bases__]
        assert [base for base in direct if base != "SandlockError"] == [
            base for base in bases if base != "SandlockError"
        ], name


@pytest.mark.parametrize("method", ["run", "run_async", "popen", "add_handler"])
def test_the_guide_names_every_argument(method):
    source = (Path(sandlock.__file__).parent / "_sandbox.py").read_text()
    words = set(re.findall(r"\w+", (REPOSITORY / "docs/python.md").read_text()))
    functions = [
        node
        for node in ast.walk(ast.parse(source))
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and node.name == method
    ]
    for argument in functions[-1].args.kwonlyargs:
        assert argument.arg in words, argument.arg
