"""What is compiled: tests, examples, code in documents, and the headers alone."""

import re
from dataclasses import dataclass
from pathlib import Path

STANDARDS = {"c": "c11", "c++": "c++17"}
# Where a header must compile though nothing else was included.
ALONE = {
    "sandlock.h": [("c", "c99"), ("c", "c11"), ("c++", "c++17")],
    "sandlock.hpp": [("c++", "c++17"), ("c++", "c++20")],
}
CODE_BLOCK = re.compile(r"^```(cpp|c)\b([^\n]*)\n(.*?)^```$", re.M | re.S)


@dataclass(frozen=True)
class Program:
    name: str
    source: Path
    language: str
    standard: str
    # A piece of code has nothing to run.
    whole: bool = True
    # The other files of a program that has several.
    others: tuple[Path, ...] = ()

    @property
    def starts_nothing(self):
        """valgrind cannot follow the library's way of starting programs; these it can."""
        return self.source.read_text().split("\n", 1)[0] in ("/* valgrind */", "// valgrind")


def programs(root, scratch):
    return [*files(root), *documented(root, scratch), *headers(root, scratch)]


def files(root):
    for pattern in ("tests/c/*.c", "tests/cpp/*.cpp", "examples/*.c", "examples/*.cpp"):
        for source in sorted(root.glob(pattern)):
            language = "c" if source.suffix == ".c" else "c++"
            yield Program(str(source.relative_to(root)), source, language, STANDARDS[language])
    for source in sorted(root.glob("tests/cpp/*/main.cpp")):
        others = tuple(sorted(other for other in source.parent.glob("*.cpp") if other != source))
        name = str(source.relative_to(root))
        yield Program(name, source, "c++", STANDARDS["c++"], others=others)


def documented(root, scratch):
    """Code in the documents: programs, and pieces in front of which the header is included."""
    for document in [root / "README.md", *sorted((root / "docs").glob("*.md"))]:
        text = document.read_text()
        for block in CODE_BLOCK.finditer(text):
            if "text" in block[2]:
                continue
            language = "c" if block[1] == "c" else "c++"
            line = text.count("\n", 0, block.start()) + 2
            name = f"{document.relative_to(root)}:{line}"
            whole = "main(" in block[3]
            header = "" if whole else f"#include <sandlock.{'h' if language == 'c' else 'hpp'}>\n"
            code = f'{header}#line {line} "{document.relative_to(root)}"\n{block[3]}'
            yield Program(name, written(scratch, name, language, code), language, STANDARDS[language], whole)


def headers(root, scratch):
    for header, languages in ALONE.items():
        for language, standard in languages if (root / "include" / header).exists() else []:
            name = f"{header} as {standard}"
            source = written(scratch, name, language, f"#include <{header}>\n")
            yield Program(name, source, language, standard, whole=False)


def written(scratch, name, language, code):
    suffix = ".c" if language == "c" else ".cpp"
    source = scratch / (file_name(name) + suffix)
    source.write_text(code)
    return source


def file_name(name):
    return re.sub(r"\W+", "-", name)
