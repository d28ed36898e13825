"""The house and its tests have the same rooms, and no file of it is too long to be read at once."""

import ast
from collections import Counter

from tests.helpers import ROOT
from tests.layout import arguments, body_lines, constant_indices, functions, is_command

PROGRAM, TESTS = ROOT / "charrnn", ROOT / "tests"
LONGEST = 400  # lines of a file


def files():
    """Return all files of the program."""
    return sorted(PROGRAM.rglob("*.py"))


def test_every_room_has_its_tests():
    """Each folder of the program has one in tests/, with tests in it, and there are no others but for helpers."""
    rooms = {path.parent.name for path in PROGRAM.glob("*/__init__.py")}
    tested = {path.parent.name for path in TESTS.glob("*/__init__.py") if list(path.parent.glob("test_*.py"))}
    assert tested == rooms


def test_a_name_is_that_of_one_file():
    """No two files of the program have the same name, in whatever rooms; nor do two files of tests."""
    for paths in (files(), TESTS.rglob("*.py")):
        counts = Counter(path.name for path in paths if path.name not in ("__init__.py", "conftest.py"))
        assert [name for name, count in counts.items() if count > 1] == []


def test_no_file_is_too_long():
    """What is longer than some pages has more than one idea in it."""
    lengths = {str(path.relative_to(ROOT)): path.read_text(encoding="utf-8").count("\n") for path in files()}
    assert {name: lines for name, lines in lengths.items() if lines > LONGEST} == {}


def test_no_function_is_too_long():
    """A function has fifty lines at most, without its docstring."""
    assert {name for name, function in functions(PROGRAM) if body_lines(function) > 50} == set()


def test_arguments_have_names_that_a_reader_can_keep():
    """Ten at most, and none is picked from a tuple by a number; a command has as many as it has options.

    An estimator of scikit-learn has one for each parameter.
    """
    many = {name for name, f in functions(PROGRAM) if arguments(f) > 10 and not is_command(f)}
    assert many == {"charrnn/sklearn.py:__init__"}
    assert constant_indices(PROGRAM) == []


def test_no_test_reads_another():
    """What test files share is in helpers or a fixture, so that each can be moved and read by itself."""
    for path in TESTS.rglob("test_*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom):
                names = [f"{node.module}.{alias.name}" for alias in node.names]
                assert not [name for name in names if name.startswith("tests.") and ".test_" in name], path


def test_the_naive_twins_stand_alone():
    """They are written from the papers, and import nothing of what they are compared with."""
    tree = ast.parse((TESTS / "naive.py").read_text(encoding="utf-8"))
    modules = [node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    modules += [alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names]
    assert not [name for name in modules if name.partition(".")[0] in ("charrnn", "tests")]
