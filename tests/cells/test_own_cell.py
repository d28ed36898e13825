"""What the page about cells tells is true: the lines of code that it quotes, and the way to a cell of one's own."""

import os
import re
import shlex
import shutil
import subprocess
import sys

import pytest

from charrnn.cells.table import CELLS
from tests.helpers import ROOT
from tests.helpers.pages import parse
from tests.helpers.texts import rhyme

PAGE = (ROOT / "charrnn" / "cells" / "README.md").read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"^#{2,3} (.+?)\n(.*?)(?=^#{2,3} |\Z)", PAGE, re.MULTILINE | re.DOTALL))
ROW, FORMULA, SUITE = (SECTIONS[name] for name in ("A row", "A row with a new formula", "Pass the whole test suite"))
OWN = ("lstm-1997", "leaky")
SMALL = {"train": "--hidden 16 --epochs 2 --no-samples --threads 1", "sample": "--length 20"}


def diffs(section):
    """Join the diffs of a section."""
    return "".join(f"{text}\n" for language, text in parse(section).blocks if language == "diff")


def commands(section):
    """Return the commands of a section that test, train or write, word by word."""
    lines = parse(section).lines("indented")
    return [shlex.split(line) for line in lines if re.match(r"charrnn (train|sample)|python -m pytest tests/", line)]


class Student:
    """Someone with a copy of the project who does what the page says."""

    def __init__(self, folder):
        self.folder = folder
        for name in ("charrnn", "tests"):
            shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(ROOT / "pyproject.toml", folder)
        (folder / "corpus.txt").write_text(rhyme(2000), encoding="utf-8")
        others = {name: value for name, value in os.environ.items() if not name.startswith(("GIT_", "PYTEST_"))}
        # git is not to find a repository that the folder may be in
        self.environment = others | {"PYTHONPATH": str(folder), "GIT_CEILING_DIRECTORIES": str(folder.parent)}

    def type(self, *words, stdin=None):
        """Run a command in the copy; return what it prints."""
        done = subprocess.run(
            words,
            input=stdin,
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            timeout=240,
        )
        assert done.returncode == 0, f"{shlex.join(words)}\n{done.stdout}"
        return done.stdout

    def edit(self, section, *options):
        """Make the edits of a section."""
        assert diffs(section)
        self.type("git", "apply", "--unidiff-zero", *options, stdin=diffs(section))

    def follow(self, section):
        """Make the edits of a section and run its commands; return what pytest prints."""
        self.edit(section)
        told = ""
        for program, *words in commands(section):
            if program == "charrnn":
                self.type(sys.executable, "-m", program, *words, *SMALL[words[0]].split())
            else:
                told += self.type(sys.executable, *words, "-v", "-p", "no:cacheprovider")
        return told


@pytest.mark.long
@pytest.mark.skipif(shutil.which("git") is None, reason="the edits are made by git")
@pytest.mark.skipif(not set(CELLS).isdisjoint(OWN), reason="the edits of the page are made here already")
def test_a_student_comes_to_a_cell_of_their_own(tmp_path):
    """Each cell of the page passes the tests that the page names, is trained and writes; then so do tests of tests."""
    student = Student(tmp_path)
    student.edit(FORMULA, "--check")  # it does not need the other part
    for section, cell in zip((ROW, FORMULA), OWN, strict=True):
        told = student.follow(section)
        passed = {name for name, row in re.findall(r"::(\w+)\[(.+?)\] PASSED", told) if cell in row}
        assert passed >= set(re.findall(r"^\| `(test_\w+)`", ROW, re.MULTILINE))
        assert len(commands(section)) == 3
    assert "failed" not in student.follow(SUITE)


def test_the_lines_that_the_page_quotes_are_there():
    """Each line of code beside an equation is in the file that its table names."""
    tables = re.findall(r"^\| equation \| line of `\.\./(.+?)` \|\n\|.*\n((?:\|.*\n)+)", PAGE, re.MULTILINE)
    assert len(tables) == 2
    for file, rows in tables:
        code = (ROOT / "charrnn" / file).read_text(encoding="utf-8")
        quoted = re.findall(r"\| `(.+)` \|$", rows, re.MULTILINE)
        assert len(quoted) == rows.count("\n")
        assert [line for line in quoted if line not in code] == []


def test_every_cell_is_on_the_page():
    """The table of networks has a row for each cell, in whatever order."""
    assert sorted(re.findall(r"^\| `(\w\S*)` \|", SECTIONS["The networks"], re.MULTILINE)) == sorted(CELLS)


def test_the_tests_that_the_page_names_are_there():
    """Each row of what tutorials say names tests, and each is in the file that it names."""
    rows = re.findall(
        r"^\| (.+?) \| (.+?) \| (.+?) \|(.*)\|$", SECTIONS["From a tutorial to this program"], re.MULTILINE
    )
    rows = [row for row in rows if row[0] not in ("what", "---")]
    assert len(rows) > 30
    for what, how, tests, _ in rows:
        named = re.findall(r"([\w/]+\.py) `(\w+)`", tests)
        assert named, what
        for file, test in named:
            code = (ROOT / "tests" / file).read_text(encoding="utf-8")
            assert f"def {test}(" in code, (what, test)
        for cell in re.findall(r"--cell (\S+?)`", how):
            assert cell in CELLS, what
